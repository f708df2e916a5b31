package extension_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/extension"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func echo(_ context.Context, event []byte) ([]byte, error) { return event, nil }

func register(t *testing.T, l *lambdatest.Lambda, initializationType string) *extension.Session {
	t.Helper()
	s, err := extension.Register(t.Context(), extension.Options{
		API: l.API(), Name: "ext", Events: extension.EventsFor(initializationType),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRegisterTellsAboutTheFunction(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, ExtensionNames: []string{"ext"}, Function: "orders", AccountID: "111122223333"})
	defer l.Close()
	s := register(t, l, lambdatest.OnDemand)
	got := []string{s.FunctionName, s.FunctionVersion, s.Handler, s.AccountID}
	want := []string{"orders", "$LATEST", "bootstrap", "111122223333"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
}

func TestEventsThroughALife(t *testing.T) {
	for _, typ := range []string{lambdatest.OnDemand, lambdatest.ProvisionedConcurrency, lambdatest.SnapStart, lambdatest.ManagedInstances} {
		t.Run(typ, func(t *testing.T) {
			l := lambdatest.New(lambdatest.Options{TB: t, InitializationType: typ})
			defer l.Close()
			var events []*extension.Event
			if _, err := l.GoExtension("ext", func(ctx context.Context) error {
				s := register(t, l, typ)
				for {
					e, err := s.Next(ctx)
					if err != nil {
						return err
					}
					events = append(events, e)
					if e.Type == extension.Shutdown {
						return nil
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
			if _, err := l.StartHandler(echo); err != nil {
				t.Fatal(err)
			}
			if typ == lambdatest.SnapStart {
				if err := l.Restore(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			res, err := l.Do(t.Context(), lambdatest.Request{TraceID: "Root=1-2-3"})
			if err != nil || res.Error != nil {
				t.Fatal(err, res.Error)
			}
			if err := l.Shutdown(t.Context(), "SpinDown"); err != nil {
				t.Fatal(err)
			}
			check(t, typ, events, res.RequestID)
		})
	}
}

// check compares what an extension saw of one invocation and the shutdown.
func check(t *testing.T, typ string, events []*extension.Event, requestID string) {
	t.Helper()
	for _, e := range events {
		if left := time.Until(e.Deadline); left <= 0 || left > 3*time.Second {
			t.Errorf("%s: got a deadline in %v, want one in at most 3 s", e.Type, left)
		}
		e.Deadline = time.Time{}
	}
	want := []*extension.Event{
		{
			Type: extension.Invoke, RequestID: requestID,
			InvokedFunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:function",
			Tracing:            extension.Tracing{Type: "X-Amzn-Trace-Id", Value: "Root=1-2-3"},
		},
		{Type: extension.Shutdown, ShutdownReason: "SpinDown"},
	}
	if typ == lambdatest.ManagedInstances {
		want = want[1:]
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestManagedInstancesRefuseInvoke(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{InitializationType: lambdatest.ManagedInstances, ExtensionNames: []string{"ext"}})
	defer l.Close()
	_, err := extension.Register(t.Context(), extension.Options{
		API: l.API(), Name: "ext", Events: []extension.EventType{extension.Invoke, extension.Shutdown},
	})
	refused, ok := errors.AsType[*extension.Error](err)
	if !ok {
		t.Fatalf("got the error %v, want an *extension.Error", err)
	}
	if got, want := refused.Type, "Extension.InvalidEventType"; got != want || refused.Status != http.StatusForbidden {
		t.Errorf("got %d %s, want 403 %s", refused.Status, got, want)
	}
	if got, want := err.Error(), "register: 403 Extension.InvalidEventType: INVOKE: "; !strings.HasPrefix(got, want) {
		t.Errorf("got the error %q, want it to start with %q", got, want)
	}
}

func TestInitError(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, ExtensionNames: []string{"ext"}})
	defer l.Close()
	s := register(t, l, lambdatest.OnDemand)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as when the failure has ended everything
	if err := s.InitError(ctx, "Extension.Config Invalid\n", errors.New("PORT: got x, want a number")); err != nil {
		t.Fatal(err)
	}
	r := l.InitError()
	if r == nil {
		t.Fatal("no init error was received")
	}
	if got, want := r.Type, "Extension.ConfigInvalid"; got != want {
		t.Errorf("type: got %q, want %q", got, want)
	}
	want := `{"errorMessage":"PORT: got x, want a number","errorType":"Extension.ConfigInvalid","stackTrace":[]}`
	if got := string(r.Body); got != want {
		t.Errorf("body:\n got %s\nwant %s", got, want)
	}
	if err := l.WaitInit(t.Context()); err == nil || !strings.Contains(err.Error(), "PORT: got x") {
		t.Errorf("WaitInit: got %v, want the reported error", err)
	}
}

func TestExitErrorWithoutACause(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, ExtensionNames: []string{"ext"}})
	defer l.Close()
	s := register(t, l, lambdatest.OnDemand)
	if err := s.ExitError(t.Context(), " ", nil); err != nil {
		t.Fatal(err)
	}
	r := l.ExitError()
	if r == nil || r.Type != "Extension.UnknownReason" || r.Message != "Extension.UnknownReason" {
		t.Errorf("got %+v, want a report of the type Extension.UnknownReason", r)
	}
}

func TestNextTakesOneCallAtATime(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t, ExtensionNames: []string{"ext"}})
	defer l.Close()
	s := register(t, l, lambdatest.OnDemand)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := s.Next(ctx)
		first <- err
	}()
	if _, err := l.StartHandler(echo); err != nil {
		t.Fatal(err)
	}
	if err := l.WaitInit(t.Context()); err != nil { // the first call waits
		t.Fatal(err)
	}
	if _, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "another call") {
		t.Errorf("second Next: got the error %v, want that another call waits", err)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("first Next: got the error %v, want %v", err, context.Canceled)
	}
}

func TestAProxyNeverApplies(t *testing.T) {
	// Setting HTTP_PROXY would show nothing: a proxy from the environment never
	// applies to loopback addresses, but it does to Lambda's link-local one.
	if extension.TransportProxy() != nil {
		t.Error("the transport has a proxy, want none")
	}
}

func TestEventsFor(t *testing.T) {
	both := []extension.EventType{extension.Invoke, extension.Shutdown}
	for typ, want := range map[string][]extension.EventType{
		"": both, "on-demand": both, "snap-start": both, "lambda-managed-instances": both[1:],
	} {
		if got := extension.EventsFor(typ); !slices.Equal(got, want) {
			t.Errorf("EventsFor(%q): got %v, want %v", typ, got, want)
		}
	}
}
