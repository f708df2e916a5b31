package lambdatest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/extension"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func TestManagedInstances(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, InitializationType: lambdatest.ManagedInstances, MaxConcurrency: 3, Freeze: true})
	defer l.Close()
	ext, err := l.StartExtension(self(t, "good"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.StartRuntime(goFunction(t)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 9 {
		wg.Go(func() {
			res, err := l.Invoke(t.Context(), []byte(`{"Do":"tell"}`))
			if err != nil || res.Error != nil {
				t.Error(err, res.Error)
			}
		})
	}
	wg.Wait()
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	if got, want := ext.Log(), "event SHUTDOWN SPINDOWN\n"; got != want {
		t.Errorf("the extension's log: got %q, want %q", got, want)
	}
}

// TestManagedInstancesRunSideBySide has handlers that all wait for each other.
func TestManagedInstancesRunSideBySide(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, InitializationType: lambdatest.ManagedInstances, MaxConcurrency: 4, Timeout: 5 * time.Second})
	defer l.Close()
	c := caller{t, l}
	together := make(chan struct{})
	var there sync.WaitGroup
	there.Add(4)
	go func() { there.Wait(); close(together) }()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { // a worker
			next := c.call("GET", runtimePath+"invocation/next", "")
			there.Done()
			<-together
			c.call("POST", runtimePath+"invocation/"+next.header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", string(next.body))
		})
		wg.Go(func() { // a caller of the function
			if res, err := l.Invoke(t.Context(), nil); err != nil || res.Error != nil {
				t.Error(err, res.Error)
			}
		})
	}
	wg.Wait()
}

func TestManagedInstancesSurviveATimeout(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, InitializationType: lambdatest.ManagedInstances, Timeout: 100 * time.Millisecond})
	defer l.Close()
	c := caller{t, l}
	took := make(chan string)
	go func() {
		took <- c.call("GET", runtimePath+"invocation/next", "").header.Get("Lambda-Runtime-Aws-Request-Id")
	}()
	for range 2 { // the runtime takes the first and never the second
		res, err := l.Invoke(t.Context(), []byte(`"late"`))
		if err != nil || res.Error == nil || res.Error.Type != "Sandbox.Timedout" {
			t.Errorf("got %v, %v, want the time-out", err, res.Error)
		}
	}
	if got := c.call("POST", runtimePath+"invocation/"+<-took+"/response", "{}"); got.status != 400 {
		t.Errorf("late response: got %d, want 400", got.status)
	}
	if err := l.WaitInit(t.Context()); err != nil {
		t.Errorf("after the time-out: got %v, want no reset", err)
	}
	var events []string
	if _, err := l.StartHandler(func(_ context.Context, event []byte) ([]byte, error) {
		events = append(events, string(event))
		return event, nil
	}); err != nil {
		t.Fatal(err)
	}
	if res, err := l.Invoke(t.Context(), []byte(`"new"`)); err != nil || res.Error != nil {
		t.Errorf("got %v, %v, want that the environment goes on", err, res.Error)
	}
	if want := []string{`"new"`}; !slices.Equal(events, want) {
		t.Errorf("the runtime saw %v, want %v", events, want)
	}
}

func TestSnapStart(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{
		TB: t, InitializationType: lambdatest.SnapStart,
		CredentialsURL: "http://127.0.0.1:9/credentials", CredentialsToken: "token",
	})
	defer l.Close()
	env := strings.Join(l.Env(), "\n")
	for _, want := range []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=token", "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment has no %s", want)
		}
	}
	for _, no := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		if strings.Contains(env, no) {
			t.Errorf("the environment has %s, want none", no)
		}
	}
	ext, err := l.StartExtension(self(t, "good"))
	if err != nil {
		t.Fatal(err)
	}
	c, restored := caller{t, l}, make(chan struct{})
	if _, err := l.GoRuntime(func(ctx context.Context) error { // with restore hooks
		if got := c.call("GET", runtimePath+"restore/next", "").status; got != 200 {
			t.Errorf("restore/next: got %d, want 200", got)
		}
		close(restored)
		id := c.call("GET", runtimePath+"invocation/next", "").header.Get("Lambda-Runtime-Aws-Request-Id")
		c.call("POST", runtimePath+"invocation/"+id+"/response", "{}")
		_, err := c.do(ctx, "GET", runtimePath+"invocation/next", "")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Invoke(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "call Restore first") {
		t.Errorf("Invoke of a snapshot: got %v, want what to do", err)
	}
	eventually(t, ext, true)
	select {
	case <-restored:
		t.Error("restore/next was answered before Restore")
	default:
	}
	if err := l.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if res, err := l.Invoke(t.Context(), nil); err != nil || res.Error != nil {
		t.Fatal(err, res.Error)
	}
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	if err := l.Restore(t.Context()); err == nil {
		t.Error("Restore of an environment that has ended: got no error")
	}
}

func TestSnapStartRestoreError(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, InitializationType: lambdatest.SnapStart})
	defer l.Close()
	c := caller{t, l}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		c.call("GET", runtimePath+"restore/next", "")
		c.call("POST", runtimePath+"restore/error", `{"errorType":"Runtime.Hook","errorMessage":"as asked"}`)
	})
	if err := l.Restore(t.Context()); err == nil || !strings.Contains(err.Error(), "Runtime.Hook: runtime: as asked") {
		t.Errorf("got %v, want the runtime's error", err)
	}
}

