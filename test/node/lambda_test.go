package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// reply is what functions/plain.mjs answers.
type reply struct {
	Calls                         int
	AtStart, Process, Env, Secret string
	Extra                         *string
	Event                         string
}

func (f *function) wantReply(calls, password1, password2 int) {
	f.t.Helper()
	got := ask[reply](f, `{}`)
	now := password(password2)
	want := reply{Calls: calls, AtStart: password(password1), Process: now, Env: now, Secret: now}
	if got != want {
		f.t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLambdaRotationReachesTheFunctionAndNotTheHandler(t *testing.T) {
	each(t, 20, 0, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "plain.handler", lambda: lambdatest.Options{Freeze: true}})
		f.wantReply(1, 1, 1)
		for i, event := range []func(version string) string{
			f.native,
			func(string) string { return custom("db") },
			func(string) string { return custom(f.arn) },
			func(version string) string { return queue(f.native(version)) },
		} {
			f.rotate(i+2, event)
			f.wantReply(i+2, 1, i+2)
		}
		// Every rotation asked Secrets Manager once, and no invocation did.
		if got := f.aws.CallCount(""); got != 5 {
			t.Errorf("calls to Secrets Manager = %d, want 5", got)
		}
		f.shutdown()
	})
}

// queue wraps an event as SQS delivers it.
func queue(event string) string {
	type record struct {
		EventSource string `json:"eventSource"`
		Body        string `json:"body"`
	}
	b, _ := json.Marshal(map[string][]record{"Records": {{"aws:sqs", event}}})
	return string(b)
}

func TestLambdaKeysComeAndGo(t *testing.T) {
	each(t, 24, 0, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "plain.handler", env: []string{"EXTRA=configured"}})
		extra := func() string {
			t.Helper()
			if e := ask[reply](f, `{}`).Extra; e != nil {
				return *e
			}
			return "-"
		}
		for _, step := range []struct{ value, want string }{
			{"", "configured"},
			{`{"PASSWORD":"` + canary + `","EXTRA":7.50}`, "7.50"},
			{`{"PASSWORD":"` + canary + `","EXTRA":null}`, ""},
			{`{"PASSWORD":"` + canary + `"}`, "configured"},
		} {
			if step.value != "" {
				_, version := f.aws.Put("db", step.value)
				ask[any](f, f.native(version))
			}
			if got := extra(); got != step.want {
				t.Errorf("%s: EXTRA is %q, want %q", step.value, got, step.want)
			}
		}
	})
}

func TestLambdaWhatIsTheHandlers(t *testing.T) {
	each(t, 20, 0, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "plain.handler"})
		if got := ask[reply](f, custom("another")); got.Calls != 1 || got.Event != "Secret Rotation" {
			t.Errorf("event of a secret that is not held: got %+v, want the handler to see it", got)
		}
		// 6 MB, and the words of a rotation in it.
		echo := strings.Repeat(`Secret Rotation detail-type secretsmanager `, 140_000)
		event := `{"echo":"` + echo + `"}`
		if res := f.invoke(event); res.Error != nil || !bytes.Equal(res.Payload, []byte(`"`+echo+`"`)) {
			t.Errorf("6 MB event: %v, %d bytes, want %d unchanged", res.Error, len(res.Payload), len(echo)+2)
		}
		if err := f.fails(`{"fail":true}`); err.Type != "Error" || err.Message != "the handler failed" {
			t.Errorf("error of the handler: %v", err)
		}
	})
}

func TestLambdaARotationThatFailsIsSentAgain(t *testing.T) {
	each(t, 20, 0, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "plain.handler"})
		f.wantReply(1, 1, 1)
		_, version := f.aws.Put("db", value(2))
		f.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
		err := f.fails(f.native(version))
		if err.Type != "RotationError" || !strings.Contains(err.Message, "rotation of arn:") || !strings.Contains(err.Message, "AccessDeniedException") {
			t.Errorf("got %v, want a RotationError that says which secret and why", err)
		}
		f.aws.Heal()
		if got := ask[struct{ Rotated bool }](f, f.native(version)); !got.Rotated {
			t.Error("the event that was sent again did nothing")
		}
		f.wantReply(2, 1, 2)
	})
}

func TestLambdaFirstInvocationHasTheVariables(t *testing.T) {
	each(t, 20, 0, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "late.handler"})
		if got := ask[string](f, `{}`); got != password(1) {
			t.Errorf("got %q, want the password", got)
		}
	})
}

func TestLambdaOptions(t *testing.T) {
	each(t, 20, 0, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "options.handler"})
		type seen struct{ Event, Process string }
		f.rotate(2, func(version string) string {
			return fmt.Sprintf(`{"source":"mine","detail-type":"Rotated","detail":{"id":"db","versionId":%q}}`, version)
		})
		f.rotate(3, f.native)
		if got, want := ask[seen](f, custom("db")), (seen{"Secret Rotation", password(3)}); got != want {
			t.Errorf("default event: got %+v, want the handler to see it: %+v", got, want)
		}
	})
}

func TestLambdaWithoutTheLayerSaysSo(t *testing.T) {
	each(t, 24, 0, func(t *testing.T, n node) {
		const want = "cannot reach the secrets extension (ECONNREFUSED); is its layer attached to the function?"
		f := start(t, n, options{handler: "late.handler", noExtension: true})
		if err := f.fails(`{}`); err.Type != "SecretsError" || err.Message != "no secrets: "+want {
			t.Errorf("got %v, want a SecretsError: %s", err, want)
		}
		f = start(t, n, options{handler: "plain.handler", noExtension: true})
		if err := f.lambda.WaitInit(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("init with load: %v, want %s", err, want)
		}
	})
}

