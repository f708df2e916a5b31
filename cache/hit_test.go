package cache

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestHitNeverFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, Options{TTL: time.Minute, MaxStale: time.Hour, Size: 10})
		missed := func(when string) {
			t.Helper()
			if _, ok := c.Hit(Query{ID: "db"}); ok {
				t.Errorf("%s: a hit", when)
			}
			if _, ok := c.Held(Query{ID: "db"}); ok {
				t.Errorf("%s: held", when)
			}
		}
		missed("before the first read")
		if n := len(c.Stats().Secrets); n != 0 {
			t.Errorf("%d entries came of that", n)
		}
		if _, err := c.Get(t.Context(), Query{ID: "db"}); err != nil {
			t.Fatal(err)
		}
		if s, ok := c.Held(Query{ID: "db", Stage: Current}); !ok || s.Value.Reveal() != "one" {
			t.Errorf("held: %v, %t", s, ok)
		}
		if n := c.Stats().Totals.Hits; n != 0 {
			t.Errorf("%d hits, though nobody had one", n)
		}
		time.Sleep(7 * time.Second)
		a, ok := c.Hit(Query{ID: "db", Stage: Current})
		if !ok || a.Mark != Hit || a.Age != 7*time.Second || a.Secret.Value.Reveal() != "one" {
			t.Errorf("got %+v, %t", a, ok)
		}
		if n := c.Stats().Totals.Hits; n != 1 {
			t.Errorf("%d hits, want 1", n)
		}
		c.Snapshot()
		missed("in a snapshot")
		c.Restore()
		if _, err := c.Get(t.Context(), Query{ID: "db"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		missed("after the TTL")
		if n := u.count(); n != 2 {
			t.Errorf("%d calls, want those of two reads", n)
		}
	})
}
