package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

const (
	proxyOn   = "SECRETS_RUNTIME_PROXY=on"
	restartOn = "SECRETS_ON_ROTATION=restart"
)

func TestProxyAnswersRotations(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, proxyOn)
	f.start()
	first := f.do(task{Env: []string{"AWS_LAMBDA_RUNTIME_API"}})
	if got := first.Env["AWS_LAMBDA_RUNTIME_API"]; got == f.lambda.API() || len(first.Twice) > 0 {
		t.Errorf("the runtime was pointed at %s, its variables are twice: %v", got, first.Twice)
	}
	if res := f.rotate(2); res.Error != nil || !bytes.HasPrefix(res.Payload, []byte(`{"rotated":true,`)) {
		t.Errorf("rotation: %s, %v", res.Payload, res.Error)
	}
	r := f.do(task{Env: []string{"NUMBER"}})
	if r.Calls != 2 || r.Event != nil || r.PID != first.PID {
		t.Errorf("%+v: the handler saw the rotation, or is another one", r)
	}
	if r.Env["NUMBER"] != "1" {
		t.Errorf("NUMBER = %q, want it to stay: nothing changes the environment of a process from outside", r.Env["NUMBER"])
	}
}

func TestProxyLetsThroughWhatIsNotOurs(t *testing.T) {
	f := newFunction(t, lambdatest.Options{Timeout: 30 * time.Second}, proxyOn)
	f.start()
	arn, version := f.aws.Put("somebody/else", canary)
	large := append(nativeEvent(arn, version)[:1:1], bytes.Repeat([]byte(`"Secret Rotation secretsmanager detail-type":"`+strings.Repeat("x", 500)+`",`), 11000)...)
	large = append(large, `"Text":"x"}`...)
	for name, event := range map[string][]byte{
		"of a secret not held":       nativeEvent(arn, version),
		"of another service":         []byte(`{"source":"aws.s3","detail-type":"Object Created","detail":{"secretId":"db"}}`),
		"large, with all the words":  large,
		"with the words":             []byte(`{"Text":"Secret Rotation","detail-type":"Secret Rotation","source":"secretsmanager"}`),
		"one record of two":          []byte(fmt.Sprintf(`{"Text":"x","detail-type":"x","Records":[{"body":%q},{"body":"{}"}]}`, nativeEvent(f.aws.ARN("db"), "v"))),
		"stage that is not current":  []byte(strings.ReplaceAll(string(nativeEvent(f.aws.ARN("db"), "v")), "AWSCURRENT", "AWSPENDING")),
		"custom with another detail": []byte(`{"detail-type":"Secret Rotation","source":"secretsmanager","detail":{"id":"db"}}`),
	} {
		res := f.invoke(event)
		var r told
		if err := json.Unmarshal(res.Payload, &r); err != nil || res.Error != nil || !bytes.Equal(r.Event, event) {
			t.Errorf("%s: the handler got %.100q, want the event: %v", name, r.Event, res.Error)
		}
	}
}

func TestProxyFailsTheInvocationOfAFailedRefresh(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, proxyOn)
	f.start()
	f.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied, SecretID: "db"})
	res := f.rotate(2)
	if res.Error == nil || res.Error.Type != "RotationError" || !strings.Contains(res.Error.Message, "AccessDenied") || !strings.Contains(res.Error.Message, f.aws.ARN("db")) {
		t.Errorf("rotation: %s, %v; want an error that says which secret and why", res.Payload, res.Error)
	}
	f.aws.Heal()
	if res := f.rotate(3); res.Error != nil { // as Lambda's retry
		t.Error(res.Error)
	}
	if r := f.do(task{}); r.Calls != 1 {
		t.Errorf("the handler was called %d times", r.Calls)
	}
}

// A large batch of rotations and a slow Secrets Manager must not outlast the
// invocation.
func TestProxyKeepsToTheDeadline(t *testing.T) {
	f := newFunction(t, lambdatest.Options{Timeout: 1500 * time.Millisecond}, proxyOn, "SECRETS_MANAGER_TIMEOUT_MILLIS=0")
	f.start()
	f.aws.Fail(awstest.Fault{Kind: awstest.Hang})
	if res := f.rotate(2); res.Error == nil || res.Error.Type != "RotationError" || !strings.Contains(res.Error.Message, "not seen in time") {
		t.Errorf("rotation: %s, %v; want our error before Lambda's time-out", res.Payload, res.Error)
	}
	f.aws.Heal()
	if r := f.do(task{}); r.Calls != 1 {
		t.Errorf("%+v", r)
	}
}

func TestProxyPortTaken(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	f := newFunction(t, lambdatest.Options{}, proxyOn, "SECRETS_RUNTIME_PROXY_PORT="+port)
	f.startExtension()
	err = f.lambda.WaitInit(t.Context())
	want := "port " + port + " of localhost is taken by another process: set SECRETS_RUNTIME_PROXY_PORT"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("init: %v, want %q", err, want)
	}
}

