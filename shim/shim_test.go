package shim

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

var discard = slog.New(slog.DiscardHandler)

func TestLinksNeitherTheSDKNorTheServer(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/aws-secretsmanager/lambda-extension/"
	for p := range strings.FieldsSeq(string(out)) {
		own, ok := strings.CutPrefix(p, module)
		if strings.Contains(p, "aws-sdk-go") || ok && own != "shim" && own != "event" && own != "localhttp/client" {
			t.Errorf("the shim links %s", p)
		}
	}
	if !strings.Contains(string(out), module+"localhttp/client") {
		t.Errorf("got packages %s", out)
	}
}

func TestStart(t *testing.T) {
	const (
		badToken = "403 Bad Token"
		slow     = `503 {"__type":"TimeoutError","message":"not loaded yet"}`
		throttle = `400 {"__type":"ThrottlingException","message":"slow down"}`
	)
	for _, test := range []struct {
		name, mode, answer string
		outside, gone      bool
		want               string // error of Wrap
		wantFirst          string // error of the first invocation
	}{
		{name: "extension gone", gone: true, want: "shim: cannot reach the secrets extension; is its layer attached to the function? get variables: "},
		{name: "extension gone, continue", gone: true, mode: "continue"},
		{name: "extension gone, outside Lambda", gone: true, outside: true},
		{name: "extension gone, outside Lambda, fail", gone: true, outside: true, mode: "fail", want: "shim: cannot reach the secrets extension; start aws-secretsmanager"},
		{name: "refused", answer: badToken, want: "shim: get variables: status 403: Bad Token"},
		{name: "refused, continue", answer: badToken, mode: "continue"},
		{name: "refused, continue in capitals", answer: badToken, mode: "CONTINUE"},
		{name: "not loaded yet", answer: slow, wantFirst: "no secrets: get variables: status 503: TimeoutError: not loaded yet"},
		{name: "not loaded yet, continue", answer: slow, mode: "continue"},
		{name: "throttled", answer: throttle, wantFirst: "no secrets: get variables: status 400: ThrottlingException"},
		{name: "bad mode", mode: "maybe", want: `shim: SECRETS_ON_INIT_ERROR: got "maybe", want fail or continue`},
	} {
		t.Run(test.name, func(t *testing.T) {
			unset(t, "AWS_LAMBDA_RUNTIME_API", "NAME")
			if !test.outside {
				inLambda(t)
			}
			t.Setenv("SECRETS_ON_INIT_ERROR", test.mode)
			t.Cleanup(func() { current.Store(nil) })
			e, c := newEndpoint(map[string]string{"NAME": "value"}), &counter{}
			e.failing("/env", test.answer)
			to := e.client()
			if test.gone {
				to = client.New(client.Options{URL: "http://127.0.0.1:1"})
			}
			var log bytes.Buffer
			h, s, err := Wrap(c.handle, Client(to), Logger(slog.New(slog.NewTextHandler(&log, nil))))
			if test.want != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.want) {
					t.Errorf("got %v, want %s…", err, test.want)
				}
				if s != nil || current.Load() != nil {
					t.Error("there are secrets all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "variables are not loaded") {
				t.Errorf("logged %q, want a warning", &log)
			}
			_, err = h.Invoke(t.Context(), []byte(`{}`))
			if test.wantFirst == "" {
				if err != nil || c.calls() != 1 {
					t.Errorf("first invocation: got %v, %d calls; want the handler called", err, c.calls())
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.wantFirst) || c.calls() != 0 {
				t.Errorf("first invocation: got %v, %d calls; want %s… and no call", err, c.calls(), test.wantFirst)
			}
			e.failing("/env", "")
			invokeText(t, h, `{}`)
			if c.calls() != 1 || os.Getenv("NAME") != "value" {
				t.Errorf("once there are values: %d calls with NAME=%q", c.calls(), os.Getenv("NAME"))
			}
			if err := s.env.apply(s.env.turn(), nil); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestLoadIsBounded(t *testing.T) {
	inLambda(t)
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(nil)
		e.hold["/env"] = make(chan struct{})
		start := time.Now()
		h, _ := wrap(t, e, func() {}, Logger(discard))
		if got := time.Since(start); got != loadTimeout {
			t.Errorf("Wrap took %v, want %v", got, loadTimeout)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start = time.Now()
		if _, err := h.Invoke(ctx, []byte(`{}`)); err == nil || time.Since(start) != 2900*time.Millisecond {
			t.Errorf("first invocation: got %v after %v, want an error within its deadline", err, time.Since(start))
		}
	})
}

func TestInvocationsRenewTheVariables(t *testing.T) {
	for _, test := range []struct {
		name  string
		proxy string // SECRETS_RUNTIME_PROXY
		opts  []Option
		waits []time.Duration // before each invocation
		want  int             // calls of /env
	}{
		{"at most once a second", "off", nil, []time.Duration{0, 999 * time.Millisecond, 1 * time.Millisecond, 0, time.Hour}, 2},
		{"where the proxy sees the rotations", "On", nil, []time.Duration{0, 0, 0}, 3},
		{"where the proxy does, and as the code says", "on", []Option{RenewEvery(-1)}, []time.Duration{0}, 0},
		{"every time", "", []Option{RenewEvery(0)}, []time.Duration{0, 0, 0}, 3},
		{"never", "", []Option{RenewEvery(-1)}, []time.Duration{time.Hour}, 0},
		{"seldom", "", []Option{RenewEvery(time.Minute)}, []time.Duration{30 * time.Second, 29 * time.Second, time.Second}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("SECRETS_RUNTIME_PROXY", test.proxy)
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(nil)
				h, _ := wrap(t, e, func() {}, test.opts...)
				e.count("")
				for _, wait := range test.waits {
					time.Sleep(wait)
					invokeText(t, h, `{}`)
				}
				if got := e.count("GET /env"); got != test.want {
					t.Errorf("%d calls, want %d", got, test.want)
				}
			})
		})
	}
}

func TestClockThatWentBackwardsRenews(t *testing.T) {
	e := newEndpoint(nil)
	_, s := wrap(t, e, func() {})
	s.asked.Store(time.Now().Add(time.Hour).UnixNano())
	if !s.due() {
		t.Error("not due for an hour, want due: the sandbox's clock was set")
	}
}

func TestRenewalThatFailsKeepsValuesAndInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unset(t, "NAME")
		var log bytes.Buffer
		e := newEndpoint(map[string]string{"NAME": "canary"})
		h, _ := wrap(t, e, func() (string, error) { return Get("NAME"), nil },
			RenewEvery(0), Logger(slog.New(slog.NewTextHandler(&log, nil))))
		e.failing("/env", `502 {"__type":"ConnectionError","message":"no route"}`)
		for range 3 {
			if got := invokeText(t, h, `{}`); got != `"canary"` {
				t.Errorf("got %s, want the value of before", got)
			}
		}
		e.failing("/env", "")
		for range 3 {
			invokeText(t, h, `{}`)
		}
		if strings.Count(log.String(), "not renewed") != 1 || strings.Count(log.String(), "no route") != 1 || strings.Count(log.String(), "current again") != 1 {
			t.Errorf("logged\n%swant one line for the failure, with its cause, and one for its end", &log)
		}
		e.hold["/env"] = make(chan struct{})
		start := time.Now()
		invokeText(t, h, `{}`)
		if got := time.Since(start); got != renewTimeout {
			t.Errorf("an ordinary invocation waited %v, want %v", got, renewTimeout)
		}
		if strings.Contains(log.String(), "canary") {
			t.Error("the log shows a value")
		}
	})
}
