package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// misses measures what a read that has to fetch takes, more than the call to
// Secrets Manager itself. That one is made here, over a kept connection as well.
func (b *bench) misses(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("bench/db", `{"username":"root","password":"made-up"}`)
	s, err := b.start(ctx, extension, aws, "SECRETS_MANAGER_TTL=0")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	endpoint, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer endpoint.Close()
	u, err := url.Parse(aws.URL())
	if err != nil {
		return nil, err
	}
	direct, err := dial(u.Host)
	if err != nil {
		return nil, err
	}
	defer direct.Close()

	var reads, calls []time.Duration
	const warmup = 20
	for i := range b.times(500, 100) + warmup {
		call, err := direct.timed(getSecretValue("bench/db"))
		if err != nil {
			return nil, fmt.Errorf("call to the fake: %w", err)
		}
		read, err := endpoint.timed(get("bench/db"))
		if err != nil {
			return nil, fmt.Errorf("miss: %w", err)
		}
		if i >= warmup {
			reads, calls = append(reads, read), append(calls, call)
		}
	}
	if got, want := aws.CallCount("bench/db"), 2*(len(reads)+warmup); got != want {
		return nil, fmt.Errorf("misses: got %d calls to Secrets Manager, want %d, half of them from here", got, want)
	}
	b.sampleAll("Miss", reads)
	b.sampleAll("GetSecretValue", calls)
	return []figure{{
		Name: "miss, more than the call to Secrets Manager", Unit: "ms", timing: true,
		Got: ms(median(reads) - median(calls)), Must: 2, Aim: 1, Detail: fmt.Sprintf("%.3f ms against %.3f ms", ms(median(reads)), ms(median(calls))),
	}}, nil
}

func (c *connection) timed(request []byte) (time.Duration, error) {
	began := time.Now()
	_, err := c.exchange(request, nil)
	return time.Since(began), err
}

// getSecretValue is a call as the fake takes it: signed by somebody, not verified.
func getSecretValue(secretID string) []byte {
	body := fmt.Sprintf(`{"SecretId":%q}`, secretID)
	return []byte(strings.Join([]string{
		"POST / HTTP/1.1", "Host: secretsmanager", "Content-Type: application/x-amz-json-1.1", "X-Amz-Target: secretsmanager.GetSecretValue",
		"Authorization: AWS4-HMAC-SHA256 Credential=" + awstest.AccessKeyID + "/20260101/us-east-1/secretsmanager/aws4_request",
		fmt.Sprintf("Content-Length: %d", len(body)), "", body,
	}, "\r\n"))
}
