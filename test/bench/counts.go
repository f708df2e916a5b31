package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// calls counts what reaches Secrets Manager.
func (b *bench) calls(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	arn, _ := aws.Put("bench/db", `{"password":"made-up-1"}`)
	aws.Put("bench/cold", "made-up")
	s, err := b.start(ctx, extension, aws, "SECRET=bench/db")
	if err != nil {
		return nil, err
	}
	defer s.stop()
	addr := s.addr

	// Long enough that all readers are there while the first one waits.
	aws.SetLatency(200 * time.Millisecond)
	if err := readTogether(addr, "bench/cold", 100); err != nil {
		return nil, err
	}
	cold := aws.CallCount("bench/cold")
	aws.SetLatency(0)

	before := aws.CallCount("bench/db")
	_, version := aws.Put("bench/db", `{"password":"made-up-2"}`)
	if err := rotate(addr, arn, version); err != nil {
		return nil, err
	}
	named := aws.CallCount("bench/db") - before
	if err := rotate(addr, arn, version); err != nil {
		return nil, err
	}
	held := aws.CallCount("bench/db") - before - named
	return []figure{
		{Name: "calls for 100 concurrent readers of a cold secret", Unit: count, Got: float64(cold), Must: 1, Aim: 1},
		{Name: "calls for a rotation event that names the version", Unit: count, Got: float64(named), Must: 1, Aim: 1},
		{Name: "calls for one that names a version held already", Unit: count, Got: float64(held), Must: 0, Aim: 0},
	}, nil
}

func readTogether(addr, secretID string, readers int) error {
	errs := make([]error, readers)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() { _, errs[i] = read(addr, secretID) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// rotate posts an event to the endpoint.
func rotate(addr, arn, version string) error {
	answer, err := ask(addr, request("POST", "/rotation", string(awstest.LabelUpdated(arn, "bench/db", version))))
	if err != nil {
		return fmt.Errorf("rotation: %w", err)
	}
	if !strings.Contains(answer, `"rotated":true`) || !strings.Contains(answer, version) {
		return fmt.Errorf("rotation: got %s, want the version %s", answer, version)
	}
	return nil
}
