package loop

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// environment is one execution environment: the real extension beside a real
// function, which follows rotations.
type environment struct {
	t      *testing.T
	name   string
	lambda *lambdatest.Lambda
	url    string // of the endpoint
	file   string

	mu   sync.Mutex
	told map[string]int // the newest rotation of a secret that it was told of
}

func startEnvironment(t *testing.T, name, references string, upstream []string) *environment {
	t.Helper()
	port := process.Port(t)
	e := &environment{
		t: t, name: name, url: "http://127.0.0.1:" + port,
		file: filepath.Join(t.TempDir(), "secrets.env"), told: map[string]int{},
	}
	e.lambda = lambdatest.New(lambdatest.Options{
		TB: quiet{t}, Function: "orders", Timeout: 20 * time.Second,
		Env: append([]string{
			"SECRET=" + references, "SECRETS_DOTENV_PATH=" + e.file, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port,
			"SECRETS_MANAGER_TTL=86400", // only an event brings a new value
			"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=warn",
		}, upstream...),
	})
	t.Cleanup(e.lambda.Close)
	if _, err := e.lambda.StartExtension(exec.Command(extension)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.lambda.StartRuntime(exec.Command(function)); err != nil {
		t.Fatal(err)
	}
	return e
}

// quiet passes mistakes on and no output: there would be a line for every event.
type quiet struct{ *testing.T }

func (quiet) Logf(string, ...any) {}

// invoke gives the function an event and returns its answer.
func (e *environment) invoke(ctx context.Context, event []byte) ([]byte, error) {
	res, err := e.lambda.Invoke(ctx, event)
	if err == nil && res.Error != nil {
		err = res.Error
	}
	return res.Payload, err
}

// told notes that an event about the nth rotation of a secret was followed.
func (e *environment) note(secret string, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told[secret] = max(e.told[secret], n)
}

// process returns the variables that the function's own process has.
func (e *environment) process() map[string]string {
	e.t.Helper()
	answer, err := e.invoke(e.t.Context(), []byte(`{"order":1}`))
	if err != nil {
		e.t.Fatalf("%s: %v", e.name, err)
	}
	return decode[map[string]string](e.t, answer)
}

// dotenv returns the variables that the file has. No value here has a quote in it.
func (e *environment) dotenv() map[string]string {
	e.t.Helper()
	text, err := os.ReadFile(e.file)
	if err != nil {
		e.t.Fatal(err)
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = strings.Trim(value, "'")
	}
	return vars
}

// held returns a secret as the endpoint has it. It must be there already.
func (e *environment) held(secret string) (password, version string) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, e.url+"/secretsmanager/get?secretId="+secret, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", awstest.SessionToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if mark := res.Header.Get("X-Secrets-Cache"); err != nil || res.StatusCode != http.StatusOK || mark != "hit" {
		e.t.Fatalf("%s: %s: %s, %s, %v; want a hit", e.name, secret, res.Status, mark, err)
	}
	answer := decode[struct{ SecretString, VersionID string }](e.t, body)
	return decode[struct{ Password string }](e.t, []byte(answer.SecretString)).Password, answer.VersionID
}

func decode[T any](t *testing.T, text []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
