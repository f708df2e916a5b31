package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

const (
	latency = 20 * time.Millisecond // of a call to Secrets Manager, as inside a Region
	hits    = 1000

	keyHere, keyElsewhere = "AKIAEXAMPLEHERE", "AKIAEXAMPLEELSEWHERE"
)

// story is what the chapters share.
type story struct {
	page      *page
	aws       *awstest.SecretsManager
	here      *environment
	elsewhere *environment // another environment of the same function, which no event reaches
	file      string
	first     answer // the function's, at its first invocation
	invoked   int    // invocations that were no rotations
	ledger    ledger
}

func newStory(p *page, file string) (*story, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, err
	}
	s := &story{page: p, aws: awstest.New(), file: file}
	s.aws.SetLatency(latency)
	s.aws.Put("prod/api-key", "made-up-key")
	s.here = newEnvironment(s.aws, keyHere, ports[0], "SECRETS_DOTENV_PATH="+file)
	s.elsewhere = newEnvironment(s.aws, keyElsewhere, ports[1], "SECRETS_DOTENV_PATH=off")
	s.rotate(1)
	return s, nil
}

func (s *story) close() {
	s.here.lambda.Close()
	s.elsewhere.lambda.Close()
	s.aws.Close()
}

func password(n int) string { return fmt.Sprintf("correct-horse-%d", n) }

// rotate gives the secret its nth value, and returns the event of that.
func (s *story) rotate(n int) (event []byte) {
	arn, version := s.aws.Put("prod/db", fmt.Sprintf(`{"username":"shop","password":%q}`, password(n)))
	return awstest.LabelUpdated(arn, "prod/db", version)
}

func (s *story) prologue() {
	s.page.text("A function's secrets, from its cold start to its end")
	s.page.text("")
	s.page.text("Real: the extension, and a Go function that uses package shim, each a process of its own.")
	s.page.text("Fake: AWS Lambda, and AWS Secrets Manager, which takes %s for an answer.", ms(latency))
}

func (s *story) coldStart(ctx context.Context, extension, function string) error {
	s.page.chapter("Cold start")
	s.page.indented("The function's configuration: SECRET=%q", references)
	began := time.Now()
	if _, err := s.here.lambda.StartExtension(exec.Command(extension)); err != nil {
		return err
	}
	// StartRuntime waits for the registration, as Lambda does.
	if _, err := s.here.lambda.StartRuntime(exec.Command(function)); err != nil {
		return err
	}
	registered := time.Since(began)
	calls := s.callsOf(keyHere)
	if err := want("calls to Secrets Manager before the registration", len(calls), 2); err != nil {
		return err
	}
	asked, loaded := calls[0].Time.Sub(began), calls[1].Time.Add(latency).Sub(began)
	if err := s.here.lambda.WaitInit(ctx); err != nil {
		return err
	}
	ready := time.Since(began)
	var err error
	if s.first, err = s.invoke(ctx); err != nil {
		return err
	}
	s.page.holds(ms(asked), "the extension runs and asks for both secrets side by side, after")
	s.page.holds(ms(loaded), "both secrets are loaded, after")
	s.page.holds(ms(registered), "it has registered, so Lambda starts the function, after")
	s.page.holds(ms(ready), "the function waits for its first event, after")
	s.page.holds(s.first.Password, `os.Getenv("DB_PASSWORD") in the function's process`)
	s.ledger.add(s, "cold start and first invocation", 2)
	return errors.Join(
		want("DB_PASSWORD of the function", s.first.Password, password(1)),
		want("API_KEY of the function", s.first.APIKey, "made-up-key"))
}

func (s *story) reads(ctx context.Context) error {
	s.page.chapter("Any language reads secrets from localhost")
	s.page.indented("$ curl -H \"X-Aws-Parameters-Secrets-Token: $AWS_SESSION_TOKEN\" \\")
	s.page.indented("       'http://localhost:%s%s'", s.here.port, path)
	r, err := s.here.read(ctx)
	if err != nil {
		return err
	}
	s.page.indented("%s", r.body)
	var took []time.Duration
	for range hits {
		r, err := s.here.read(ctx)
		if err := errors.Join(err, want("password", r.password, password(1)), want("X-Secrets-Cache", r.mark, "hit")); err != nil {
			return err
		}
		took = append(took, r.took)
	}
	slices.Sort(took)
	s.page.holds(ms(took[hits/2]), "%d more such reads, all served from memory; half of them took less than", hits)
	s.page.holds(ms(took[hits*99/100]), "and 99 of 100 took less than")
	return want("calls to Secrets Manager for reads", s.ledger.add(s, fmt.Sprintf("%d reads at the endpoint", hits+1), hits+1), 0)
}

