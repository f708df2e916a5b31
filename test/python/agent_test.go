package python

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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

// agent is the extension's binary outside Lambda.
type agent struct {
	port, token string
	cmd         *exec.Cmd
	out         *output
	exited      chan struct{}
}

// startAgent may be called by any goroutine.
func startAgent(t *testing.T, aws *awstest.SecretsManager, env ...string) (*agent, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	a := &agent{port: port, token: "token-of-the-test", cmd: exec.Command(extension), out: &output{}, exited: make(chan struct{})}
	a.cmd.Env = append(aws.Env(), "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "AWS_TOKEN="+a.token,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+a.port, "SECRETS_DOTENV_PATH="+filepath.Join(t.TempDir(), "secrets.env"))
	a.cmd.Env = append(a.cmd.Env, env...)
	a.cmd.Stdout, a.cmd.Stderr = a.out, a.out
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = a.cmd.Wait()
		close(a.exited)
	}()
	t.Cleanup(func() {
		a.stop()
		if strings.Contains(a.out.String(), canary) {
			t.Error("the agent printed a secret value")
		}
		if t.Failed() {
			t.Logf("output of the agent:\n%s", a.out)
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get("http://127.0.0.1:" + a.port + "/ping"); err == nil {
			resp.Body.Close()
			return a, nil
		}
		select {
		case <-a.exited:
			return nil, errors.New("the agent ended at once")
		default:
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the agent did not answer within %v", patience)
		}
	}
}

func (a *agent) stop() {
	_ = a.cmd.Process.Kill()
	<-a.exited
}

// control lets the suite arrange what it tests: secrets, faults, agents. Whoever asks for an agent is told its port and
// its token.
func control(t *testing.T, aws *awstest.SecretsManager) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	agents := map[string]*agent{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /put", func(w http.ResponseWriter, r *http.Request) {
		value, _ := io.ReadAll(r.Body)
		arn, version := aws.Put(r.FormValue("name"), string(value))
		writeJSON(w, map[string]any{"arn": arn, "version": version})
	})
	mux.HandleFunc("POST /binary", func(w http.ResponseWriter, r *http.Request) {
		value, _ := io.ReadAll(r.Body)
		arn, version := aws.PutBinary(r.FormValue("name"), value)
		writeJSON(w, map[string]any{"arn": arn, "version": version})
	})
	mux.HandleFunc("POST /delete", func(_ http.ResponseWriter, r *http.Request) { aws.Purge(r.FormValue("name")) })
	mux.HandleFunc("POST /deny", func(_ http.ResponseWriter, r *http.Request) {
		aws.Fail(awstest.Fault{Kind: awstest.AccessDenied, SecretID: r.FormValue("name")})
	})
	mux.HandleFunc("POST /throttle", func(_ http.ResponseWriter, r *http.Request) {
		aws.Fail(awstest.Fault{Kind: awstest.Throttling, SecretID: r.FormValue("name")})
	})
	mux.HandleFunc("POST /heal", func(http.ResponseWriter, *http.Request) { aws.Heal() })
	mux.HandleFunc("POST /agent", func(w http.ResponseWriter, r *http.Request) {
		var env []string
		err := json.NewDecoder(r.Body).Decode(&env)
		var a *agent
		if err == nil {
			a, err = startAgent(t, aws, env...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		agents[a.port] = a
		writeJSON(w, map[string]any{"port": a.port, "token": a.token})
	})
	mux.HandleFunc("POST /stop", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		agents[r.FormValue("port")].stop()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func writeJSON(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
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
