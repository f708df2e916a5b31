package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func (s *story) untold(ctx context.Context) error {
	s.page.chapter("What a cache serves that nobody tells")
	s.page.indented("An event reaches one environment. This is another one, with the default TTL of 300 s:")
	r, err := s.elsewhere.read(ctx)
	if err != nil {
		return err
	}
	s.page.holds(r.password, "the old password, as in any cache that only counts the seconds")
	s.page.holds(fmt.Sprintf("%.0f s", (300*time.Second-r.age).Seconds()), "it goes on with that for (SECRETS_MANAGER_TTL sets the limit) up to")
	return want("password in the environment that no event reached", r.password, password(1))
}

func (s *story) secondRotation(ctx context.Context) error {
	s.page.chapter("Rotated once more, right away")
	s.page.indented(`An event of one's own this time: {"source":"secretsmanager","detail":{"secretId":"prod/db"},...}`)
	s.rotate(3)
	custom := `{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"prod/db"}}`
	if err := s.follow(ctx, []byte(custom), 3); err != nil {
		return err
	}
	if _, err := s.everywhere(ctx, 3); err != nil {
		return err
	}
	return want("calls to Secrets Manager for a rotation", s.ledger.add(s, "a second rotation, read twice", 3), 1)
}

func (s *story) outage(ctx context.Context) error {
	s.page.chapter("Rotated while Secrets Manager is down")
	event := s.rotate(4)
	s.aws.Fail(awstest.Fault{Kind: awstest.Unavailable})
	began := time.Now()
	res, err := s.here.lambda.Invoke(ctx, event)
	took := time.Since(began)
	if err != nil {
		return err
	}
	if res.Error == nil {
		return fmt.Errorf("a rotation without Secrets Manager: got the answer %s, want an error, so that Lambda sends the event again", res.Payload)
	}
	s.page.holds(ms(took), "it tries, then fails the event's invocation, so that Lambda repeats it")
	r, err := s.here.read(ctx)
	if err != nil {
		return err
	}
	p, err := s.invoke(ctx)
	if err != nil {
		return err
	}
	s.page.holds(r.password, "the endpoint still answers, with the last value it had,")
	s.page.holds("stale", "and marks it, X-Secrets-Cache:")
	s.page.holds(p.Password, "the function still runs, with")
	if err := errors.Join(
		want("password during the outage", r.password, password(3)),
		want("mark of the answer", r.mark, "stale"),
		want("DB_PASSWORD of the function", p.Password, password(3))); err != nil {
		return err
	}
	s.ledger.add(s, "an outage, survived (the tries all failed)", 3)

	s.aws.Heal()
	s.page.indented("Secrets Manager is back, and Lambda sends the event again:")
	if err := s.follow(ctx, event, 4); err != nil {
		return err
	}
	if _, err := s.everywhere(ctx, 4); err != nil {
		return err
	}
	// A try that was under way when the service came back is a call too.
	if made := s.ledger.add(s, "the same event once more, read twice", 3); made < 1 || made > 2 {
		return fmt.Errorf("calls to Secrets Manager for a rotation: got %d, want 1 or 2", made)
	}
	return nil
}

func (s *story) shutdown(ctx context.Context) error {
	s.page.chapter("Lambda ends the environment")
	began := time.Now()
	if err := s.here.lambda.Shutdown(ctx, lambdatest.Spindown); err != nil {
		return err
	}
	s.page.holds(ms(time.Since(began)), "the extension and the function ended by themselves (in 2 s at most), in")
	if _, err := os.Lstat(s.file); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: want no such file any more, got the error %v", s.file, err)
	}
	s.page.holds("removed", "the dotenv file is")
	if log := s.here.lambda.Log(); strings.Contains(log, "correct-horse") || strings.Contains(log, "made-up-key") {
		return errors.New("a value is in the log")
	}
	s.page.holds("none", "values in the log of the extension and of the function:")
	return want("broken rules of Lambda's APIs", strings.Join(s.here.lambda.Violations(), "; "), "")
}
