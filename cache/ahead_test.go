package cache

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefreshAheadKeepsReadersFromWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		for _, id := range []string{"named", "busy", "idle"} {
			u.put(id, "v1", "one")
		}
		c := New(u.fetch, options("named"))
		for _, id := range []string{"named", "busy", "idle"} {
			get(t, c, id, "one", Miss)
		}
		c.RefreshAhead(t.Context()) // nothing is due
		wantCalls(t, u, 3)
		for range 40 { // an invocation each 100 s, and a read of one secret
			time.Sleep(100 * time.Second)
			u.latency = time.Second
			c.RefreshAhead(t.Context())
			u.latency = 0
			get(t, c, "busy", "one", Hit)
		}
		get(t, c, "named", "one", Hit)
		calls := map[string]int{}
		for _, q := range u.calls {
			calls[q.ID]++
		}
		// idle was read once, so it was refreshed once and then left alone.
		if calls["idle"] != 2 || calls["busy"] < 12 || calls["named"] < 12 {
			t.Errorf("calls = %v", calls)
		}
	})
}

func TestRefreshAheadFetchesNothingThatEveryReadFetchesAnyway(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	o := options("db")
	o.TTL = 0
	c := New(u.fetch, o)
	get(t, c, "db", "one", Miss)
	c.RefreshAhead(t.Context())
	wantCalls(t, u, 1)
}

func TestRefreshAheadReturnsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		time.Sleep(290 * time.Second)
		u.latency = 2 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		c.RefreshAhead(ctx)
		if took := time.Since(start); took != time.Second {
			t.Errorf("returned after %s, want 1 s", took)
		}
		time.Sleep(2 * time.Second)
		get(t, c, "db", "one", Hit)
		wantCalls(t, u, 2)
	})
}

func TestRefreshAheadTriesNamedSecretsAgainThatNeverLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		u.fail(throttled())
		c := New(u.fetch, options("db"))
		c.Load(t.Context(), []string{"db"})
		c.RefreshAhead(t.Context())
		wantCalls(t, u, 2) // the first use
		c.RefreshAhead(t.Context())
		wantCalls(t, u, 2) // the back-off holds
		u.fail(nil)
		time.Sleep(3 * time.Second)
		c.RefreshAhead(t.Context())
		get(t, c, "db", "one", Hit)
	})
}

func TestAFetchThatWasFrozenIsNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		release := u.hold()
		go func() { _, _ = c.Get(t.Context(), Query{ID: "db"}) }()
		synctest.Wait()
		for _, e := range c.entries { // twenty minutes pass on the wall clock alone
			e.last.began.wall = e.last.began.wall.Add(-20 * time.Minute)
		}
		u.mu.Lock()
		u.block = nil
		u.mu.Unlock()
		get(t, c, "db", "one", Miss)
		release()
	})
}

func TestAFetchThatWaitsForFrozenOnesBeginsWhenItIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		release := u.hold()
		for range 3 { // two are under way, one waits
			go func() { _, _ = c.GetNow(t.Context(), Query{ID: "db"}) }()
		}
		synctest.Wait()
		wantCalls(t, u, 2)
		for _, e := range c.entries {
			for _, f := range e.running {
				f.began.wall = f.began.wall.Add(-20 * time.Minute)
			}
		}
		u.mu.Lock()
		u.block = nil
		u.mu.Unlock()
		began := time.Now()
		if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err != nil || time.Since(began) > 0 {
			t.Errorf("answered after %s, %v; want at once: the connections of the others are dead", time.Since(began), err)
		}
		release()
	})
}

func TestLoadIsParallelAndBoundedByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		var ids []string
		for i := range 20 {
			ids = append(ids, fmt.Sprint("s", i))
			u.put(ids[i], "v1", "x")
		}
		u.latency = 50 * time.Millisecond
		c := New(u.fetch, options(ids...))
		start := time.Now()
		if failed := c.Load(t.Context(), ids); len(failed) > 0 || time.Since(start) > 50*time.Millisecond {
			t.Errorf("Load: %v after %s, want none after 50 ms", failed, time.Since(start))
		}

		u.latency = 4 * time.Second
		o := options(append(ids, "late", "missing")...)
		o.Timeout = 0
		c = New(u.fetch, o)
		u.put("late", "v1", "late")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failed := c.Load(ctx, []string{"late"})
		if !errors.Is(failed["late"], ErrNotLoaded) {
			t.Errorf("Load: %v, want ErrNotLoaded", failed)
		}
		time.Sleep(4 * time.Second)
		get(t, c, "late", "late", Hit) // the fetch went on
	})
}

