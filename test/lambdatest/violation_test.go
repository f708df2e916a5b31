package lambdatest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// caller calls the API by hand, and wrongly if asked to.
type caller struct {
	t *testing.T
	l *lambdatest.Lambda
}

// answer is what came back.
type answer struct {
	status int
	kind   string // errorType
	header http.Header
	body   []byte
}

func (c caller) do(ctx context.Context, method, path, body string, header ...string) (answer, error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.l.API()+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	var e struct{ ErrorType string }
	_ = json.Unmarshal(data, &e)
	return answer{res.StatusCode, e.ErrorType, res.Header, data}, err
}

func (c caller) call(method, path, body string, header ...string) answer {
	c.t.Helper()
	a, err := c.do(c.t.Context(), method, path, body, header...)
	if err != nil {
		c.t.Error(err) // not Fatal: it may be another goroutine
	}
	return a
}

const (
	extensionPath = "/2020-01-01/extension/"
	runtimePath   = "/2018-06-01/runtime/"
)

func (c caller) register(name, events string) answer {
	c.t.Helper()
	return c.call("POST", extensionPath+"register", `{"events":[`+events+`]}`, "Lambda-Extension-Name", name)
}

// id registers the extension "ext" properly.
func (c caller) id() string {
	c.t.Helper()
	return c.register("ext", `"INVOKE","SHUTDOWN"`).header.Get("Lambda-Extension-Identifier")
}

func (c caller) next(id string) answer {
	c.t.Helper()
	return c.call("GET", extensionPath+"event/next", "", "Lambda-Extension-Identifier", id)
}

// hold begins a call of next and returns when the fake has it.
func (c caller) hold(path, id string, waiting string) {
	c.t.Helper()
	go c.do(c.t.Context(), "GET", path, "", "Lambda-Extension-Identifier", id)
	for range 400 {
		if !strings.Contains(c.l.Missing(), waiting) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.t.Fatalf("the call did not arrive: %s", c.l.Missing())
}

func TestViolations(t *testing.T) {
	tests := []struct {
		name   string
		typ    string
		do     func(c caller) answer
		status int
		kind   string
		want   string // of the violation; "" = none
	}{
		{"wrong name", "", func(c caller) answer { return c.register("other", `"SHUTDOWN"`) }, 403, "Extension.InvalidEventType", `got this name, want one of ["ext"]`},
		{"wrong name, INVOKE only", "", func(c caller) answer { return c.register("ext.sh", `"INVOKE"`) }, 403, "Extension.InvalidExtensionName", `got this name, want one of ["ext"]`},
		{"no name", "", func(c caller) answer { return c.call("POST", extensionPath+"register", `{}`) }, 403, "Extension.InvalidExtensionName", "without the header Lambda-Extension-Name"},
		{"bad body", "", func(c caller) answer {
			return c.call("POST", extensionPath+"register", `[`, "Lambda-Extension-Name", "ext")
		}, 403, "InvalidRequestFormat", `got the body "["`},
		{"unknown event", "", func(c caller) answer { return c.register("ext", `"RESTORE"`) }, 403, "Extension.InvalidEventType", `got the event "RESTORE"`},
		{"INVOKE on managed instances", lambdatest.ManagedInstances, func(c caller) answer { return c.register("ext", `"INVOKE"`) }, 403, "Extension.InvalidEventType", "which is none for lambda-managed-instances"},
		{"double register", "", func(c caller) answer { c.id(); return c.register("ext", `"SHUTDOWN"`) }, 403, "Extension.InvalidExtensionState", "it has registered already"},
		{"late register", "", func(c caller) answer {
			c.hold(runtimePath+"invocation/next", "", "runtime")
			return c.register("ext", `"SHUTDOWN"`)
		}, 403, "Extension.RegistrationClosed", "too late"},
		{"next before register", "", func(c caller) answer { return c.call("GET", extensionPath+"event/next", "") }, 403, "Extension.MissingExtensionIdentifier", "event/next without an identifier"},
		{"unknown identifier", "", func(c caller) answer { return c.next("nobody") }, 403, "Extension.UnknownExtensionIdentifier", `unknown identifier "nobody"`},
		{"two next", "", func(c caller) answer {
			id := c.id()
			c.hold(extensionPath+"event/next", id, `"ext"`)
			return c.next(id)
		}, 403, "Extension.InvalidExtensionState", "while another call waits"},
		{"init error without a type", "", func(c caller) answer {
			return c.call("POST", extensionPath+"init/error", `{}`, "Lambda-Extension-Identifier", c.id())
		}, 403, "Extension.MissingHeader", "without the header"},
		{"init error with an odd type", "", func(c caller) answer {
			return c.call("POST", extensionPath+"init/error", `{"errorType":"x"}`, "Lambda-Extension-Identifier", c.id(), "Lambda-Extension-Function-Error-Type", "not good")
		}, 202, "", `got the type "not good"`},
		{"init error after next", "", func(c caller) answer {
			id := c.id()
			c.hold(extensionPath+"event/next", id, `"ext"`)
			return c.call("POST", extensionPath+"init/error", `{}`, "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.X")
		}, 403, "Extension.InvalidExtensionState", "want exit/error"},
		{"next after exit error", "", func(c caller) answer {
			id := c.id()
			c.call("POST", extensionPath+"exit/error", `{"errorType":"Extension.X"}`, "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.X")
			return c.next(id)
		}, 403, "Extension.InvalidExtensionState", "event/next after exit/error"},
		{"unknown path", "", func(c caller) answer { return c.call("GET", "/2018-06-01/runtime/next", "") }, 404, "", "got GET /2018-06-01/runtime/next"},
		{"two next of the runtime", "", func(c caller) answer {
			c.id()
			c.hold(runtimePath+"invocation/next", "", "runtime")
			return c.call("GET", runtimePath+"invocation/next", "")
		}, 403, "InvalidStateTransition", "while another call waits"},
		{"response to an unknown request", "", func(c caller) answer { return c.call("POST", runtimePath+"invocation/x/response", "") }, 400, "InvalidRequestID", `response of the unknown request id "x"`},
		{"init error of the runtime after next", "", func(c caller) answer {
			c.id()
			c.hold(runtimePath+"invocation/next", "", "runtime")
			return c.call("POST", runtimePath+"init/error", "{}")
		}, 403, "InvalidStateTransition", "after it had asked"},
		{"restore without SnapStart", "", func(c caller) answer { return c.call("GET", runtimePath+"restore/next", "") }, 404, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := &recorder{}
			l := lambdatest.New(lambdatest.Options{TB: rec, ExtensionNames: []string{"ext"}, InitializationType: tt.typ})
			defer l.Close()
			got := tt.do(caller{t, l})
			if got.status != tt.status || got.kind != tt.kind {
				t.Errorf("got %d %s, want %d %s", got.status, got.kind, tt.status, tt.kind)
			}
			seen := rec.take()
			if tt.name == "late register" && len(seen) > 0 { // the runtime was too early, which is another one
				if !strings.Contains(seen[0], "have not registered") {
					t.Errorf("got %q, want that the runtime was too early", seen[0])
				}
				seen = seen[1:]
			}
			if tt.want == "" && len(seen) == 0 {
				return
			}
			if len(seen) != 1 || !strings.Contains(seen[0], tt.want) || !strings.Contains(seen[0], "Lambda's rule: ") || !strings.Contains(seen[0], "https://docs.aws.amazon.com/lambda/") {
				t.Errorf("violations: got %q, want one with %q and Lambda's rule", seen, tt.want)
			}
			if got, want := len(l.Violations()), 1; got < want {
				t.Errorf("Violations has %d, want %d", got, want)
			}
		})
	}
}

