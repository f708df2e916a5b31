package emulators

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// forwarding is the code of a function in ministack, which runs no extensions: it
// gives its events to one that does.
const forwarding = `
import json, os, urllib.request

def handler(event, context):
    request = urllib.request.Request(os.environ["BRIDGE"], data=json.dumps(event).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
`

// TestWholeLoop follows a rotation all the way, through software of others between
// its two ends: the rotation function's four steps, Secrets Manager's own event, the
// rule that setup made, and a function with the extension.
func TestWholeLoop(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		if e.name != "ministack" {
			return // moto sends no event of its own, and runs no function without Docker
		}
		a := newAccount(t, e)
		env := startEnvironment(t, e)
		a.replaceCode(forwarding, map[string]string{"SECRET": a.secret, "BRIDGE": env.bridge})
		a.must("setup", "--function", a.function, "--secret", a.secret)
		before := env.password()
		if before.process != canary || before.endpoint != canary || before.file != canary {
			t.Fatalf("before the rotation: %+v", before)
		}

		const token = "22222222-3333-4444-8555-666666666666"
		e.beginRotation(a.arn, token)
		rotate(t, e, buildRotationFunction(t), a.arn, token)

		out, err := e.client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &a.arn})
		if err != nil || *out.VersionId != token {
			t.Fatalf("the current version is %+v, %v; want %s", out, err, token)
		}
		var want struct{ Password string }
		if err := json.Unmarshal([]byte(*out.SecretString), &want); err != nil {
			t.Fatal(err)
		}
		var got passwords
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if got = env.password(); got.endpoint == want.Password {
				break
			}
		}
		if got.endpoint != want.Password || got.file != want.Password || got.process != want.Password {
			t.Error("after the rotation, endpoint, file and process do not all have the new password")
		}
		answer := a.must("verify", "--function", a.function, "--send")
		if !strings.Contains(answer, "version "+token+"; the extension held that version already") {
			t.Errorf("verify --send printed\n%s", answer)
		}
	})
}

func buildRotationFunction(t *testing.T) (bootstrap string) {
	t.Helper()
	bootstrap = filepath.Join(t.TempDir(), "bootstrap")
	build(t, bootstrap, "../../examples/rotation-function")
	return bootstrap
}

func build(t *testing.T, path, from string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", path, from).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", from, err, out)
	}
}

// replaceCode gives the function another handler and other variables.
func (a *account) replaceCode(code string, variables map[string]string) {
	a.t.Helper()
	_, err := a.lambda.UpdateFunctionCode(a.t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: &a.function, ZipFile: zipOf(a.t, "app.py", code)})
	if err == nil {
		err = lambda.NewFunctionUpdatedV2Waiter(a.lambda).Wait(a.t.Context(), &lambda.GetFunctionInput{FunctionName: &a.function}, patience)
	}
	if err == nil {
		_, err = a.lambda.UpdateFunctionConfiguration(a.t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &a.function, Environment: &lambdatypes.Environment{Variables: variables}, Timeout: aws.Int32(30),
		})
	}
	if err == nil {
		err = lambda.NewFunctionUpdatedV2Waiter(a.lambda).Wait(a.t.Context(), &lambda.GetFunctionInput{FunctionName: &a.function}, patience)
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

// environment is an execution environment with the extension and a Go function.
type environment struct {
	t      *testing.T
	lambda *lambdatest.Lambda
	secret string
	url    string // of the endpoint
	file   string
	bridge string // where events for the function go
}

func startEnvironment(t *testing.T, e *emulator) *environment {
	t.Helper()
	port := process.Port(t)
	env := &environment{t: t, secret: e.prefix + "db", url: "http://127.0.0.1:" + port, file: filepath.Join(t.TempDir(), "secrets.env")}
	env.lambda = lambdatest.New(lambdatest.Options{
		TB: t, Timeout: 20 * time.Second,
		Env: []string{
			"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + e.url, "SECRET=DB_PASSWORD=" + env.secret + "#password",
			"SECRETS_DOTENV_PATH=" + env.file, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port, "AWS_TOKEN=" + process.Token,
		},
	})
	t.Cleanup(env.lambda.Close)
	function := filepath.Join(t.TempDir(), "function")
	build(t, function, "../demo/function")
	if _, err := env.lambda.StartExtension(exec.Command(binary)); err != nil {
		t.Fatal(err)
	}
	if _, err := env.lambda.StartRuntime(exec.Command(function)); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		var res lambdatest.Result
		if err == nil {
			res, err = env.lambda.Invoke(r.Context(), event)
		}
		if err != nil || res.Error != nil {
			http.Error(w, "the invocation failed", http.StatusBadGateway)
			return
		}
		_, _ = w.Write(res.Payload)
	}))
	t.Cleanup(server.Close)
	env.bridge = server.URL
	return env
}

// passwords are the value in the three places where a function can see it.
type passwords struct{ endpoint, file, process string }

func (env *environment) password() (p passwords) {
	env.t.Helper()
	p.endpoint = env.read()
	file, err := os.ReadFile(env.file)
	if err != nil {
		env.t.Fatal(err)
	}
	p.file = strings.Trim(strings.TrimPrefix(strings.TrimSuffix(string(file), "\n"), "DB_PASSWORD="), "'")
	res, err := env.lambda.Invoke(env.t.Context(), []byte(`{"order":1}`))
	var process struct{ Password string }
	if err == nil {
		err = json.Unmarshal(res.Payload, &process)
	}
	if err != nil || res.Error != nil {
		env.t.Fatal(err, res.Error)
	}
	p.process = process.Password
	return p
}

// read asks the endpoint for the password.
func (env *environment) read() string {
	env.t.Helper()
	req, err := http.NewRequestWithContext(env.t.Context(), "GET", env.url+"/v1/"+env.secret+"?key=password", nil)
	if err != nil {
		env.t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", process.Token)
	resp, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		env.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		env.t.Fatalf("the endpoint answers %d, %v", resp.StatusCode, err)
	}
	return string(b)
}