func TestAReadOfANamedSecretBeforeItsFirstLoadWaitsForTheTimeBox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		o := options("db")
		o.Timeout = 0
		c := New(u.fetch, o)
		defer u.hold()()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		go c.Load(ctx, []string{"db"})
		synctest.Wait()
		start := time.Now()
		_, err := c.Get(t.Context(), Query{ID: "db"})
		if !errors.Is(err, ErrNotLoaded) || time.Since(start) != 5*time.Second {
			t.Errorf("Get: %v after %s, want ErrNotLoaded after 5 s", err, time.Since(start))
		}
	})
}

func TestTimeOutOfAFirstLoadIsErrNotLoadedAndLaterOnesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		o := options("db")
		o.MaxStale = 0
		c := New(u.fetch, o)
		release := u.hold()
		for _, id := range []string{"db", "other"} {
			start := time.Now()
			_, err := c.Get(t.Context(), Query{ID: id})
			e := AsError(id, err)
			if e.Type != TypeTimeout || time.Since(start) != 3*time.Second || errors.Is(err, ErrNotLoaded) != (id == "db") {
				t.Errorf("Get(%q): %v after %s", id, err, time.Since(start))
			}
		}
		release()
		time.Sleep(4 * time.Second)
		get(t, c, "db", "one", Miss)
		defer u.hold()()
		time.Sleep(301 * time.Second)
		if _, err := c.Get(t.Context(), Query{ID: "db"}); err == nil || errors.Is(err, ErrNotLoaded) {
			t.Errorf("a later time-out is %v, want an error other than ErrNotLoaded", err)
		}
	})
}

func TestNothingIsKeptInASnapshot(t *testing.T) {
	var log bytes.Buffer
	u := newUpstream()
	u.put("db", "v1", "one")
	changed := 0
	o := options("db")
	o.Changed = func() { changed++ }
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	c := New(u.fetch, o)
	c.Snapshot()
	for range 2 {
		get(t, c, "db", "one", Miss)
	}
	rotate(t, c, Change{ID: "db", VersionID: "v1"})
	wantCalls(t, u, 3)
	if _, err := c.Peek("db"); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("Peek: %v, want ErrNotLoaded", err)
	}
	if len(c.entries) > 0 || len(c.names.told) > 0 || changed > 0 {
		t.Errorf("%d entries and %d names were kept, %d changes published", len(c.entries), len(c.names.told), changed)
	}
	if got := strings.Count(log.String(), "snapshot"); got != 1 {
		t.Errorf("%d log lines about the snapshot, want 1", got)
	}
	c.Restore()
	get(t, c, "db", "one", Miss)
	get(t, c, "db", "one", Hit)
	if changed != 1 {
		t.Errorf("%d changes published after the restore, want 1", changed)
	}
}

func TestAFetchFromBeforeTheRestoreDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		c.Snapshot()
		release := u.hold()
		go func() { _, _ = c.Get(t.Context(), Query{ID: "db"}) }()
		synctest.Wait()
		c.Restore()
		u.mu.Lock()
		u.block = nil
		u.mu.Unlock()
		u.put("db", "v2", "two")
		get(t, c, "db", "two", Miss)
		release()
		synctest.Wait()
		get(t, c, "db", "two", Hit)
	})
}

