package lambdatest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func TestRealFunctionAndExtension(t *testing.T) {
	var output bytes.Buffer
	l := lambdatest.New(lambdatest.Options{TB: t, Function: "orders", Freeze: true, Output: &output})
	defer l.Close()
	ext, err := l.StartExtension(self(t, "good"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WaitRegistered(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := ext.Registered(); took <= 0 || took > 10*time.Second {
		t.Errorf("Registered: got %v, want the time from its start", took)
	}
	cmd := goFunction(t)
	cmd.Env = []string{"EXTRA=of the caller"}
	if _, err := l.StartRuntime(cmd); err != nil {
		t.Fatal(err)
	}
	res, err := l.Do(t.Context(), lambdatest.Request{
		Payload: []byte(`{"Do":"tell"}`), RequestID: "request-1", TraceID: "Root=1-2-3",
		ClientContext: `{"client":{"app_title":"app"}}`,
	})
	if err != nil || res.Error != nil {
		t.Fatal(err, res.Error)
	}
	want := `{"app":"app","arn":"arn:aws:lambda:us-east-1:123456789012:function:orders","extra":"of the caller","left":true,"name":"orders","request":"request-1","trace":"Root=1-2-3"}`
	if diff := cmp.Diff(want, string(res.Payload)); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}

	res, err = l.Invoke(t.Context(), []byte(`{"Do":"fail"}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&lambdatest.FunctionError{Type: "errorString", Message: "as asked"}, res.Error); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	res, err = l.Invoke(t.Context(), []byte(`{"Do":"break"}`))
	if err != nil {
		t.Fatal(err)
	}
	if res.Error == nil || res.Error.Message != "the stream broke" || string(res.Payload) != "half" {
		t.Errorf("broken stream: got %v and %q, want the error of the trailer and what came before it", res.Error, res.Payload)
	}
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"[runtime] function starts", "[runtime] handling tell", "[runtime] function got SIGTERM", "event SHUTDOWN SPINDOWN"} {
		if !strings.Contains(l.Log(), line) {
			t.Errorf("the log has no line %q:\n%s", line, l.Log())
		}
	}
	if output.String() != l.Log() {
		t.Errorf("the output is %q, want the log: %q", output.String(), l.Log())
	}
	if err := ext.Err(); err != nil || !strings.Contains(ext.Log(), "event INVOKE") {
		t.Errorf("extension: got %v and the log %q", err, ext.Log())
	}
}

func TestRuntimeThatExits(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t})
	defer l.Close()
	ext, err := l.StartExtension(self(t, "good"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the environment can be started anew
		if _, err := l.StartRuntime(goFunction(t)); err != nil {
			t.Fatal(err)
		}
		res, err := l.Invoke(t.Context(), []byte(`{"Do":"exit"}`))
		if err != nil {
			t.Fatal(err)
		}
		want := &lambdatest.FunctionError{Type: "Runtime.ExitError", Message: "Runtime exited with error: exit status 3"}
		if diff := cmp.Diff(want, res.Error); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
		if !strings.Contains(ext.Log(), "event SHUTDOWN FAILURE") {
			t.Errorf("the extension's log is %q, want a SHUTDOWN with the reason FAILURE", ext.Log())
		}
		_, err = l.Invoke(t.Context(), nil)
		if e, ok := errors.AsType[*lambdatest.FunctionError](err); !ok || e.Type != want.Type {
			t.Errorf("Invoke of an environment that is down: got %v, want %v", err, want)
		}
		if ext, err = l.StartExtension(self(t, "good")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInvocationTimeout(t *testing.T) {
	// The slow one asks for its next event while the environment is being stopped.
	for role, told := range map[string]bool{"good": true, "slow": false} {
		t.Run(role, func(t *testing.T) {
			l := lambdatest.New(lambdatest.Options{TB: t, Timeout: 300 * time.Millisecond, ShutdownTimeout: 800 * time.Millisecond})
			defer l.Close()
			ext, err := l.StartExtension(self(t, role))
			if err != nil {
				t.Fatal(err)
			}
			runtime, err := l.StartRuntime(goFunction(t))
			if err != nil {
				t.Fatal(err)
			}
			res, err := l.Invoke(t.Context(), []byte(`{"Do":"sleep"}`))
			if err != nil {
				t.Fatal(err)
			}
			if res.Error == nil || res.Error.Type != "Sandbox.Timedout" || !strings.Contains(string(res.Payload), "Task timed out after 0.30 seconds") {
				t.Errorf("got %v and %s, want the time-out", res.Error, res.Payload)
			}
			if got := strings.Contains(ext.Log(), "SHUTDOWN TIMEOUT"); got != told {
				t.Errorf("extension saw SHUTDOWN: got %v, want %v", got, told)
			}
			for _, p := range []*lambdatest.Process{ext, runtime} {
				select {
				case <-p.Done():
				default:
					t.Errorf("%s still runs after the reset", p.Name())
				}
			}
		})
	}
}

func TestBusyExtensionTimesOutAfterTheAnswer(t *testing.T) {
	l, ext := start(t, lambdatest.Options{TB: t, Timeout: 300 * time.Millisecond, ShutdownTimeout: 100 * time.Millisecond}, "busy")
	res, err := l.Invoke(t.Context(), nil)
	if err != nil || res.Error != nil {
		t.Fatalf("got %v, %v, want the answer of the runtime at once", err, res.Error)
	}
	if err := l.WaitIdle(t.Context()); err == nil || !strings.Contains(err.Error(), "Sandbox.Timedout") {
		t.Errorf("WaitIdle: got %v, want the time-out", err)
	}
	<-ext.Done()
}

func TestExtensionThatExits(t *testing.T) {
	l, _ := start(t, lambdatest.Options{TB: t}, "exit on invoke")
	l.Invoke(t.Context(), nil) // the answer may come first
	_, err := l.Invoke(t.Context(), nil)
	if err == nil {
		err = l.WaitIdle(t.Context())
	}
	if e, ok := errors.AsType[*lambdatest.FunctionError](err); !ok || e.Type != "Extension.Crash" || !strings.Contains(e.Message, "exit status 0") {
		t.Errorf("got %v, want Extension.Crash with exit status 0", err)
	}
}

func TestExtensionThatFailsItsInit(t *testing.T) {
	tests := []struct{ role, want, violation string }{
		{"early exit", "Extension.Crash", ""},
		{"init error", "Extension.Test: ", ""},
		{"init error and stay", "Extension.Test: ", "after its init/error: want it to exit at once"},
		{"sleeper", `init took longer than 500ms: [extension "lambdatest.test" has not registered`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.role, func(t *testing.T) {
			rec := &recorder{}
			o := lambdatest.Options{TB: rec, ShutdownTimeout: 300 * time.Millisecond}
			if tt.role == "sleeper" {
				o.InitTimeout = 500 * time.Millisecond
			}
			l := lambdatest.New(o)
			defer l.Close()
			ext, err := l.StartExtension(self(t, tt.role))
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.StartHandler(echo)
			if err == nil {
				err = l.WaitInit(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			<-ext.Done()
			got := strings.Join(rec.take(), "\n")
			if !strings.Contains(got, tt.violation) || (tt.violation == "") != (got == "") {
				t.Errorf("violations: got %q, want %q", got, tt.violation)
			}
		})
	}
}

func TestShutdownKillsAfterTheDeadline(t *testing.T) {
	l, ext := start(t, lambdatest.Options{TB: t, ShutdownTimeout: 200 * time.Millisecond}, "stay")
	begin := time.Now()
	err := l.Shutdown(t.Context(), lambdatest.Spindown)
	if err == nil || !strings.Contains(err.Error(), "killed lambdatest.test") {
		t.Errorf("got %v, want that the extension was killed", err)
	}
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("Shutdown took %v, want the whole 200 ms", took)
	}
	<-ext.Done()
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err == nil {
		t.Error("second Shutdown: got no error")
	}
}

func TestChildrenGoWithTheirProcess(t *testing.T) {
	l, ext := start(t, lambdatest.Options{TB: t}, "leave a child")
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Fatal(err)
	}
	_, pid, found := strings.Cut(strings.TrimSpace(ext.Log()), "child ")
	if !found {
		t.Fatalf("no child in the log %q", ext.Log())
	}
	for range 200 {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") { // gone, or nobody has asked how it ended
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("the child %s lives on", pid)
}

// stopped reports whether the process is stopped by a signal.
func stopped(t *testing.T, p *lambdatest.Process) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		if runtime.GOOS != "linux" {
			t.Skip("only Linux tells here whether a process is stopped")
		}
		t.Fatal(err)
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "T")
}

// eventually waits until the process is stopped, or not: signals take a moment.
func eventually(t *testing.T, p *lambdatest.Process, want bool) {
	t.Helper()
	for range 200 {
		if stopped(t, p) == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("stopped: got %v, want %v", !want, want)
}

func TestFreeze(t *testing.T) {
	l, ext := start(t, lambdatest.Options{TB: t, Freeze: true}, "good")
	eventually(t, ext, true)
	for range 2 {
		if res, err := l.Invoke(t.Context(), nil); err != nil || res.Error != nil {
			t.Fatal(err, res.Error)
		}
		if err := l.WaitIdle(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, ext, true)
	}
	l.Thaw()
	eventually(t, ext, false)
	l.Freeze()
	eventually(t, ext, true)
	if err := l.Shutdown(context.Background(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
}
