package runtimeproxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// vars is where variables come from in these tests.
type vars struct {
	current atomic.Pointer[Variables]
	err     error
}

func (v *vars) set(change uint64, password string) {
	v.current.Store(&Variables{Values: map[string]string{"PASSWORD": password}, Change: change})
}

func (v *vars) restart() *Restart {
	return &Restart{
		Token:   "t0ken",
		Current: func() Variables { return *v.current.Load() },
		Load:    func(context.Context) (Variables, error) { return *v.current.Load(), v.err },
	}
}

// supervised is a proxy whose runtime was started with the first variables.
func supervised(t *testing.T, a *api) (v *vars, c Client, log *process.Output) {
	t.Helper()
	v = &vars{}
	v.set(1, "one")
	logger, log := logTo()
	addr := open(t, Options{API: a.addr, Rotate: isRotation(`{}`, nil), Restart: v.restart(), Log: logger})
	c = Client{Addr: addr, Token: "t0ken"}
	first, err := c.Variables(t.Context())
	if err != nil || first.Values["PASSWORD"] != "one" || first.Change != 1 {
		t.Fatalf("variables %v, %v", first, err)
	}
	return v, c, log
}

// changed waits for a change as the wrapper does.
func changed(t *testing.T, c Client) <-chan Variables {
	t.Helper()
	got := make(chan Variables, 1)
	go func() {
		if v, err := c.Changed(t.Context()); err == nil {
			got <- v
		}
	}()
	return got
}

func TestRuntimeIsHeldUntilItIsReplaced(t *testing.T) {
	a := newAPI(t)
	v, c, _ := supervised(t, a)
	orders := changed(t, c)
	a.events <- event{id: "e1", payload: "{}"}
	if id, _, err := next(t.Context(), c.Addr); id != "e1" || err != nil {
		t.Fatalf("got %q, %v", id, err)
	}

	v.set(2, "two")
	old, kill := context.WithCancel(t.Context())
	ended := make(chan string, 1)
	go func() {
		id, _, _ := next(old, c.Addr)
		ended <- id
	}()
	order := within(t, "order", orders)
	if order.Values["PASSWORD"] != "two" || order.Change != 2 {
		t.Errorf("the order has %v", order)
	}
	a.events <- event{id: "e2", payload: "{}"}
	select {
	case id := <-ended:
		t.Errorf("the old runtime got an answer, event %q", id)
	case <-time.After(50 * time.Millisecond):
	}
	kill()
	<-ended
	if got := len(a.asked); got != 1 {
		t.Errorf("the Runtime API was asked for %d events, want 1: none for the old runtime", got)
	}
	if id, _, err := next(t.Context(), c.Addr); id != "e2" || err != nil {
		t.Errorf("the new runtime got %q, %v", id, err)
	}
}

// The change comes with the event, whose runtime waits for another one meanwhile.
func TestRotationReplacesTheRuntimeAfterItsAnswer(t *testing.T) {
	a := newAPI(t)
	v, c, _ := supervised(t, a)
	orders := changed(t, c)
	old, kill := context.WithCancel(t.Context())
	defer kill()
	go func() { _, _, _ = next(old, c.Addr) }()
	within(t, "call for an event", a.asked)
	v.set(2, "two")
	a.events <- event{id: "r1", payload: `{"rotation":1}`}
	if got := within(t, "answer", a.answers); got.path != "/2018-06-01/runtime/invocation/r1/response" {
		t.Errorf("answer %+v", got)
	}
	within(t, "order", orders)
	if got := len(a.asked); got != 0 {
		t.Errorf("the Runtime API was asked for %d more events while the runtime is replaced", got)
	}
}

func TestOneReplacementForEachChange(t *testing.T) {
	a := newAPI(t)
	v, c, _ := supervised(t, a)
	var orders atomic.Int32
	go func() {
		for {
			if _, err := c.Changed(t.Context()); err != nil {
				return
			}
			orders.Add(1)
		}
	}()
	for i := range 100 {
		if i%20 == 0 {
			v.set(uint64(2+i), "changed"+strings.Repeat("!", i))
		}
		if i%20 == 10 {
			v.set(uint64(2+i), "changed"+strings.Repeat("!", i-10)) // to and fro between two events
		}
		a.events <- event{id: "r", payload: `{"rotation":1}`}
		a.events <- event{id: "e", payload: `{}`}
		before := orders.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		id, _, _ := next(ctx, c.Addr)
		cancel()
		if replaced := orders.Load() != before; replaced != (i%20 == 0) || replaced == (id == "e") {
			t.Errorf("turn %d: replaced: %v, event %q", i, replaced, id)
		}
		if id == "" {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, _, err := next(ctx, c.Addr)
			cancel()
			if err != nil {
				t.Fatalf("turn %d: the new runtime: %v", i, err)
			}
		}
	}
	if got := orders.Load(); got != 5 {
		t.Errorf("%d replacements of 5 changes", got)
	}
}

