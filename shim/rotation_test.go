package shim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

func custom(id string) string {
	return fmt.Sprintf(`{"source":"mine","detail-type":"Rotated","detail":{"id":%q,"versionId":"v2"}}`, id)
}

func queue(bodies ...string) string {
	type record struct {
		Body string `json:"body"`
	}
	batch := map[string][]record{"Records": {}}
	for _, b := range bodies {
		batch["Records"] = append(batch["Records"], record{b})
	}
	out, _ := json.Marshal(batch)
	return string(out)
}

func mine() []Option { return []Option{Source("mine"), DetailType("Rotated"), DetailKey("id")} }

func TestRotationRenewsTheProcessAndNotTheHandler(t *testing.T) {
	t.Setenv("DB_PASSWORD", "")
	e := newEndpoint(map[string]string{"DB_PASSWORD": "old"})
	c := &counter{}
	h, s := wrap(t, e, c.handle)
	if got := os.Getenv("DB_PASSWORD"); got != "old" {
		t.Fatalf("DB_PASSWORD is %q at the start, want old", got)
	}
	e.set(map[string]string{"DB_PASSWORD": "new"})
	got := invokeText(t, h, rotationEvent)
	if want := `{"changed":true,"rotated":true,"secretId":"prod/db","versionId":"v2"}`; strings.TrimSpace(got) != want {
		t.Errorf("got answer %s, want the extension's %s", got, want)
	}
	if c.calls() != 0 {
		t.Error("the handler saw the rotation")
	}
	if got := []string{os.Getenv("DB_PASSWORD"), s.Get("DB_PASSWORD"), Get("DB_PASSWORD")}; !cmp.Equal(got, []string{"new", "new", "new"}) {
		t.Errorf("DB_PASSWORD is %q in the environment, Secrets and package, want new", got)
	}
	if n := e.count("POST /rotation " + rotationEvent); n != 1 {
		t.Errorf("the event was forwarded %d times, want once and whole", n)
	}
}

func TestWhatTheHandlerGets(t *testing.T) {
	native := `{"source":"aws.secretsmanager","detail-type":"Secret Label Updated","resources":["%s"],"detail":{"name":"prod/db","labelUpdated":"AWSCURRENT","versionId":"v2"}}`
	arn := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3"
	for _, test := range []struct {
		name, payload   string
		opts            []Option
		held            []string
		handled         bool
		rotation, quiet string // a call that is made, one that is not
	}{
		{name: "rotation", payload: rotationEvent, rotation: "POST /rotation {"},
		{name: "ordinary event", payload: `{"source":"aws.s3"}`, handled: true, quiet: "POST /rotation"},
		{name: "secret that is not held", payload: strings.ReplaceAll(rotationEvent, "prod/db", "other"), handled: true, rotation: "POST /rotation {"},
		{name: "default event, names overridden", payload: rotationEvent, opts: mine(), handled: true, quiet: "POST /rotation"},
		{name: "own names", payload: custom("prod/db"), opts: mine(), rotation: "POST /rotation secretId=prod%2Fdb&versionId=v2"},
		{name: "own names, not held", payload: custom("other"), opts: mine(), handled: true, rotation: "POST /rotation secretId=other&versionId=v2"},
		{name: "own names, native event", payload: fmt.Sprintf(native, "prod/db"), opts: mine(), rotation: "POST /rotation {"},
		{name: "batch", payload: queue(rotationEvent, rotationEvent), rotation: "POST /rotation {"},
		{name: "batch with other work", payload: queue(rotationEvent, `{"order":1}`), handled: true, quiet: "POST /rotation"},
		{name: "own names, batch of which one is held", payload: queue(custom("other"), custom("prod/db")), opts: mine(), rotation: "POST /rotation secretId=prod"},
		{name: "own names, batch of which none is held", payload: queue(custom("other"), custom("another")), opts: mine(), handled: true, rotation: "POST /rotation secretId=another"},
		{name: "own names, held under the name", payload: queue(custom("x"), fmt.Sprintf(native, arn)), opts: mine(), rotation: "POST /rotation secretId=prod%2Fdb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, c := newEndpoint(nil), &counter{}
			h, _ := wrap(t, e, c.handle, test.opts...)
			got := invokeText(t, h, test.payload)
			if handled := c.calls() == 1; handled != test.handled || handled != (got == `"handled"`) {
				t.Errorf("handler called %d times, answer %s; want the handler: %t", c.calls(), got, test.handled)
			}
			if test.rotation != "" && e.count(test.rotation) == 0 {
				t.Errorf("no call %s…", test.rotation)
			}
			if test.quiet != "" && e.count(test.quiet) != 0 {
				t.Errorf("a call %s…, want none", test.quiet)
			}
		})
	}
}