func TestLambdaCallbacks(t *testing.T) {
	type seen struct {
		Calls   int
		Process string
	}
	each(t, 0, 22, func(t *testing.T, n node) {
		f := start(t, n, options{handler: "callback.handler", callbacks: true})
		for i := 1; i < 5; i++ {
			if got, want := ask[seen](f, `{}`), (seen{i, password(i)}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			f.rotate(i+1, f.native)
		}
		if err := f.fails(`{"fail":true}`); err.Message != "the handler failed" {
			t.Errorf("error of the handler: %v", err)
		}
		f.aws.Put("db", value(9))
		f.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
		if err := f.fails(custom("db")); err.Type != "RotationError" {
			t.Errorf("got %v, want a RotationError", err)
		}
		f.shutdown()

		f = start(t, n, options{handler: "callback.legacy", callbacks: true})
		f.rotate(2, f.native)
		for range 2 {
			if got := ask[seen](f, `{}`); got.Process != password(2) {
				t.Errorf("answer by the context: got %+v", got)
			}
		}

		// Who never calls back answers null, when nothing is left to do: not earlier, and not never.
		f = start(t, n, options{handler: "silent.handler", callbacks: true})
		for range 3 {
			if res := f.invoke(`{}`); res.Error != nil || string(res.Payload) != "null" {
				t.Errorf("silent handler: %v %q, want null", res.Error, res.Payload)
			}
			time.Sleep(1100 * time.Millisecond) // the next invocation renews first
		}
	})
}

func TestLambdaStreams(t *testing.T) {
	each(t, 0, 0, func(t *testing.T, n node) {
		for _, handler := range []string{"stream.inside", "stream.outside"} {
			t.Run(handler, func(t *testing.T) {
				f := start(t, n, options{handler: handler, callbacks: n.major < 20})
				res := f.invoke(`{"megabytes":20}`)
				want := password(1) + strings.Repeat("x", 20<<20)
				if res.Error != nil || !res.Streamed || string(res.Payload) != want || res.Header.Get("Content-Type") != "text/plain" {
					t.Errorf("got error %v, streamed %t, %d bytes of %s", res.Error, res.Streamed, len(res.Payload), res.Header.Get("Content-Type"))
				}
				f.rotate(2, f.native)
				if res := f.invoke(`{}`); string(res.Payload) != password(2) || !res.Streamed {
					t.Errorf("after the rotation: %q", res.Payload)
				}
			})
		}
	})
}

// Under the older client: the newer one asks for its next event while the error of a stream is still on its way.
func TestLambdaStreamsThatFail(t *testing.T) {
	each(t, 0, 22, func(t *testing.T, n node) {
		for _, handler := range []string{"stream.inside", "stream.outside"} {
			f := start(t, n, options{handler: handler, callbacks: true})
			if err := f.fails(`{"fail":true}`); err.Message != "the handler failed" {
				t.Errorf("%s: error of the handler: %v", handler, err)
			}
			f.aws.Put("db", value(2))
			f.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
			if err := f.fails(custom("db")); err.Type != "RotationError" || !strings.Contains(err.Message, "AccessDenied") {
				t.Errorf("%s: rotation that fails: %v, want a RotationError", handler, err)
			}
		}
	})
}

func TestLambdaMiddy(t *testing.T) {
	type seen struct {
		Seen    bool
		Process string
	}
	each(t, 20, 0, func(t *testing.T, n node) {
		for _, handler := range []string{"middy.middleware", "middy.around"} {
			f := start(t, n, options{handler: handler})
			for i := 1; i < 3; i++ {
				if got, want := ask[seen](f, `{}`), (seen{true, password(i)}); got != want {
					t.Errorf("%s: got %+v, want %+v", handler, got, want)
				}
				f.rotate(i+1, f.native)
			}
		}
	})
}

// Managed Instances run invocations side by side, in threads that have an environment each:
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-nodejs-runtime.html
func TestLambdaManagedInstances(t *testing.T) {
	each(t, 22, 0, func(t *testing.T, n node) {
		f := start(t, n, options{
			handler: "plain.handler",
			lambda:  lambdatest.Options{InitializationType: lambdatest.ManagedInstances, MaxConcurrency: 16},
			env:     []string{"AWS_LAMBDA_NODEJS_WORKER_COUNT=2", "_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET="},
		})
		all := func() (old, renewed int) {
			replies := make([]reply, 64)
			var wg sync.WaitGroup
			for i := range replies {
				wg.Go(func() {
					res, err := f.lambda.Invoke(t.Context(), []byte(`{}`))
					if err != nil || res.Error != nil || json.Unmarshal(res.Payload, &replies[i]) != nil {
						t.Errorf("invoke: %v, %+v", err, res)
					}
				})
			}
			wg.Wait()
			for _, r := range replies {
				switch r.Process {
				case password(1):
					old++
				case password(2):
					renewed++
				}
			}
			return old, renewed
		}
		if old, _ := all(); old != 64 {
			t.Fatalf("%d of 64 invocations had the first password", old)
		}
		f.rotate(2, f.native)
		// The event came to one thread, and all of them know.
		if old, renewed := all(); renewed != 64 {
			t.Errorf("%d of 64 invocations had the new password, %d the old one", renewed, old)
		}
	})
}
