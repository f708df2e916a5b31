package node

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// function is a Node function under AWS's runtime client in the fake Lambda, with the real extension beside it.
type function struct {
	t      *testing.T
	aws    *awstest.SecretsManager
	arn    string // of the secret db
	lambda *lambdatest.Lambda
}

type options struct {
	handler     string                  // FILE.EXPORT
	source      string                  // of FILE; "" = that of functions/
	aws         *awstest.SecretsManager // nil = a new one
	callbacks   bool                    // under the runtime client that knows handlers with a callback
	noExtension bool
	lambda      lambdatest.Options
	env         []string // of function and extension
}

func start(t *testing.T, n node, o options) *function {
	t.Helper()
	f := &function{t: t, aws: o.aws}
	if f.aws == nil {
		f.aws = awstest.New()
		t.Cleanup(f.aws.Close)
	}
	f.arn, _ = f.aws.Put("db", value(1))

	o.lambda.Env = append(f.aws.Env(),
		"SECRET=db",
		"SECRETS_DOTENV_PATH="+filepath.Join(t.TempDir(), "secrets.env"),
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+process.Port(t))
	o.lambda.Env = append(o.lambda.Env, o.env...)
	o.lambda.TB = t
	o.lambda.InitTimeout, o.lambda.Timeout = patience, patience
	f.lambda = lambdatest.New(o.lambda)
	t.Cleanup(f.end)

	if !o.noExtension {
		if _, err := f.lambda.StartExtension(exec.Command(extension)); err != nil {
			t.Fatal(err)
		}
	}
	if o.source == "" {
		file, _, _ := strings.Cut(o.handler, ".")
		sources, err := filepath.Glob("functions/" + file + ".*js")
		if err != nil || len(sources) != 1 {
			t.Fatalf("functions/%s.*: %v, %v", file, sources, err)
		}
		o.source = sources[0]
	}
	dir := project(t, n, o.source)
	args := n.lambdaFlags()
	if o.callbacks {
		args = append(args, filepath.Join(clients.callbacks, "bin", "index.mjs"), o.handler)
	} else {
		args = append(args, filepath.Join(clients.current, "index.mjs"))
	}
	cmd := exec.Command(n.binary(), args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"_HANDLER=" + o.handler, "LAMBDA_TASK_ROOT=" + dir,
		"AWS_EXECUTION_ENV=AWS_Lambda_nodejs" + strconv.Itoa(n.major) + ".x",
	}
	if _, err := f.lambda.StartRuntime(cmd); err != nil {
		t.Fatal(err)
	}
	return f
}

// lambdaFlags are those with which Lambda starts Node:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html
func (n node) lambdaFlags() []string {
	switch n.major {
	case 20:
		return []string{"--no-experimental-require-module"}
	case 22:
		return []string{"--no-experimental-require-module", "--no-experimental-detect-module"}
	}
	return nil
}

func (f *function) end() {
	f.lambda.Close()
	if strings.Contains(f.lambda.Log(), canary) {
		f.t.Error("a secret value was printed")
	}
	if v := f.lambda.Violations(); len(v) > 0 {
		f.t.Errorf("violations: %q", v)
	}
}

// invoke returns the answer to an event.
func (f *function) invoke(event string) lambdatest.Result {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	res, err := f.lambda.Invoke(ctx, []byte(event))
	if err != nil {
		f.t.Fatalf("invoke: %v", err)
	}
	return res
}

// ask invokes the handler and reads its answer.
func ask[T any](f *function, event string) (answer T) {
	f.t.Helper()
	res := f.invoke(event)
	if res.Error != nil {
		f.t.Fatalf("%.200s: %v", event, res.Error)
	}
	if err := json.Unmarshal(res.Payload, &answer); err != nil {
		f.t.Fatalf("%.200s: answer %.200q: %v", event, res.Payload, err)
	}
	return answer
}

// rotate gives the secret its n-th value and tells the function, which must say that it followed.
func (f *function) rotate(n int, event func(version string) string) {
	f.t.Helper()
	_, version := f.aws.Put("db", value(n))
	got := ask[struct {
		Rotated, Changed bool
		SecretID         string
		VersionID        string
	}](f, event(version))
	if !got.Rotated || !got.Changed || got.VersionID != version || got.SecretID == "" {
		f.t.Errorf("rotation to %s: %+v", version, got)
	}
}

func (f *function) native(version string) string {
	return string(awstest.LabelUpdated(f.arn, "db", version))
}

// fails invokes and returns why that failed.
func (f *function) fails(event string) *lambdatest.FunctionError {
	f.t.Helper()
	res := f.invoke(event)
	if res.Error == nil {
		f.t.Fatalf("%.200s: got %.200q, want an error", event, res.Payload)
	}
	return res.Error
}

// shutdown ends the function as Lambda does.
func (f *function) shutdown() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 10*time.Second)
	defer cancel()
	if err := f.lambda.Shutdown(ctx, lambdatest.Spindown); err != nil {
		f.t.Error(err)
	}
}
