// Package emulators runs the extension's binary, as the local agent, against emulators of AWS that others wrote.
//
// The tests run only when the variables MINISTACK_URL and MOTO_URL have the emulators' addresses:
//
//	scripts/with-emulators go test ./test/emulators
package emulators

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// canary is part of every secret value here, and must never be seen in what the agent prints.
	canary = "c4n4ry"
	region = "us-east-1"
	token  = "token-of-the-test"
	// patience is how long anything may take before it counts as hanging.
	patience = 30 * time.Second
)

var (
	binary  string            // the built extension
	command string            // the built command rotation
	urls    map[string]string // of the emulators
)

func TestMain(m *testing.M) {
	urls = map[string]string{"ministack": os.Getenv("MINISTACK_URL"), "moto": os.Getenv("MOTO_URL")}
	if urls["ministack"] == "" && urls["moto"] == "" {
		fmt.Println("emulators: no test was run, because MINISTACK_URL and MOTO_URL are not set: see scripts/with-emulators")
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	for name, url := range urls {
		if url == "" {
			fmt.Fprintf(os.Stderr, "emulators: the URL of %s is not set, and the other one is\n", name)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "emulators")
	if err != nil {
		fmt.Fprintln(os.Stderr, "emulators:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "aws-secretsmanager")
	command = filepath.Join(dir, "rotation")
	for path, from := range map[string]string{binary: "../../cmd/extension", command: "../../cmd/rotation"} {
		if out, err := exec.Command("go", "build", "-o", path, from).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "emulators: build %s: %v\n%s", from, err, out)
			return 1
		}
	}
	return m.Run()
}

// agent is the extension's binary outside Lambda.
type agent struct {
	t      *testing.T
	url    string
	file   string // the dotenv file
	cmd    *exec.Cmd
	out    *output
	exited chan struct{}
	status error
}

func startAgent(t *testing.T, upstream string, env ...string) *agent {
	t.Helper()
	port := freePort(t)
	a := &agent{
		t: t, url: "http://localhost:" + port, file: filepath.Join(t.TempDir(), "secrets.env"),
		cmd: exec.Command(binary), out: &output{}, exited: make(chan struct{}),
	}
	a.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"AWS_TOKEN=" + token, "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + upstream, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port,
		"SECRETS_DOTENV_PATH=" + a.file,
		// The emulators are Python programs on a busy machine.
		"SECRETS_MANAGER_TIMEOUT_MILLIS=15000", "SECRETS_INIT_TIMEOUT_MILLIS=20000",
	}, env...)
	a.cmd.Stdout, a.cmd.Stderr = a.out, a.out
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		a.status = a.cmd.Wait()
		close(a.exited)
	}()
	t.Cleanup(func() {
		a.cmd.Process.Kill()
		<-a.exited
		if strings.Contains(a.out.String(), canary) {
			t.Error("the agent printed a secret value")
		}
		if t.Failed() {
			t.Logf("output of the agent:\n%s", a.out)
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get(a.url + "/ping"); err == nil {
			resp.Body.Close()
			return a
		}
		select {
		case <-a.exited:
			t.Fatalf("the agent ended at once: %v", a.status)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent did not answer within %v", patience)
		}
	}
}

// request sends one request with the token.
func (a *agent) request(method, path string) (status int, header http.Header, body string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	resp, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// stop ends the agent as Ctrl-C does.
func (a *agent) stop() {
	a.t.Helper()
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		a.t.Fatal(err)
	}
	select {
	case <-a.exited:
	case <-time.After(patience):
		a.t.Fatalf("the agent did not end within %v of SIGINT", patience)
	}
	if a.status != nil {
		a.t.Errorf("the agent ended with %v", a.status)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// output collects what the agent prints.
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
