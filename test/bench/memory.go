package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// memory is that of the extension when it has served as many secrets.
func (b *bench) memory(ctx context.Context) ([]figure, error) {
	hundred, err := b.serving(ctx, 100)
	if err != nil {
		return nil, err
	}
	thousand, err := b.serving(ctx, 1000)
	if err != nil {
		return nil, err
	}
	hundred.Must, hundred.Aim = 18, 15
	thousand.Must, thousand.Aim = 28, 22
	return []figure{hundred, thousand}, nil
}

// serving reads each of the secrets five times and measures then.
func (b *bench) serving(ctx context.Context, secrets int) (figure, error) {
	aws := awstest.New()
	defer aws.Close()
	var ids []string
	for i := range secrets {
		ids = append(ids, fmt.Sprintf("bench/%d", i))
		aws.Put(ids[i], fmt.Sprintf(`{"username":"user-%d","password":%q}`, i, strings.Repeat("p", 200)))
	}
	s, err := b.start(ctx, extension, aws)
	if err != nil {
		return figure{}, err
	}
	defer s.stop()
	c, err := dial(s.addr)
	if err != nil {
		return figure{}, err
	}
	defer c.Close()
	for range 5 {
		for _, id := range ids {
			if _, err := c.exchange(get(id), nil); err != nil {
				return figure{}, fmt.Errorf("read %s: %w", id, err)
			}
		}
	}
	bytes, err := s.memory("VmRSS", "RssAnon", "RssFile")
	if err != nil {
		return figure{}, err
	}
	b.sample(fmt.Sprintf("Memory/secrets=%d", secrets), 1, measure{"resident-B", bytes[0]})
	return figure{
		Name: fmt.Sprintf("resident memory after serving %d secrets", secrets), Unit: "MB", Got: bytes[0] / 1e6,
		Detail: fmt.Sprintf("%.1f MB its own, %.1f MB of its file", bytes[1]/1e6, bytes[2]/1e6),
	}, nil
}