func TestNobodyToReplaceTheRuntime(t *testing.T) {
	a := newAPI(t)
	v := &vars{}
	v.set(1, "one")
	addr := open(t, Options{API: a.addr, Restart: v.restart()})
	v.set(2, "two") // nobody has started the runtime with the variables
	a.events <- event{id: "e1", payload: "{}"}
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	if id, _, err := next(ctx, addr); id != "e1" || err != nil {
		t.Errorf("got %q, %v; want no wait for somebody who never was there", id, err)
	}
}

func TestOrderThatNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vars{}
		v.set(1, "one")
		s := newRestarts(*v.restart())
		s.known, s.running = true, *v.current.Load()
		v.set(2, "two")
		call := func(ctx context.Context) (took time.Duration, due bool) {
			began := time.Now()
			if s.begin(ctx, slog.New(slog.DiscardHandler)) {
				t.Error("the runtime is replaced, by nobody")
			}
			took = time.Since(began)
			_, due = s.due()
			return took, due
		}

		gone, cancel := context.WithTimeout(t.Context(), patience/2)
		defer cancel()
		if took, due := call(gone); took != patience/2 || !due {
			t.Errorf("a call for an event that ends: after %v, replacement due: %v; want it due for the next call", took, due)
		}
		if took, due := call(t.Context()); took != patience || due {
			t.Errorf("a call for an event that waits: after %v, replacement due: %v; want %v and no wait for the next call", took, due, patience)
		}
	})
}

func TestInitErrorOfANewRuntimeIsOurs(t *testing.T) {
	a := newAPI(t)
	v, c, log := supervised(t, a)
	initError := func() int {
		t.Helper()
		res, err := http.Post("http://"+c.Addr+initErrorPath, "application/json",
			strings.NewReader(`{"errorType":"ImportError","errorMessage":"login with pa55word: denied"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.ReadAll(res.Body)
		return res.StatusCode
	}
	if got := initError(); got != http.StatusAccepted || len(a.answers) != 1 {
		t.Errorf("the first init's error: status %d, %d came to the Runtime API", got, len(a.answers))
	}
	<-a.answers
	orders := changed(t, c)
	v.set(2, "pa55word")
	old, kill := context.WithCancel(t.Context())
	go func() { _, _, _ = next(old, c.Addr) }()
	within(t, "order", orders)
	kill()
	if got := initError(); got != http.StatusAccepted || len(a.answers) != 0 {
		t.Errorf("a later init's error: status %d, %d came to the Runtime API, want none", got, len(a.answers))
	}
	if got := log.String(); !strings.Contains(got, "ImportError") || !strings.Contains(got, "login with [secret]: denied") {
		t.Errorf("the log does not tell why, or tells too much: %s", got)
	}
	a.events <- event{id: "e1", payload: "{}"}
	if _, _, err := next(t.Context(), c.Addr); err != nil {
		t.Fatal(err)
	}
	if initError(); len(a.answers) != 1 {
		t.Error("an error after the init is the Runtime API's to refuse")
	}
}

func TestWrongToken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // for an answer that does not come
	defer cancel()
	a := newAPI(t)
	_, c, _ := supervised(t, a)
	for _, token := range []string{"", "t0ke", "t0kenn"} {
		c.Token = token
		_, err := c.Variables(ctx)
		if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Reason != "Bad Token" {
			t.Errorf("token %q: %v", token, err)
		}
		if _, err := c.Changed(ctx); err == nil || ctx.Err() != nil {
			t.Errorf("token %q: got a change", token)
		}
	}
	v := &vars{}
	v.set(1, "one")
	o := v.restart()
	o.Token = ""
	if _, err := (Client{Addr: open(t, Options{Restart: o})}).Variables(t.Context()); err == nil {
		t.Error("an empty token is one")
	}
}

func TestVariablesThatCannotBeHad(t *testing.T) {
	v := &vars{err: errors.New(`fetch "db": no`)}
	v.set(1, "one")
	c := Client{Addr: open(t, Options{Restart: v.restart()}), Token: "t0ken"}
	_, err := c.Variables(t.Context())
	if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Reason != `fetch "db": no` {
		t.Errorf("error %v", err)
	}
}