func (s *story) dotenv(context.Context) error {
	s.page.chapter("Programs that want a file have one")
	info, err := os.Lstat(s.file)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(s.file)
	if err != nil {
		return err
	}
	s.page.indented("$ ls -l %s; cat %[1]s", s.file)
	s.page.indented("%v  %d bytes", info.Mode(), info.Size())
	for line := range strings.Lines(string(content)) {
		s.page.indented("%s", strings.TrimSuffix(line, "\n"))
	}
	s.page.holds("0600", "the file was there before the function started; its mode is")
	return errors.Join(
		want("mode of the file", info.Mode(), os.FileMode(0o600)),
		want("content of the file", string(content), "API_KEY=made-up-key\nDB_PASSWORD="+password(1)+"\nDB_USER=shop\n"),
		want("the file was there before the function", s.first.HadFile, true))
}

func (s *story) rotation(ctx context.Context) error {
	s.page.chapter("The password is rotated, and an event tells the function")
	s.page.indented("aws.secretsmanager, Secret Label Updated: prod/db has a new AWSCURRENT")
	if err := s.follow(ctx, s.rotate(2), 2); err != nil {
		return err
	}
	p, err := s.everywhere(ctx, 2)
	if err != nil {
		return err
	}
	s.page.holds(fmt.Sprintf("pid %d", p.PID), "the function's process was not restarted: it is still")
	s.page.holds(fmt.Sprintf("%d calls", p.Calls), "the event did not reach the function's own handler, which has had")
	return errors.Join(
		want("pid of the function", p.PID, s.first.PID),
		want("calls of the handler", p.Calls, s.invoked),
		want("calls to Secrets Manager for a rotation", s.ledger.add(s, "a rotation, and the new value read twice", 3), 1))
}

// follow sends the function a rotation event and says how long the answer took.
func (s *story) follow(ctx context.Context, event []byte, n int) error {
	began := time.Now()
	res, err := s.here.lambda.Invoke(ctx, event)
	took := time.Since(began)
	if err == nil && res.Error != nil {
		err = res.Error
	}
	if err != nil {
		return fmt.Errorf("rotation to %s: %w", password(n), err)
	}
	var answer struct{ Rotated, Changed bool }
	if err := json.Unmarshal(res.Payload, &answer); err != nil || !answer.Rotated || !answer.Changed {
		return fmt.Errorf("answer to the event: got %s, want rotated and changed", res.Payload)
	}
	s.page.holds(ms(took), "the event is answered, one call of %s to Secrets Manager included, in", ms(latency))
	return nil
}

// everywhere checks that the nth password is the one in all places.
func (s *story) everywhere(ctx context.Context, n int) (answer, error) {
	r, err := s.here.read(ctx)
	if err != nil {
		return answer{}, err
	}
	content, err := os.ReadFile(s.file)
	if err != nil {
		return answer{}, err
	}
	p, err := s.invoke(ctx)
	if err != nil {
		return p, err
	}
	err = errors.Join(
		want("password at the endpoint", r.password, password(n)),
		want("mark of the answer", r.mark, "hit"),
		want("password in the file", strings.Contains(string(content), "\nDB_PASSWORD="+password(n)+"\n"), true),
		want("DB_PASSWORD of the function", p.Password, password(n)))
	if err != nil {
		return p, err
	}
	s.page.holds(r.password, "at the endpoint")
	s.page.holds(password(n), "in the dotenv file")
	s.page.holds(p.Password, "in the function's process environment")
	return p, nil
}

func (s *story) invoke(ctx context.Context) (answer, error) {
	s.invoked++
	return s.here.invoke(ctx)
}
