package runtimeproxy

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRotationsAreAnsweredAndNotSeen(t *testing.T) {
	a := newAPI(t)
	addr := open(t, Options{API: a.addr, Rotate: isRotation(`{"rotated":true}`, nil)})
	for _, id := range []string{"r1", "r2", "r3"} {
		a.events <- event{id: id, payload: `{"rotation":1}`, chunked: id == "r2"}
	}
	a.events <- event{id: "e1", payload: `{"an":"order"}`}

	id, payload, err := next(t.Context(), addr)
	if err != nil || id != "e1" || payload != `{"an":"order"}` {
		t.Errorf("the runtime got %q %q, %v; want the ordinary event", id, payload, err)
	}
	for _, id := range []string{"r1", "r2", "r3"} {
		want := answer{"/2018-06-01/runtime/invocation/" + id + "/response", `{"rotated":true}`, ""}
		if got := within(t, "answer", a.answers); got != want {
			t.Errorf("the Runtime API got %+v, want %+v", got, want)
		}
	}
	if got := len(a.asked); got != 4 {
		t.Errorf("the Runtime API was asked for %d events, want 4: one for each", got)
	}
}

func TestFailedRotationIsTheErrorOfItsInvocation(t *testing.T) {
	a := newAPI(t)
	log, out := logTo()
	addr := open(t, Options{API: a.addr, Rotate: isRotation("", errors.New("rotation of db: AccessDenied: no")), Log: log})
	a.events <- event{id: "r1", payload: `{"rotation":1}`}
	a.events <- event{id: "e1", payload: `{}`}
	if id, _, err := next(t.Context(), addr); err != nil || id != "e1" {
		t.Errorf("the runtime got %q, %v", id, err)
	}
	want := answer{
		"/2018-06-01/runtime/invocation/r1/error",
		`{"errorType":"RotationError","errorMessage":"rotation of db: AccessDenied: no"}`, "Function.RotationError",
	}
	if got := within(t, "error", a.answers); got != want {
		t.Errorf("the Runtime API got %+v, want %+v", got, want)
	}
	if !strings.Contains(out.String(), "AccessDenied") {
		t.Errorf("the log does not say why: %s", out)
	}
}

func TestDeadlineIsTheInvocations(t *testing.T) {
	a := newAPI(t)
	got := make(chan time.Time, 1)
	addr := open(t, Options{API: a.addr, Rotate: func(_ context.Context, _ []byte, d time.Time) ([]byte, error) {
		got <- d
		return nil, nil
	}})
	a.events <- event{id: "e1", payload: `{}`}
	if _, _, err := next(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	if d := within(t, "look at the event", got); !d.Equal(time.UnixMilli(1_000_000_000_000)) {
		t.Errorf("deadline %v, want that of the header", d)
	}
	if d := deadline(http.Header{}); !d.IsZero() {
		t.Errorf("without a header the deadline is %v, want none", d)
	}
}

// What is large passes as it comes, whatever it holds.
func TestOnlyEventsUpToTheLimitAreLookedAt(t *testing.T) {
	a := newAPI(t)
	addr := open(t, Options{API: a.addr, Rotate: isRotation(`{}`, nil)})
	fill := func(n int) string {
		s := `{"rotation":"` + strings.Repeat("x", n)
		return s[:n-2] + `"}`
	}
	for _, chunked := range []bool{false, true} {
		for size, passes := range map[int]bool{maxPeek: false, maxPeek + 1: true, 6 << 20: true} {
			payload := fill(size)
			a.events <- event{id: "large", payload: payload, chunked: chunked}
			a.events <- event{id: "after", payload: "{}"}
			id, got, err := next(t.Context(), addr)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: "large", false: "after"}[passes]; id != want {
				t.Errorf("%d bytes, chunked %v: got %q, want %q", size, chunked, id, want)
			}
			if passes {
				if got != payload {
					t.Errorf("%d bytes, chunked %v: %d other bytes came", size, chunked, len(got))
				}
				if id, _, err := next(t.Context(), addr); id != "after" || err != nil {
					t.Errorf("got %q, %v", id, err)
				}
			}
		}
	}
}

// Lambda refuses the answer of an invocation that has timed out.
func TestRefusedAnswerIsNoReasonToStop(t *testing.T) {
	events := make(chan string, 2)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
		_, _ = w.Write([]byte(<-events))
	}))
	log, out := logTo()
	proxy := open(t, Options{API: addr, Rotate: isRotation(`{}`, nil), Log: log})
	events <- `{"rotation":1}`
	events <- `{"an":"order"}`
	if _, payload, err := next(t.Context(), proxy); err != nil || payload != `{"an":"order"}` {
		t.Errorf("the runtime got %q, %v", payload, err)
	}
	if !strings.Contains(out.String(), "refused") {
		t.Errorf("the log does not tell of it: %s", out)
	}
}

// A runtime that is gone must not take an event with it.
func TestARuntimeThatIsGoneWaitsForNoEvent(t *testing.T) {
	a := newAPI(t)
	addr := open(t, Options{API: a.addr})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, _, err := next(ctx, addr)
		ended <- err
	}()
	within(t, "call for an event", a.asked)
	cancel()
	<-ended
	// The event may go to a call that is not yet known to be over: here there is one
	// at a time, so wait for that end as Lambda does.
	time.Sleep(100 * time.Millisecond)
	a.events <- event{id: "e1", payload: `{}`}
	if id, _, err := next(t.Context(), addr); err != nil || id != "e1" {
		t.Errorf("the next runtime got %q, %v; want the event", id, err)
	}
}

func TestConcurrentNexts(t *testing.T) {
	const workers, each = 16, 20
	a := newAPI(t)
	addr := open(t, Options{API: a.addr, Rotate: isRotation(`{}`, nil)})
	seen := make(chan string, workers*each)
	for range workers {
		go func() {
			for {
				id, _, err := next(t.Context(), addr)
				if err != nil {
					return
				}
				seen <- id
			}
		}()
	}
	want := map[string]int{}
	for i := range workers * each {
		id := string(rune('a'+i%26)) + strings.Repeat("z", i/26)
		if want[id]++; i%10 == 0 {
			a.events <- event{id: "rotation", payload: `{"rotation":1}`}
		}
		a.events <- event{id: id, payload: `{}`}
	}
	for range workers * each {
		want[within(t, "event", seen)]--
	}
	for id, n := range want {
		if n != 0 {
			t.Errorf("event %q was seen %d times too few", id, n)
		}
	}
	for range workers * each / 10 {
		if got := within(t, "answer", a.answers); got.path != "/2018-06-01/runtime/invocation/rotation/response" {
			t.Errorf("answer to %s", got.path)
		}
	}
}