func TestPayloadLimits(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t})
	defer l.Close()
	if _, err := l.StartHandler(func(_ context.Context, event []byte) ([]byte, error) {
		return append(event, ' '), nil
	}); err != nil {
		t.Fatal(err)
	}
	full := bytes.Repeat([]byte("x"), lambdatest.MaxPayload)
	if _, err := l.Invoke(t.Context(), append(full, 'x')); err == nil || !strings.Contains(err.Error(), "RequestEntityTooLarge") {
		t.Errorf("event above the limit: got %v, want RequestEntityTooLarge", err)
	}
	res, err := l.Invoke(t.Context(), full[1:])
	if err != nil || res.Error != nil || len(res.Payload) != lambdatest.MaxPayload {
		t.Errorf("response at the limit: got %v, %v and %d bytes", err, res.Error, len(res.Payload))
	}
	res, err = l.Invoke(t.Context(), full)
	if err != nil || res.Error == nil || res.Error.Type != "Function.ResponseSizeTooLarge" {
		t.Errorf("response above the limit: got %v, %v, want Function.ResponseSizeTooLarge", err, res.Error)
	}
	if res, err := l.Invoke(t.Context(), nil); err != nil || res.Error != nil {
		t.Errorf("after that: got %v, %v, want that the environment goes on", err, res.Error)
	}
}

// chunks tells what it receives.
type chunks chan string

func (c chunks) Write(p []byte) (int, error) { c <- string(p); return len(p), nil }

func TestStreamedResponse(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t})
	defer l.Close()
	c := caller{t, l}
	got := make(chunks)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { // a runtime that goes on only when the first part has arrived
		id := c.call("GET", runtimePath+"invocation/next", "").header.Get("Lambda-Runtime-Aws-Request-Id")
		body, w := io.Pipe()
		req, _ := http.NewRequest("POST", "http://"+l.API()+runtimePath+"invocation/"+id+"/response", body)
		req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
		req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": nil}
		go func() {
			_, _ = w.Write([]byte("one"))
			if first := <-got; first != "one" {
				t.Errorf("first part: got %q, want %q", first, "one")
			}
			go func() { <-got }()
			_, _ = w.Write([]byte("two"))
			req.Trailer.Set("Lambda-Runtime-Function-Error-Type", "Function.Broke")
			w.Close()
		}()
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 202 {
			t.Errorf("response: got %v, %v, want 202", res, err)
			return
		}
		res.Body.Close()
	})
	res, err := l.Do(t.Context(), lambdatest.Request{Stream: got})
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Payload) != "onetwo" || !res.Streamed || res.Error == nil || res.Error.Type != "Function.Broke" {
		t.Errorf("got %q, streamed %v, %v, want all parts and the error of the trailer", res.Payload, res.Streamed, res.Error)
	}
}

func TestInProcessAWSLambdaGo(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t})
	t.Setenv("AWS_LAMBDA_RUNTIME_API", l.API())
	if _, err := l.GoExtension("ext", loop(l, "ext", func(*extension.Event) {})); err != nil {
		t.Fatal(err)
	}
	if _, err := l.GoRuntime(func(context.Context) error {
		lambda.Start(func(_ context.Context, in []int) (int, error) { // never returns, and must not: it would exit
			return len(in), nil
		})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	res, err := l.Invoke(t.Context(), []byte(`[1,2,3]`))
	if err != nil || res.Error != nil || string(res.Payload) != "3" {
		t.Errorf("got %v, %v, %s, want 3", err, res.Error, res.Payload)
	}
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	l.Close()
}

func TestWhenTheAnswerComes(t *testing.T) {
	for _, wait := range []bool{false, true} {
		l := lambdatest.New(lambdatest.Options{TB: t, WaitForExtensions: wait})
		defer l.Close()
		release := make(chan struct{})
		if _, err := l.GoExtension("ext", loop(l, "ext", func(*extension.Event) { <-release })); err != nil {
			t.Fatal(err)
		}
		var events []string
		if _, err := l.StartHandler(func(_ context.Context, e []byte) ([]byte, error) {
			events = append(events, string(e))
			return e, nil
		}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := l.Invoke(ctx, []byte("1"))
		if wait != errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitForExtensions %v: got %v with a busy extension", wait, err)
		}
		if _, err := l.Invoke(ctx, []byte("2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the next invocation: got %v, want it to wait for the extension", err)
		}
		close(release)
		if _, err := l.Invoke(t.Context(), []byte("3")); err != nil {
			t.Error(err)
		}
		if want := []string{"1", "3"}; !slices.Equal(events, want) {
			t.Errorf("the runtime saw %v, want %v", events, want)
		}
	}
}

func TestEnvironments(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{Env: []string{"SECRET=db", "AWS_REGION=eu-west-1"}})
	defer l.Close()
	names := func(env []string) map[string]string {
		m := map[string]string{}
		for _, v := range env {
			name, value, _ := strings.Cut(v, "=")
			if _, twice := m[name]; twice {
				t.Errorf("%s occurs twice", name)
			}
			m[name] = value
		}
		return m
	}
	function, ext := names(l.Env()), names(l.ExtensionEnv())
	for _, name := range []string{"_HANDLER", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"} {
		if _, ok := function[name]; !ok {
			t.Errorf("the function has no %s", name)
		}
		if _, ok := ext[name]; ok {
			t.Errorf("the extension has %s", name)
		}
		delete(function, name)
	}
	delete(function, "AWS_XRAY_CONTEXT_MISSING")
	if len(function) != len(ext) || ext["AWS_REGION"] != "eu-west-1" || ext["SECRET"] != "db" || ext["AWS_SESSION_TOKEN"] == "" {
		t.Errorf("the extension has %v, want what is left of the function's: %v", ext, function)
	}
	if _, inherited := ext["HOME"]; inherited && os.Getenv("HOME") != "" {
		t.Error("the extension inherits the environment of the test")
	}
}
