package cache

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// What could not be loaded at the start for the moment is tried again on first use,
// without a back-off; after that, errors are remembered as ever.
func TestFailedLoadIsTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		o := options()
		o.Named = []string{"db"}
		c := New(u.fetch, o)
		u.fail(&Error{ID: "db", Status: http.StatusBadRequest, Type: "ThrottlingException"})
		if failed := c.Load(t.Context(), o.Named); failed["db"] == nil {
			t.Fatal("the load went well")
		}
		for range 2 {
			if _, err := c.Get(t.Context(), Query{ID: "db"}); err == nil {
				t.Fatal("a read went well")
			}
		}
		if got := u.count(); got != 2 {
			t.Errorf("%d calls, want those of the load and of the first read", got)
		}

		// The time box is for the load; a read after it is answered with what is the matter.
		c = New(u.fetch, o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Load(ctx, o.Named)
		u.latency = 2 * time.Second
		if _, err := c.Get(t.Context(), Query{ID: "db"}); err == nil || errors.Is(err, ErrNotLoaded) {
			t.Errorf("the read after the load: %v", err)
		}
		u.latency = 0

		c = New(u.fetch, o)
		c.Load(t.Context(), o.Named)
		u.fail(nil)
		get(t, c, "db", "one", Miss)

		u.fail(&Error{ID: "gone", Status: http.StatusBadRequest, Type: "ResourceNotFoundException"})
		c.Load(t.Context(), []string{"gone"})
		before := u.count()
		if _, err := c.Get(t.Context(), Query{ID: "gone"}); err == nil || u.count() != before {
			t.Errorf("a secret that is not there was asked for again at once: %v", err)
		}
	})
}
