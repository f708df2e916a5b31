package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// canary is a part of every secret value in these tests, and of no output.
const canary = "canary-4711"

// stage is a function with our extension in it, both within the test's process.
type stage struct {
	t      *testing.T
	aws    *awstest.SecretsManager
	lambda *lambdatest.Lambda
	log    *process.Output
	client *client.Client
	file   string
	port   string
	vars   map[string]string // of the extension, over what Lambda sets
	ended  *lambdatest.Process
}

// newStage sets the scene: secret "db" with PASSWORD and NUMBER, SECRET naming it.
func newStage(t *testing.T, o lambdatest.Options, vars map[string]string) *stage {
	t.Helper()
	s := &stage{t: t, aws: awstest.New(), log: &process.Output{}, port: process.Port(t)}
	s.file = filepath.Join(t.TempDir(), "secrets.env")
	s.aws.Put("db", dbValue(1))
	s.vars = map[string]string{
		"SECRET":                                 "db",
		"SECRETS_DOTENV_PATH":                    s.file,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": s.port,
		"AWS_LAMBDA_LOG_FORMAT":                  "JSON",
	}
	for name, value := range vars {
		s.vars[name] = value
	}
	o.TB = t
	s.lambda = lambdatest.New(o)
	token, err := client.Token(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	s.client = client.New(client.Options{URL: "http://127.0.0.1:" + s.port, Token: token})
	t.Cleanup(func() {
		s.lambda.Close()
		s.aws.Close()
		if out := s.log.String(); strings.Contains(out, canary) {
			t.Errorf("a secret value was logged:\n%s", out)
		}
	})
	return s
}

func dbValue(n int) string {
	return fmt.Sprintf(`{"PASSWORD":"%s-%d","NUMBER":%d}`, canary, n, n)
}

// getenv is the extension's environment.
func (s *stage) getenv(name string) string {
	if value, ok := s.vars[name]; ok {
		return value
	}
	for _, env := range [][]string{s.lambda.ExtensionEnv(), s.aws.Env()} {
		for _, entry := range env {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
	}
	return ""
}

// start runs the extension, and a function that answers every event with "ok".
func (s *stage) start() {
	s.t.Helper()
	var err error
	s.ended, err = s.lambda.GoExtension(name, func(ctx context.Context) error {
		return run(ctx, nil, s.getenv, nil, s.log)
	})
	if err != nil {
		s.t.Fatal(err)
	}
	// There is no runtime where the init has failed by now: WaitInit says why.
	_, _ = s.lambda.StartHandler(func(context.Context, []byte) ([]byte, error) { return []byte(`"ok"`), nil })
}

func (s *stage) started() {
	s.t.Helper()
	s.start()
	if err := s.lambda.WaitInit(s.t.Context()); err != nil {
		s.t.Fatalf("init: %v\n%s", err, s.log)
	}
}

func (s *stage) invoke() {
	s.t.Helper()
	if r, err := s.lambda.Invoke(s.t.Context(), []byte(`{}`)); err != nil || r.Error != nil {
		s.t.Fatalf("Invoke: %v, %v\n%s", r.Error, err, s.log)
	}
}

func (s *stage) shutdown() {
	s.t.Helper()
	if err := s.lambda.Shutdown(s.t.Context(), lambdatest.Spindown); err != nil {
		s.t.Fatalf("Shutdown: %v\n%s", err, s.log)
	}
	if err := s.ended.Err(); err != nil {
		s.t.Errorf("the extension ended with %v", err)
	}
	if _, err := os.Stat(s.file); !errors.Is(err, os.ErrNotExist) {
		s.t.Errorf("the dotenv file is still there after the end: %v", err)
	}
}

// wantEverywhere fails the test unless endpoint, variables and file have the n-th
// value.
func (s *stage) wantEverywhere(n int) {
	s.t.Helper()
	want := fmt.Sprintf("%s-%d", canary, n)
	if got, err := s.client.Key(s.t.Context(), "db", "PASSWORD"); err != nil || got != want {
		s.t.Errorf("endpoint = %q, %v; want %q", got, err, want)
	}
	if vars, _, err := s.client.Env(s.t.Context()); err != nil || vars["PASSWORD"] != want || vars["NUMBER"] != fmt.Sprint(n) {
		s.t.Errorf("variables = %v, %v; want %q", vars, err, want)
	}
	s.wantFile(fmt.Sprintf("NUMBER=%d\nPASSWORD=%s\n", n, want))
}

func (s *stage) wantFile(want string) {
	s.t.Helper()
	got, err := os.ReadFile(s.file)
	if err != nil || string(got) != want {
		s.t.Errorf("dotenv file = %q, %v; want %q", got, err, want)
	}
	if info, err := os.Stat(s.file); err == nil && info.Mode().Perm() != 0o600 {
		s.t.Errorf("dotenv file has mode %o, want 600", info.Mode().Perm())
	}
}

func (s *stage) wantInitError(parts ...string) {
	s.t.Helper()
	s.start()
	err := s.lambda.WaitInit(s.t.Context())
	report := s.lambda.InitError()
	if err == nil || report == nil {
		s.t.Fatalf("init: %v, reported %v; want an init error\n%s", err, report, s.log)
	}
	for _, part := range parts {
		if !strings.Contains(report.Message, part) {
			s.t.Errorf("init error %q does not have %q", report.Message, part)
		}
		if !strings.Contains(s.log.String(), strings.ReplaceAll(part, `"`, `\"`)) && !strings.Contains(s.log.String(), part) {
			s.t.Errorf("the log does not have %q:\n%s", part, s.log)
		}
	}
	select {
	case <-s.ended.Done():
	case <-time.After(5 * time.Second):
		s.t.Error("the extension lives on after its init error")
	}
}
