package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const token = "token-of-the-test"

// agent is the extension's binary as the local agent, in front of a fake of Secrets Manager.
type agent struct {
	t    *testing.T
	aws  *awstest.SecretsManager
	port string
	env  []string
	out  output
	cmd  *exec.Cmd
}

func startAgent(t *testing.T, env ...string) *agent {
	t.Helper()
	a := &agent{t: t, aws: awstest.New(), port: freePort(t)}
	t.Cleanup(a.aws.Close)
	a.env = append(append(a.aws.Env(),
		"PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "AWS_TOKEN="+token,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+a.port,
		"SECRETS_DOTENV_PATH="+filepath.Join(t.TempDir(), "secrets.env")), env...)
	t.Cleanup(func() {
		a.stop()
		if strings.Contains(a.out.String(), canary) {
			t.Error("the agent printed a secret value")
		}
		if t.Failed() {
			t.Logf("output of the agent:\n%s", a.out.String())
		}
	})
	return a
}

// run starts the process, or starts it anew.
func (a *agent) run() error {
	a.stop()
	a.cmd = exec.Command(extension)
	a.cmd.Env = a.env
	a.cmd.Stdout, a.cmd.Stderr = &a.out, &a.out
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get("http://127.0.0.1:" + a.port + "/ping"); err == nil {
			return resp.Body.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the agent did not answer within %v", patience)
		}
	}
}

func (a *agent) stop() {
	if a.cmd != nil {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
		a.cmd = nil
	}
}

// control lets a suite change the world: POST /put?secret= with a value, /native?secret= for the event of that,
// /deny, /heal, /restart, /stop and /calls.
func (a *agent) control() *httptest.Server {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("POST /put", func(w http.ResponseWriter, r *http.Request) {
		value, _ := io.ReadAll(r.Body)
		arn, version := a.aws.Put(r.FormValue("secret"), string(value))
		reply(w, map[string]string{"arn": arn, "version": version})
	})
	mux.HandleFunc("POST /native", func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("secret")
		reply(w, json.RawMessage(native(a.aws.ARN(name), name, a.aws.Stages(name)["AWSCURRENT"])))
	})
	mux.HandleFunc("POST /deny", func(w http.ResponseWriter, _ *http.Request) {
		a.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
		reply(w, nil)
	})
	mux.HandleFunc("POST /heal", func(w http.ResponseWriter, _ *http.Request) {
		a.aws.Heal()
		reply(w, nil)
	})
	mux.HandleFunc("POST /calls", func(w http.ResponseWriter, _ *http.Request) { reply(w, a.aws.CallCount("")) })
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.run(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		reply(w, nil)
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		a.stop()
		reply(w, nil)
	})
	s := httptest.NewServer(mux)
	a.t.Cleanup(s.Close)
	return s
}

// What the real endpoint does with what the package sends.
func TestAgent(t *testing.T) {
	each(t, 0, 0, func(t *testing.T, n node) {
		a := startAgent(t, "SECRET=db", "SECRETS_MANAGER_TTL=3600")
		awkward, err := os.ReadFile("suites/awkward.json")
		if err != nil {
			t.Fatal(err)
		}
		a.aws.Put("db", string(awkward))
		a.aws.PutBinary("binary", []byte{0, 0xff, '\n'})
		if err := a.run(); err != nil {
			t.Fatal(err)
		}
		runSuites(t, n, []string{
			"CONTROL=" + a.control().URL, "AWS_TOKEN=" + token, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + a.port, "CONFIGURED=before",
		}, "suites/agent.mjs")
	})
}

// output collects what a process prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