func TestBrokenOffNext(t *testing.T) {
	rec := &recorder{}
	l := lambdatest.New(lambdatest.Options{TB: rec, ExtensionNames: []string{"ext"}})
	defer l.Close()
	c := caller{t, l}
	id := c.id()
	var got string
	for range 100 { // the server needs a moment to see the end of a connection
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := c.do(ctx, "GET", extensionPath+"event/next", "", "Lambda-Extension-Identifier", id); err == nil {
			t.Log("refused while the last call is not yet known to be broken")
		}
		cancel()
		if got = strings.Join(rec.take(), "\n"); strings.Contains(got, "broken off its last call: want no time-out") {
			return
		}
	}
	t.Errorf("violations: got %q, want the broken call", got)
}

func TestRuntimeAnswersTwice(t *testing.T) {
	rec := &recorder{}
	l := lambdatest.New(lambdatest.Options{TB: rec})
	defer l.Close()
	c := caller{t, l}
	go func() { _, _ = l.Invoke(t.Context(), nil) }()
	id := c.call("GET", runtimePath+"invocation/next", "").header.Get("Lambda-Runtime-Aws-Request-Id")

	if got := c.call("GET", runtimePath+"invocation/next", ""); got.status != 403 {
		t.Errorf("next before the answer: got %d, want 403", got.status)
	}
	for _, want := range []int{202, 400} {
		if got := c.call("POST", runtimePath+"invocation/"+id+"/response", `{}`).status; got != want {
			t.Errorf("response: got %d, want %d", got, want)
		}
	}
	got := strings.Join(rec.take(), "\n")
	for _, want := range []string{"before it had answered request " + id, "a second answer (response) to request " + id} {
		if !strings.Contains(got, want) {
			t.Errorf("violations: got %q, want %q", got, want)
		}
	}
}

func TestNextAfterShutdown(t *testing.T) {
	rec := &recorder{}
	l := lambdatest.New(lambdatest.Options{TB: rec, ExtensionNames: []string{"ext"}, ShutdownTimeout: 300 * time.Millisecond})
	defer l.Close()
	c := caller{t, l}
	id := c.id()
	if _, err := l.StartHandler(echo); err != nil {
		t.Fatal(err)
	}
	done := make(chan answer)
	go func() {
		first, err := c.do(t.Context(), "GET", extensionPath+"event/next", "", "Lambda-Extension-Identifier", id)
		if err != nil || !strings.Contains(string(first.body), `"SHUTDOWN"`) {
			t.Errorf("got %s and %v, want SHUTDOWN", first.body, err)
		}
		second, _ := c.do(t.Context(), "GET", extensionPath+"event/next", "", "Lambda-Extension-Identifier", id)
		done <- second
	}()
	if err := l.WaitInit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	if got := <-done; got.status != 403 {
		t.Errorf("next after SHUTDOWN: got %d, want 403", got.status)
	}
	if got := strings.Join(rec.take(), "\n"); !strings.Contains(got, "asked for its next event after SHUTDOWN") {
		t.Errorf("violations: got %q, want the next after SHUTDOWN", got)
	}
}
