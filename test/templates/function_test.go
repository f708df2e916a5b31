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
	l := startFunction(t, aws)

	if got := call[answer](t, l, `{}`); got.Secret != secretName || got.Version != first || fmt.Sprint(got.Keys) != "[password user]" {
		t.Errorf("the function answers %+v, want version %s of the secret", got, first)
	}

	arn, second := aws.Put(secretName, `{"password":"`+canary+`-two"}`)
	if got := call[rotated](t, l, native(arn, second)); !got.Rotated || !got.Changed || got.VersionID != second {
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
	l := startFunction(t, aws)
	call[answer](t, l, `{}`)

	arn, second := aws.Put(secretName, `{"password":"`+canary+`-two"}`)
	aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
	res, err := l.Invoke(t.Context(), []byte(native(arn, second)))
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

type answer struct {
	Secret, Version string
	Keys            []string
}

type rotated struct {
	Rotated, Changed bool
	VersionID        string
}

// native is the event that Secrets Manager itself sends.
func native(arn, versionID string) string {
	return fmt.Sprintf(`{"version":"0","id":"0","detail-type":"Secret Label Updated","source":"aws.secretsmanager","account":%q,`+
		`"time":%q,"region":%q,"resources":[%q],"detail":{"name":%q,"labelUpdated":"AWSCURRENT","versionId":%q}}`,
		awstest.Account, time.Now().UTC().Format(time.RFC3339), awstest.Region, arn, secretName, versionID)
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

func startFunction(t *testing.T, aws *awstest.SecretsManager) *lambdatest.Lambda {
	t.Helper()
	dir := t.TempDir()
	l := lambdatest.New(lambdatest.Options{
		TB: t, Timeout: 10 * time.Second,
		Env: append(aws.Env(), "SECRET="+secretName, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+process.Port(t),
			"SECRETS_DOTENV_PATH="+filepath.Join(dir, "secrets.env")),
	})
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