func TestChangedComesBeforeTheAnswerAndOnlyForChangesOfNamedSecrets(t *testing.T) {
	u := newUpstream()
	for _, id := range []string{"db", "other"} {
		u.put(id, "v1", "one")
	}
	changed := 0
	o := options("db")
	o.TTL = 0
	o.Changed = func() { changed++ }
	c := New(u.fetch, o)
	for i, step := range []struct {
		id, version string
		want        int
	}{{"db", "v1", 1}, {"db", "v1", 1}, {"other", "v1", 1}, {"other", "v2", 1}, {"db", "v2", 2}} {
		u.put(step.id, step.version, step.version)
		if _, err := c.Get(t.Context(), Query{ID: step.id}); err != nil {
			t.Fatal(err)
		}
		if changed != step.want {
			t.Errorf("step %d: Changed was called %d times, want %d", i, changed, step.want)
		}
	}
	if _, err := c.Get(t.Context(), Query{ID: "db", Stage: "AWSPREVIOUS"}); err != nil || changed != 2 {
		t.Errorf("another stage called Changed (%d), %v", changed, err)
	}
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "canary")
		c := New(u.fetch, options())
		get(t, c, "db", "canary", Miss)
		get(t, c, "db", "canary", Hit)
		_, _ = c.GetNow(t.Context(), Query{ID: "db"})
		_, _ = c.Get(t.Context(), Query{ID: "missing"})
		s := c.Stats()
		if want := (Counts{Hits: 1, Misses: 1, Refreshes: 1, Errors: 1}); s.Totals != want {
			t.Errorf("Totals = %+v, want %+v", s.Totals, want)
		}
		states := func() string { return c.Stats().Secrets[0].State + " " + c.Stats().Secrets[1].State }
		if got := states(); got != "current error" {
			t.Errorf("states = %s", got)
		}
		time.Sleep(301 * time.Second)
		if got := states(); got != "expired error" {
			t.Errorf("states = %s", got)
		}
		u.fail(throttled())
		get(t, c, "db", "canary", Stale)
		if got := states(); got != "stale error" {
			t.Errorf("states = %s", got)
		}
		b, err := json.Marshal(c.Stats())
		if err != nil || strings.Contains(string(b), "canary") {
			t.Errorf("Stats as JSON: %s, %v", b, err)
		}
	})
}

func TestAValueIsNeitherPrintedNorMarshalled(t *testing.T) {
	const canary = "canary-7f3a"
	s := &Secret{Name: "db", Value: Text(`{"key":"` + canary + `"}`)}
	var out bytes.Buffer
	if _, err := s.Object(); err != nil { // s keeps its members, and its rendering
		t.Fatal(err)
	}
	s.Rendering(func(s *Secret) []byte { return []byte(s.Value.Reveal()) })
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", s, s.Value, []Value{s.Value})
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "secret", s, "value", s.Value)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "secret", s, "value", s.Value)
	if b, err := json.Marshal(s); err == nil {
		t.Errorf("json.Marshal gave %s", b)
	}
	if err := gob.NewEncoder(&out).Encode(s.Value); err == nil {
		t.Error("gob encoded a value")
	}
	bytesOf := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	for _, spelling := range []string{canary, fmt.Sprintf("%x", canary), bytesOf} {
		if strings.Contains(out.String(), spelling) {
			t.Errorf("the value was printed as %s:\n%s", spelling, &out)
		}
	}
}

func TestObjectSpellsMembersAsVariables(t *testing.T) {
	s := &Secret{Value: Text(` {"s":"a\"b\u00e9","n":1.50,"big":12345678901234567890,"e":1E5,"t":true,"f":false,"z":null,"o":{"a": [1, 2]},"":"empty"} `)}
	got, err := s.Object()
	want := map[string]string{"s": `a"bé`, "n": "1.50", "big": "12345678901234567890", "e": "1E5", "t": "true", "f": "false", "z": "", "o": `{"a":[1,2]}`, "": "empty"}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Object() = %v, %v; want %v", got, err, want)
	}
	for _, bad := range []Value{Text(""), Text("null"), Text("[1]"), Text(`"a"`), Text("plain"), Text(`{"a":1`), Text("{} x")} {
		if _, err := (&Secret{Value: bad}).Object(); !errors.Is(err, ErrNotObject) {
			t.Errorf("Object() of %q: %v, want ErrNotObject", bad.Reveal(), err)
		}
	}
	if _, err := (&Secret{Value: Binary([]byte("{}"))}).Object(); !errors.Is(err, ErrBinary) {
		t.Errorf("Object() of bytes: %v, want ErrBinary", err)
	}
}
