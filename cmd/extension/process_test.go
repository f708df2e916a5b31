package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// TestMain makes the binary of these tests the layer's and the function's, too,
// under other names.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case name:
		main()
	case "runtime":
		runtimeMain()
	default:
		os.Exit(m.Run())
	}
}

// task is an event for the function of these tests, and told its answer.
type task struct {
	Env   []string // names of variables to tell
	Exit  int      // the status to end with, instead of an answer
	Kill  bool     // by SIGKILL, as for its memory
	Sleep time.Duration
	Text  string
}

type told struct {
	PID, Calls int
	Args       []string
	Env        map[string]string
	Twice      []string        // variables that are there more than once
	Event      json.RawMessage `json:",omitempty"`
}

func runtimeMain() {
	var mu sync.Mutex // of Managed Instances there are several invocations at a time
	calls, rotationSeen := 0, false
	if os.Getenv("FAIL_AFTER") != "" && os.Getenv("NUMBER") >= os.Getenv("FAIL_AFTER") {
		fmt.Println("the function's init says no")
		os.Exit(3)
	}
	lambda.Start(func(ctx context.Context, event json.RawMessage) (*told, error) {
		var do task
		_ = json.Unmarshal(event, &do)
		mu.Lock()
		calls++
		rotationSeen = rotationSeen || strings.Contains(string(event), `"detail-type"`)
		calls, rotationSeen := calls, rotationSeen
		mu.Unlock()
		switch {
		case do.Exit != 0:
			os.Exit(do.Exit)
		case do.Kill:
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		time.Sleep(do.Sleep)
		r := &told{PID: os.Getpid(), Calls: calls, Args: os.Args, Env: map[string]string{}, Twice: twice()}
		for _, name := range do.Env {
			if value, ok := os.LookupEnv(name); ok {
				r.Env[name] = value
			}
		}
		if do.Text != "" || rotationSeen {
			r.Event = event
		}
		return r, nil
	})
}

// twice looks at the environment that the kernel was given, for Go's own has none
// twice.
func twice() (names []string) {
	environ, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return []string{err.Error()}
	}
	seen := map[string]bool{}
	for entry := range strings.SplitSeq(string(environ), "\x00") {
		name, _, _ := strings.Cut(entry, "=")
		if seen[name] {
			names = append(names, name)
		}
		seen[name] = true
	}
	return names
}

// function is one function whose parts are processes of their own: the extension,
// and the runtime behind the wrapper.
type function struct {
	t                  *testing.T
	aws                *awstest.SecretsManager
	lambda             *lambdatest.Lambda
	extension, runtime *lambdatest.Process
	o                  lambdatest.Options
	dir                string
	out                *process.Output
}

// newFunction has the secret "db" as a stage has. Its variables come after those
// of Lambda.
func newFunction(t *testing.T, o lambdatest.Options, vars ...string) *function {
	t.Helper()
	f := &function{t: t, aws: awstest.New(), dir: t.TempDir()}
	t.Cleanup(f.aws.Close)
	t.Cleanup(f.killTheRest)
	f.aws.Put("db", dbValue(1))
	f.o = o
	f.deploy(vars)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{name, "runtime"} {
		if err := os.Symlink(self, f.path(link)); err != nil {
			t.Fatal(err)
		}
	}
	f.write("secrets-wrapper", "#!"+f.path(name)+" exec\n")
	return f
}

// again is the same function with other variables.
func (f *function) again(vars ...string) *function {
	f.t.Helper()
	other := *f
	other.deploy(vars)
	return &other
}

func (f *function) deploy(vars []string) {
	f.t.Helper()
	t, o, out, ports := f.t, f.o, &process.Output{}, process.Ports(f.t, 2)
	f.out = out
	o.TB, o.Output = t, out
	o.Env = append(append(f.aws.Env(),
		"SECRET=db", "SECRETS_DOTENV_PATH=off", "AWS_LAMBDA_EXEC_WRAPPER="+ourWrapper, "AWS_LAMBDA_LOG_FORMAT=JSON",
		mark+f.dir,
		"GORACE=atexit_sleep_ms=0", // a second that Lambda's shutdown does not give
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+ports[0], "SECRETS_RUNTIME_PROXY_PORT="+ports[1],
	), vars...)
	l := lambdatest.New(o)
	f.lambda = l
	t.Cleanup(func() {
		l.Close()
		if strings.Contains(out.String(), canary) {
			t.Error("a secret value was printed")
		}
	})
}

func (f *function) path(name string) string { return filepath.Join(f.dir, name) }

func (f *function) write(name, content string) (path string) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), []byte(content), 0o755); err != nil {
		f.t.Fatal(err)
	}
	return f.path(name)
}

// startExtension starts what Lambda starts first.
func (f *function) startExtension() {
	f.t.Helper()
	var err error
	if f.extension, err = f.lambda.StartExtension(exec.Command(f.path(name))); err != nil {
		f.t.Fatal(err)
	}
}

// startRuntime starts a command as the bootstrap of a managed runtime does.
func (f *function) startRuntime(command ...string) {
	f.t.Helper()
	if len(command) == 0 {
		command = []string{f.path("runtime")}
	}
	var err error
	if f.runtime, err = f.lambda.StartRuntime(exec.Command(f.path("secrets-wrapper"), command...)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *function) start(command ...string) {
	f.t.Helper()
	f.startExtension()
	f.startRuntime(command...)
	if err := f.lambda.WaitInit(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *function) invoke(event any) lambdatest.Result {
	f.t.Helper()
	payload, ok := event.([]byte)
	if !ok {
		var err error
		if payload, err = json.Marshal(event); err != nil {
			f.t.Fatal(err)
		}
	}
	r, err := f.lambda.Invoke(f.t.Context(), payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// do has the function answer a task.
func (f *function) do(do task) (r told) {
	f.t.Helper()
	res := f.invoke(do)
	if err := json.Unmarshal(res.Payload, &r); err != nil || res.Error != nil {
		f.t.Fatalf("invoke: %s, %v", res.Payload, res.Error)
	}
	return r
}

// rotate gives the secret its n-th value and the function the event.
func (f *function) rotate(n int) lambdatest.Result {
	f.t.Helper()
	arn, version := f.aws.Put("db", dbValue(n))
	return f.invoke(nativeEvent(arn, version))
}

func (f *function) waitFor(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited 10 s for %s", what)
		}
	}
}

// mark is in the environment of all that a test starts.
const mark = "STARTED_BY="

// killTheRest ends what is in a session of its own and would outlive the test: a
// real sandbox ends with all that is in it.
func (f *function) killTheRest() {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		environ, err := os.ReadFile(dir + "/environ")
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid > 0 && bytes.Contains(environ, []byte(mark+f.dir)) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// processes are those that were started from the function's folder, by the name
// of their program, zombies included.
func (f *function) processes() (names []string) {
	f.t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, dir := range dirs {
		// A zombie has no command line, but still a parent.
		cmdline, _ := os.ReadFile(dir + "/cmdline")
		stat, _ := os.ReadFile(dir + "/stat")
		_, after, _ := strings.Cut(string(stat), ") ")
		zombie := strings.HasPrefix(after, "Z ") && f.runtime != nil && strings.HasPrefix(after, fmt.Sprintf("Z %d ", f.runtime.Pid()))
		if bytes.Contains(cmdline, []byte(f.dir)) || zombie {
			names = append(names, strings.ReplaceAll(string(cmdline), "\x00", " ")+string(stat))
		}
	}
	return names
}
