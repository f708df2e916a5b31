package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func TestColdStartRotationAndShutdown(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, nil)
	s.start()
	s.wantFile("NUMBER=1\nPASSWORD=" + canary + "-1\n") // before the runtime runs
	if err := s.lambda.WaitInit(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantEverywhere(1)
	s.invoke()
	for n := 2; n < 5; n++ {
		arn, version := s.aws.Put("db", dbValue(n))
		r, err := s.client.Rotation(t.Context(), nativeEvent(arn, version))
		if err != nil || !r.Rotated || !r.Changed || r.VersionID != version {
			t.Errorf("rotation %d = %+v, %v", n, r, err)
		}
		s.wantEverywhere(n)
	}
	if got := s.aws.CallCount(""); got != 4 {
		t.Errorf("calls to AWS = %d, want 4: a load and three rotations", got)
	}
	s.shutdown()
}

func nativeEvent(arn, version string) []byte { return awstest.LabelUpdated(arn, "db", version) }

func TestWithoutAFileSecretsLoadWhileTheRuntimeStarts(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, map[string]string{"SECRETS_DOTENV_PATH": "off"})
	s.aws.SetLatency(time.Second)
	s.start()
	if took := s.ended.Registered(); took > 900*time.Millisecond {
		t.Errorf("registered after %s, want it not to wait for Secrets Manager", took)
	}
	// A read that comes before the load has ended waits for it, and makes no call.
	if got, err := s.client.Key(t.Context(), "db", "NUMBER"); err != nil || got != "1" {
		t.Errorf("read during init = %q, %v", got, err)
	}
	if err := s.lambda.WaitInit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.aws.CallCount(""); got != 1 {
		t.Errorf("calls to AWS = %d, want 1", got)
	}
	s.shutdown()
}

// newSnapStage returns an environment whose snapshot was just taken.
func newSnapStage(t *testing.T) *stage {
	t.Helper()
	credentials := awstest.NewCredentials(time.Hour)
	t.Cleanup(credentials.Close)
	s := newStage(t, lambdatest.Options{
		InitializationType: lambdatest.SnapStart, CredentialsURL: credentials.URL(), CredentialsToken: credentials.Token(),
	}, map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials.URL(), "AWS_CONTAINER_AUTHORIZATION_TOKEN": credentials.Token(),
	})
	s.started()
	return s
}

func TestSnapStartKeepsNothingOfTheSnapshot(t *testing.T) {
	s := newSnapStage(t)
	if got := s.aws.CallCount(""); got != 0 {
		t.Errorf("%d secrets were fetched into the snapshot", got)
	}
	for range 2 {
		if vars, _, err := s.client.Env(t.Context()); err != nil || vars["NUMBER"] != "1" {
			t.Errorf("variables during init = %v, %v", vars, err)
		}
	}
	if got := s.aws.CallCount(""); got != 2 {
		t.Errorf("two reads during init made %d calls, want 2: nothing is kept", got)
	}
	if _, err := os.Stat(s.file); err == nil {
		t.Error("the dotenv file is part of the snapshot")
	}
	s.aws.Put("db", dbValue(2))
	if err := s.lambda.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.invoke()
	if err := s.lambda.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := s.aws.CallCount("")
	s.wantEverywhere(2)
	if got := s.aws.CallCount(""); got != calls {
		t.Errorf("reads after the first invocation made %d calls, want none", got-calls)
	}
	s.shutdown()
}

func TestRotationAfterASnapshotWaitsForTheLoad(t *testing.T) {
	s := newSnapStage(t)
	if err := s.lambda.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The function may be told of the invocation before the extension is.
	if _, err := s.client.Rotation(t.Context(), nativeEvent(s.aws.Put("db", dbValue(2)))); err != nil {
		t.Error(err)
	}
	s.wantFile("NUMBER=2\nPASSWORD=" + canary + "-2\n")
	calls := s.aws.CallCount("")
	s.invoke()
	if err := s.lambda.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantEverywhere(2)
	if got := s.aws.CallCount(""); got != calls {
		t.Errorf("the first invocation made %d calls more, want none", got-calls)
	}
	s.shutdown()
}

func TestManagedInstancesRefreshOnATimer(t *testing.T) {
	s := newStage(t, lambdatest.Options{InitializationType: lambdatest.ManagedInstances}, map[string]string{"SECRETS_MANAGER_TTL": "2"})
	s.started()
	s.aws.Put("db", dbValue(2))
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if b, _ := os.ReadFile(s.file); strings.Contains(string(b), "NUMBER=2") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.wantEverywhere(2)
	s.shutdown()
}

func TestRefreshAheadHappensDuringTheInvocation(t *testing.T) {
	s := newStage(t, lambdatest.Options{WaitForExtensions: true}, map[string]string{"SECRETS_MANAGER_TTL": "1"})
	s.started()
	s.aws.Put("db", dbValue(2))
	time.Sleep(950 * time.Millisecond) // past four fifths of any jittered TTL
	s.invoke()
	if err := s.lambda.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantFile("NUMBER=2\nPASSWORD=" + canary + "-2\n")
	s.shutdown()
}

func TestShutdownWhileSecretsManagerHangs(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, nil)
	s.started()
	s.aws.Fail(awstest.Fault{Kind: awstest.Hang})
	answered := make(chan error)
	go func() {
		_, err := s.client.Get(context.Background(), "db", client.RefreshNow())
		answered <- err
	}()
	for s.aws.CallCount("") < 2 {
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	s.shutdown()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("shutdown took %s, want less than Lambda's 2 s", took)
	}
	if err := <-answered; err == nil {
		t.Error("the hanging read got a value")
	}
}

func TestLocalAgent(t *testing.T) {
	s := newStage(t, lambdatest.Options{}, map[string]string{
		"AWS_LAMBDA_RUNTIME_API": "", "AWS_SESSION_TOKEN": "", "AWS_TOKEN": "", "AWS_LAMBDA_LOG_FORMAT": "Text",
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- run(ctx, nil, s.getenv, nil, s.log) }()
	var token string
	for deadline := time.Now().Add(10 * time.Second); token == "" && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		_, rest, _ := strings.Cut(s.log.String(), "export AWS_TOKEN=")
		token, _, _ = strings.Cut(rest, "\n")
	}
	s.client = client.New(client.Options{URL: "http://127.0.0.1:" + s.port, Token: token})
	s.wantEverywhere(1)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	if _, err := os.Stat(s.file); err == nil {
		t.Error("the dotenv file is still there after Ctrl-C")
	}

	s.vars["SECRET"] = "nope"
	if err := run(t.Context(), nil, s.getenv, nil, io.Discard); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("the agent with a missing secret ended with %v, want its name", err)
	}
	if err := run(t.Context(), []string{"--help"}, s.getenv, nil, io.Discard); err == nil {
		t.Error("an unknown argument was accepted")
	}
}