func TestTheExtensionWithoutTheWrapper(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, proxyOn, "AWS_LAMBDA_EXEC_WRAPPER=")
	f.startExtension()
	if _, err := f.lambda.StartRuntime(exec.Command(f.path("runtime"))); err != nil {
		t.Fatal(err)
	}
	if r := f.do(task{Env: []string{"NUMBER"}}); r.Calls != 1 || len(r.Env) != 0 {
		t.Errorf("%+v", r)
	}
	if out := f.out.String(); !strings.Contains(out, "AWS_LAMBDA_EXEC_WRAPPER is not") {
		t.Errorf("the log does not say that the proxy is of no use: %s", out)
	}
}

// Lambda gives the environment up when its extension has ended, and so must the
// runtime whose API is gone.
func TestTheExtensionDiesWhileTheProxyIsInUse(t *testing.T) {
	for _, vars := range [][]string{{proxyOn}, {proxyOn, restartOn}} {
		f := newFunction(t, lambdatest.Options{}, vars...)
		f.start()
		f.do(task{})
		_ = syscall.Kill(f.extension.Pid(), syscall.SIGKILL)
		select {
		case <-f.runtime.Done():
		case <-time.After(10 * time.Second):
			t.Error("the runtime goes on without its API")
		}
		// Which of the two ends is seen first is chance, and whether an invocation begins between them.
		res, err := f.lambda.Invoke(t.Context(), []byte(`{}`))
		if said := fmt.Sprint(err, res.Error); !strings.Contains(said, "Extension.Crash") && !strings.Contains(said, "Runtime.ExitError") {
			t.Errorf("invoke: %s", said)
		}
		f.start() // as Lambda does
		if r := f.do(task{}); r.Calls != 1 {
			t.Errorf("%+v", r)
		}
	}
}

// How a runtime ends is Lambda's to see, whatever is between them.
func TestTheRuntimeEnds(t *testing.T) {
	for _, vars := range [][]string{nil, {proxyOn}, {proxyOn, restartOn}} {
		f := newFunction(t, lambdatest.Options{Timeout: time.Second}, vars...)
		for _, tt := range []struct {
			do         task
			kind, text string
		}{
			{task{Exit: 42}, "Runtime.ExitError", "exit status 42"},
			{task{Kill: true}, "Runtime.ExitError", "signal: killed"},
			{task{Sleep: time.Minute}, "Sandbox.Timedout", "timed out"},
		} {
			f.start()
			f.do(task{})
			res := f.invoke(tt.do)
			if res.Error == nil || res.Error.Type != tt.kind || !strings.Contains(res.Error.Message, tt.text) {
				t.Errorf("%v, %+v: %v, want %s: %s", vars, tt.do, res.Error, tt.kind, tt.text)
			}
			<-f.runtime.Done()
			f.waitFor("the end of the environment", func() bool { return len(f.processes()) == 0 })
		}
	}
}

func TestProxyOnManagedInstances(t *testing.T) {
	const workers = 8
	f := newFunction(t, lambdatest.Options{InitializationType: lambdatest.ManagedInstances, MaxConcurrency: workers}, proxyOn, restartOn)
	f.start()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range 25 {
				event, rotation := []byte(`{"Text":"x"}`), i%5 == 4
				if rotation {
					event = nativeEvent(f.aws.ARN("db"), "")
					event = bytes.Replace(event, []byte(`,"versionId":""`), nil, 1)
				}
				res, err := f.lambda.Invoke(t.Context(), event)
				if err != nil || res.Error != nil || bytes.HasPrefix(res.Payload, []byte(`{"rotated":true`)) != rotation {
					t.Errorf("%s: %s, %v, %v", event, res.Payload, res.Error, err)
				}
			}
		})
	}
	wg.Wait()
	if out := f.out.String(); strings.Count(out, "restart is off on Managed Instances") != 1 {
		t.Errorf("the log does not say once that restart is off: %s", out)
	}
}

func TestSnapStartHasNoRestart(t *testing.T) {
	credentials := awstest.NewCredentials(time.Hour)
	defer credentials.Close()
	f := newFunction(t, lambdatest.Options{
		InitializationType: lambdatest.SnapStart, CredentialsURL: credentials.URL(), CredentialsToken: credentials.Token(),
	}, proxyOn, restartOn, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI="+credentials.URL(), "AWS_CONTAINER_AUTHORIZATION_TOKEN="+credentials.Token())
	f.start()
	if err := f.lambda.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := f.do(task{})
	if res := f.rotate(2); res.Error != nil {
		t.Error(res.Error)
	}
	if r := f.do(task{}); r.PID != first.PID || r.Calls != 2 {
		t.Errorf("%+v, want process %d", r, first.PID)
	}
	if out := f.out.String(); strings.Count(out, "restart is off with SnapStart") != 1 {
		t.Errorf("the log does not say once that restart is off: %s", out)
	}
}
