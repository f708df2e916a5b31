package lambdatest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/extension"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// TestMain makes the test binary an extension too, when ROLE says which.
func TestMain(m *testing.M) {
	if role := os.Getenv("ROLE"); role != "" {
		os.Exit(play(role))
	}
	os.Exit(m.Run())
}

// self starts this binary in a role.
func self(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = []string{"ROLE=" + role, "GORACE=atexit_sleep_ms=0"}
	return cmd
}

func play(role string) int {
	api, name := os.Getenv("AWS_LAMBDA_RUNTIME_API"), filepath.Base(os.Args[0])
	ctx := context.Background()
	if role == "early exit" {
		return 0
	}
	if role == "sleeper" {
		time.Sleep(time.Minute)
	}
	signal.Ignore(syscall.SIGTERM)
	s, err := extension.Register(ctx, extension.Options{API: api, Name: name, Events: extension.EventsFor(os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE"))})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if strings.HasPrefix(role, "init error") {
		_ = s.InitError(ctx, "Extension.Test", fmt.Errorf("as asked"))
		if role == "init error and stay" {
			time.Sleep(time.Minute)
		}
		return 1
	}
	for {
		e, err := s.Next(ctx)
		if err != nil {
			return 1
		}
		fmt.Println("event", e.Type, e.ShutdownReason)
		switch {
		case role == "exit on invoke" && e.Type == extension.Invoke:
			return 0
		case role == "busy" && e.Type == extension.Invoke:
			time.Sleep(time.Minute)
		case role == "slow" && e.Type == extension.Invoke:
			time.Sleep(700 * time.Millisecond)
		case role == "stay" && e.Type == extension.Shutdown:
			time.Sleep(time.Minute)
		case role == "leave a child" && e.Type == extension.Shutdown:
			child := exec.Command("sleep", "60")
			child.Stdout = os.Stdout
			if err := child.Start(); err != nil {
				return 1
			}
			fmt.Println("child", child.Process.Pid)
			return 0
		case e.Type == extension.Shutdown:
			return 0
		}
	}
}

// recorder is a TB that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	errors []string
}

func (*recorder) Helper()             {}
func (*recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

// take returns what was reported since the last call.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	errors := r.errors
	r.errors = nil
	return errors
}

var function = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lambdatest")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "bootstrap")
	out, err := exec.Command("go", "build", "-o", path, "./testdata/function").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// goFunction returns the command of a function made with aws-lambda-go.
func goFunction(t *testing.T) *exec.Cmd {
	t.Helper()
	path, err := function()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path)
}

// start starts an extension in a role and a function, and waits for the init.
func start(t *testing.T, o lambdatest.Options, role string) (*lambdatest.Lambda, *lambdatest.Process) {
	t.Helper()
	l := lambdatest.New(o)
	t.Cleanup(l.Close)
	ext, err := l.StartExtension(self(t, role))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.StartHandler(echo); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitInit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l, ext
}