func TestNamesFromTheVariablesOfTheFunction(t *testing.T) {
	t.Setenv("SECRETS_ROTATION_SOURCE", "mine")
	t.Setenv("SECRETS_ROTATION_DETAIL_TYPE", "Other")
	t.Setenv("SECRETS_ROTATION_DETAIL_KEY", "id")
	e, c := newEndpoint(nil), &counter{}
	e.held = append(e.held, "")
	h, _ := wrap(t, e, c.handle)
	payload := strings.Replace(custom("prod/db"), "Rotated", "Other", 1)
	invokeText(t, h, payload)
	if n := e.count("POST /rotation " + payload); n != 1 {
		t.Errorf("the extension got %d events, want the event, which it recognises too", n)
	}
	h, _ = wrap(t, e, c.handle, DetailType("Rotated"))
	invokeText(t, h, custom("prod/db"))
	if n := e.count("POST /rotation secretId=prod"); n != 1 {
		t.Errorf("the extension got %d ids, want one: an option overrides the variable", n)
	}
}

func TestBatchIsAnsweredAsTheExtensionDoes(t *testing.T) {
	e := newEndpoint(nil)
	e.held = []string{"b", "c"}
	h, _ := wrap(t, e, func() {}, mine()...)
	var got any
	if err := json.Unmarshal([]byte(invokeText(t, h, queue(custom("a"), custom("b"), custom("c")))), &got); err != nil {
		t.Fatal(err)
	}
	one := func(id string) map[string]any {
		return map[string]any{"rotated": true, "secretId": id, "versionId": "v2", "changed": true}
	}
	want := one("b")
	want["secrets"] = []any{map[string]any{"rotated": false, "secretId": "a", "changed": false}, one("b"), one("c")}
	if d := cmp.Diff(any(want), got); d != "" {
		t.Error(d)
	}
}

func TestRotationThatFailsFailsTheInvocation(t *testing.T) {
	upstream := `502 {"__type":"ThrottlingException","message":"slow down"}`
	for _, test := range []struct{ name, path, answer, payload, want string }{
		{"refresh", "/rotation", upstream, rotationEvent, "rotation of prod/db: follow rotation: status 502: ThrottlingException: slow down"},
		{"refresh of one in a batch", "/rotation", upstream, queue(custom("a"), custom("b")), "rotation of a, b: "},
		{"environment", "/env", upstream, rotationEvent, "rotation of prod/db: get variables: status 502: ThrottlingException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, c := newEndpoint(nil), &counter{}
			opts := []Option{RenewEvery(-1)}
			if strings.Contains(test.payload, "mine") {
				opts = append(opts, mine()...)
			}
			h, _ := wrap(t, e, c.handle, opts...)
			e.failing(test.path, test.answer)
			_, err := h.Invoke(t.Context(), []byte(test.payload))
			if _, ok := errors.AsType[*RotationError](err); !ok || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want a RotationError: %s…", err, test.want)
			}
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Type != "ThrottlingException" {
				t.Errorf("%v does not say why", err)
			}
			if c.calls() != 0 {
				t.Error("the handler saw the rotation")
			}
		})
	}
}

func TestRotationWithoutTheExtensionFailsTheInvocation(t *testing.T) {
	inLambda(t)
	t.Setenv("SECRETS_ON_INIT_ERROR", "continue")
	c := &counter{}
	gone := client.New(client.Options{URL: "http://127.0.0.1:1"})
	for name, test := range map[string]struct {
		payload string
		opts    []Option
	}{
		"event":     {rotationEvent, []Option{Client(gone)}},
		"own names": {custom("prod/db"), append(mine(), Client(gone))},
		"no token":  {rotationEvent, nil},
	} {
		h, _ := wrap(t, newEndpoint(nil), c.handle, append([]Option{Client(nil), Logger(discard)}, test.opts...)...)
		_, err := h.Invoke(t.Context(), []byte(test.payload))
		if err == nil || !strings.HasPrefix(err.Error(), "rotation of prod/db: cannot reach the secrets extension; is its layer attached") {
			t.Errorf("%s: got %v, want an error that names the layer", name, err)
		}
	}
	if c.calls() != 0 {
		t.Error("the handler saw the rotation")
	}
}

func TestRotationEndsBeforeTheInvocationDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(nil)
		h, _ := wrap(t, e, func() {})
		e.hold["/rotation"] = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		_, err := h.Invoke(ctx, []byte(rotationEvent))
		if got, want := time.Since(start), 29900*time.Millisecond; got != want || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended after %v with %v, want %v, to report it within the invocation", got, err, want)
		}
		if _, err := h.Invoke(t.Context(), []byte(rotationEvent)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without an invocation: got %v, want an end all the same", err)
		}
	})
}

func TestInvocationsMayRunSideBySide(t *testing.T) {
	e := newEndpoint(map[string]string{"DB_PASSWORD": "0"})
	h, s := wrap(t, e, func() (string, error) { return Get("DB_PASSWORD"), nil }, RenewEvery(0))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				payload := `{}`
				if i == 0 {
					e.set(map[string]string{"DB_PASSWORD": fmt.Sprint(j), fmt.Sprintf("ONLY_%d", j): "x"})
					payload = rotationEvent
				}
				if _, err := h.Invoke(t.Context(), []byte(payload)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := []string{os.Getenv("DB_PASSWORD"), s.Get("DB_PASSWORD")}; !cmp.Equal(got, []string{"49", "49"}) {
		t.Errorf("DB_PASSWORD is %q, want the last value", got)
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "ONLY_") && v != "ONLY_49=x" {
			t.Errorf("%s is still set", v)
		}
	}
}
