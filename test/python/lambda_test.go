package python

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// function is a Python function under awslambdaric, beside the extension.
type function struct {
	t      testing.TB
	path   string // the folder of the client
	aws    *awstest.SecretsManager
	lambda *lambdatest.Lambda
}

func newFunction(t testing.TB, o lambdatest.Options, env ...string) *function {
	t.Helper()
	f := &function{t: t, path: layer, aws: awstest.New()}
	t.Cleanup(f.aws.Close)
	o.TB = t
	o.Env = append(f.aws.Env(), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+process.Port(t), "SECRETS_MANAGER_TTL=86400",
		"SECRETS_DOTENV_PATH="+filepath.Join(t.TempDir(), "secrets.env"))
	o.Env = append(o.Env, env...)
	f.lambda = lambdatest.New(o)
	t.Cleanup(f.lambda.Close)
	return f
}

// start starts the extension, and a handler in the folder functions or another one.
func (f *function) start(handler string) *lambdatest.Process {
	f.t.Helper()
	if _, err := f.lambda.StartExtension(exec.Command(extension)); err != nil {
		f.t.Fatal(err)
	}
	return f.startRuntime(handler)
}

func (f *function) startRuntime(handler string) *lambdatest.Process {
	f.t.Helper()
	folder, module := filepath.Split(handler)
	if folder == "" {
		folder = "functions"
	}
	cmd := exec.Command(runtime, "-m", "awslambdaric", module)
	cmd.Dir = absolute(f.t, folder)
	cmd.Env = []string{
		"PYTHONPATH=" + cmd.Dir + ":" + f.path, "PYTHONDONTWRITEBYTECODE=1", "_HANDLER=" + module, "LAMBDA_TASK_ROOT=" + cmd.Dir,
		"LD_LIBRARY_PATH=", "HOME=" + f.t.TempDir(), "PATH=" + os.Getenv("PATH"),
	}
	p, err := f.lambda.StartRuntime(cmd)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// seen is what functions/app.py says.
type seen struct {
	Import, Environ, Entry *string
	Event                  json.RawMessage
	Invocations            int
	Repr                   string
	Heavy                  []string
}

func (f *function) invoke(event string) (s seen, payload string, err error) {
	f.t.Helper()
	res, err := f.lambda.Invoke(f.t.Context(), []byte(event))
	if err == nil && res.Error != nil {
		err = res.Error
	}
	if err == nil {
		err = json.Unmarshal(res.Payload, &s)
	}
	return s, string(res.Payload), err
}

// expect invokes the function with an ordinary event, and wants a value wherever it can be seen.
func (f *function) expect(value string, invocations int) seen {
	f.t.Helper()
	s, payload, err := f.invoke(`{"order":1}`)
	if err != nil {
		f.t.Fatal(err)
	}
	if s.Environ == nil || *s.Environ != value || s.Entry == nil || *s.Entry != value || s.Invocations != invocations || string(s.Event) != `{"order": 1}` {
		f.t.Errorf("got %s, want %s in invocation %d", payload, value, invocations)
	}
	return s
}

func nativeEvent(arn, version string) string {
	return string(awstest.LabelUpdated(arn, "MySecret", version))
}

func password(value string) string { return `{"PASSWORD":"` + value + `"}` }

func TestFunctionFollowsRotations(t *testing.T) {
	for _, reference := range []string{"SECRET=MySecret", "SECRET=", "SECRET=DB_*=MySecret"} {
		t.Run(reference, func(t *testing.T) {
			f := newFunction(t, lambdatest.Options{Freeze: true}, reference)
			f.aws.Put("MySecret", password("one"))
			p := f.start("app.handler")
			s := f.expect("one", 1)
			if s.Import == nil || *s.Import != "one" || len(s.Heavy) > 0 || strings.Contains(s.Repr, "one") {
				t.Errorf("got %+v, want the value at import, and nothing heavy imported", s)
			}
			for i, value := range []string{"two", "three"} {
				arn, version := f.aws.Put("MySecret", password(value))
				event := nativeEvent(arn, version)
				if i == 1 {
					event = `{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"MySecret"}}`
				}
				_, payload, err := f.invoke(event)
				if err != nil || !strings.Contains(payload, `"rotated": true`) || !strings.Contains(payload, version) {
					t.Errorf("rotation: got %s, %v", payload, err)
				}
				f.expect(value, i+2)
			}
			if strings.Contains(p.Log(), "three") {
				t.Error("the log shows a value")
			}
		})
	}
}

func TestRotationThatFailsIsAnErrorOfTheInvocation(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, "SECRET=MySecret")
	f.aws.Put("MySecret", password(canary+"-one"))
	p := f.start("app.handler")
	f.expect(canary+"-one", 1)
	f.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied, SecretID: "MySecret"})
	arn, version := f.aws.Put("MySecret", password(canary+"-two"))
	_, _, err := f.invoke(nativeEvent(arn, version))
	e, ok := errors.AsType[*lambdatest.FunctionError](err)
	if !ok || !strings.Contains(e.Type, "RotationError") || !strings.Contains(e.Message, "AccessDenied") || !strings.Contains(e.Message, arn) {
		t.Errorf("got %v, want a RotationError that says why", err)
	}
	f.expect(canary+"-one", 2)
	f.aws.Heal()
	if _, payload, err := f.invoke(nativeEvent(arn, version)); err != nil || !strings.Contains(payload, `"changed": true`) {
		t.Errorf("the event once more: got %s, %v", payload, err)
	}
	f.expect(canary+"-two", 3)
	if strings.Contains(p.Log(), canary) {
		t.Errorf("the log shows a value:\n%s", p.Log())
	}
}

func TestExample(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, "SECRET=prod/db")
	f.aws.Put("prod/db", `{"user":"app","password":"one"}`)
	f.start("../../examples/python/app.handler")
	order := func(want string) {
		t.Helper()
		if _, payload, err := f.invoke(`{"order":7}`); err != nil || payload != `{"order": 7, "paid by": "`+want+`"}` {
			t.Errorf("got %s, %v; want it paid by %s", payload, err, want)
		}
	}
	order("app")
	arn, version := f.aws.Put("prod/db", `{"user":"app2","password":"two"}`)
	if _, payload, err := f.invoke(nativeEvent(arn, version)); err != nil || !strings.Contains(payload, `"changed": true`) {
		t.Errorf("rotation: got %s, %v", payload, err)
	}
	order("app2")
}
