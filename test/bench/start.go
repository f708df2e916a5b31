package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// coldStart compares the start of the extension with one secret with that of an
// extension that only registers.
func (b *bench) coldStart(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("bench/db", `{"username":"root","password":"made-up"}`)
	var ours, bare []time.Duration
	for range b.times(40, 8) {
		if err := b.startOnce(ctx, &bare, "bare", aws); err != nil {
			return nil, err
		}
		if err := b.startOnce(ctx, &ours, extension, aws, "SECRET=bench/db"); err != nil {
			return nil, err
		}
	}
	if got := aws.CallCount("bench/db"); got != len(ours) {
		return nil, fmt.Errorf("cold start: got %d calls to Secrets Manager in %d starts, want one each", got, len(ours))
	}
	b.sampleAll("Registered/secrets=1", ours)
	b.sampleAll("BareExtension", bare)
	mine, theirs := median(ours), median(bare)
	return []figure{{
		Name: "exec to registered with one secret, more than a bare extension", Unit: "ms", timing: true,
		Got: ms(mine - theirs), Must: 15, Aim: 5, Detail: fmt.Sprintf("%.2f ms against %.2f ms", ms(mine), ms(theirs)),
	}}, nil
}

func (b *bench) startOnce(ctx context.Context, took *[]time.Duration, binary string, aws *awstest.SecretsManager, variables ...string) error {
	s, err := b.start(ctx, binary, aws, variables...)
	if err != nil {
		return err
	}
	s.stop()
	*took = append(*took, s.took)
	return nil
}

// manySecrets compares the start with twenty secrets with that with one, where
// each takes as long as Secrets Manager may.
func (b *bench) manySecrets(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.SetLatency(50 * time.Millisecond)
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("bench/%d", i))
		aws.Put(ids[i], fmt.Sprintf(`{"KEY_%d":"made-up"}`, i))
	}
	var one, twenty []time.Duration
	for range b.times(10, 3) {
		if err := b.startOnce(ctx, &one, extension, aws, "SECRET="+ids[0]); err != nil {
			return nil, err
		}
		if err := b.startOnce(ctx, &twenty, extension, aws, "SECRET="+strings.Join(ids, ",")); err != nil {
			return nil, err
		}
	}
	b.sampleAll("Registered/secrets=20/latency=50ms", twenty)
	times := ratio(twenty, one)
	many, single := median(twenty), median(one)
	return []figure{{
		Name: "20 secrets of 50 ms, exec to registered, against one", Unit: "×", timing: true,
		Got: times, Must: 4, Aim: 3.2, Detail: fmt.Sprintf("%.1f ms against %.1f ms", ms(many), ms(single)),
	}}, nil
}
