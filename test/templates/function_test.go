package templates

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// canary is in every secret value here, and must never be printed.
const canary = "c4n4ry"

// TestFunction runs the function of the templates with AWS's own Python runtime
// client, beside the extension of the layer.
func TestFunction(t *testing.T) {
	aws := awstest.New()
	t.Cleanup(aws.Close)
	_, first := aws.Put(secretName, `{"user":"app","password":"`+canary+`-one"}`)
	l := startFunction(t, lambdatest.Options{Env: aws.Env()})

	if got := call[answer](t, l, `{}`); got.Secret != secretName || got.Version != first || fmt.Sprint(got.Keys) != "[password user]" {
		t.Errorf("the function answers %+v, want version %s of the secret", got, first)
	}

	arn, second := aws.Put(secretName, `{"password":"`+canary+`-two"}`)
	if got := call[rotated](t, l, string(awstest.LabelUpdated(arn, secretName, second))); !got.Rotated || !got.Changed || got.VersionID != second {
		t.Errorf("the rotation answers %+v, want it changed to version %s", got, second)
	}
	calls := aws.CallCount("")
	if got := call[answer](t, l, `{"source":"aws.s3"}`); got.Version != second || fmt.Sprint(got.Keys) != "[password]" {
		t.Errorf("after the rotation the function answers %+v, want version %s", got, second)
	}
	if got := aws.CallCount("") - calls; got != 0 {
		t.Errorf("an event that is no rotation made %d calls, want 0", got)
	}
}

// TestFunctionFailsWithTheRotation: Lambda sends an event again only when the
// invocation fails.
func TestFunctionFailsWithTheRotation(t *testing.T) {
	aws := awstest.New()
	t.Cleanup(aws.Close)
	aws.Put(secretName, `{"password":"`+canary+`-one"}`)
	l := startFunction(t, lambdatest.Options{Env: aws.Env()})
	call[answer](t, l, `{}`)

	arn, second := aws.Put(secretName, `{"password":"`+canary+`-two"}`)
	aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
	res, err := l.Invoke(t.Context(), awstest.LabelUpdated(arn, secretName, second))
	if err != nil {
		t.Fatal(err)
	}
	if res.Error == nil || !strings.Contains(res.Error.Message, "502") || !strings.Contains(res.Error.Message, "AccessDenied") {
		t.Errorf("the failed rotation answers %v %s, want an error with the cause", res.Error, res.Payload)
	}
	if strings.Contains(string(res.Payload), canary) {
		t.Error("the error has the value of the secret in it")
	}
}

// TestFunctionOfSnapStart: it has no session token.
func TestFunctionOfSnapStart(t *testing.T) {
	aws, credentials := awstest.New(), awstest.NewCredentials(time.Hour)
	t.Cleanup(aws.Close)
	t.Cleanup(credentials.Close)
	_, version := aws.Put(secretName, `{"password":"`+canary+`"}`)
	l := startFunction(t, lambdatest.Options{
		InitializationType: lambdatest.SnapStart, CredentialsURL: credentials.URL(), CredentialsToken: credentials.Token(),
		Env: []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + aws.URL()},
	})
	if err := l.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := call[answer](t, l, `{}`); got.Version != version {
		t.Errorf("the function answers %+v, want version %s", got, version)
	}
}

type answer struct {
	Secret, Version string
	Keys            []string
}

type rotated struct {
	Rotated, Changed bool
	VersionID        string
}

func call[T any](t *testing.T, l *lambdatest.Lambda, event string) T {
	t.Helper()
	res, err := l.Invoke(t.Context(), []byte(event))
	if err != nil || res.Error != nil {
		t.Fatalf("invoke: %v %v", err, res.Error)
	}
	if strings.Contains(string(res.Payload), canary) {
		t.Error("the answer has the value of the secret in it")
	}
	var v T
	if err := json.Unmarshal(res.Payload, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func startFunction(t *testing.T, o lambdatest.Options) *lambdatest.Lambda {
	t.Helper()
	dir := t.TempDir()
	o.TB, o.Timeout = t, 10*time.Second
	o.Env = append(o.Env, "SECRET="+secretName, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+process.Port(t),
		"SECRETS_DOTENV_PATH="+filepath.Join(dir, "secrets.env"))
	l := lambdatest.New(o)
	t.Cleanup(l.Close)
	if _, err := l.StartExtension(exec.Command(extension(t, dir))); err != nil {
		t.Fatal(err)
	}
	task, err := filepath.Abs(filepath.Join(folder, "function"))
	if err != nil {
		t.Fatal(err)
	}
	runtime := exec.Command(filepath.Join(prepared, "python", "bin", "python"), "-m", "awslambdaric", want(places[0], "").Handler)
	runtime.Env = []string{"LAMBDA_TASK_ROOT=" + task, "PYTHONDONTWRITEBYTECODE=1"}
	runtime.Dir = task // the client looks for modules in its own folder
	if _, err := l.StartRuntime(runtime); err != nil {
		t.Fatal(err)
	}
	return l
}

// extension unpacks the one of the layer.
func extension(t *testing.T, dir string) string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join(prepared, "layer.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	from, err := z.Open("extensions/aws-secretsmanager")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	binary, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "aws-secretsmanager")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
