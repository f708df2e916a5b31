package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func rotate(t *testing.T, c *Cache, ch Change) Rotated {
	t.Helper()
	r, err := c.Rotate(t.Context(), ch)
	if err != nil {
		t.Fatalf("Rotate(%+v): %v", ch, err)
	}
	return r
}

func TestRotationToAVersionMakesOneCallAndNoneWhenItIsHeld(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options("db"))
	get(t, c, "db", "one", Miss)
	u.put("db", "v2", "two")
	for _, want := range []Rotated{{Held: true, VersionID: "v2", Changed: true}, {Held: true, VersionID: "v2"}} {
		if got := rotate(t, c, Change{ID: u.arnOf("db"), VersionID: "v2"}); got != want {
			t.Errorf("Rotate = %+v, want %+v", got, want)
		}
		wantCalls(t, u, 2)
	}
	get(t, c, "db", "two", Hit)
}

func TestRotationLooksUntilTheVersionIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		time.AfterFunc(2*time.Second, func() { u.put("db", "v2", "two") })
		start := time.Now()
		if got := rotate(t, c, Change{ID: "db", VersionID: "v2"}); !got.Changed || got.VersionID != "v2" {
			t.Errorf("Rotate = %+v, want v2", got)
		}
		if took := time.Since(start); took < 2*time.Second || took > 3500*time.Millisecond {
			t.Errorf("took %s, want little more than 2 s", took)
		}
		if got := u.count(); got > 8 {
			t.Errorf("%d calls in 2 s, want a back-off", got)
		}
	})
}

func TestRotationToAVersionNeverSeenEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Rotate(ctx, Change{ID: "db", VersionID: "v2", Time: time.Now()})
		if err == nil || time.Since(start) != 10*time.Second {
			t.Errorf("err = %v after %s, want one after 10 s", err, time.Since(start))
		}
		get(t, c, "db", "one", Hit)
	})
}

func TestAnOutdatedRotationEventEndsWithTheNewerVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		event := time.Now()
		time.Sleep(3 * time.Second)
		u.put("db", "v3", "three")
		if got := rotate(t, c, Change{ID: "db", VersionID: "v2", Time: event}); got.VersionID != "v3" || !got.Changed {
			t.Errorf("Rotate = %+v, want v3", got)
		}
		wantCalls(t, u, 2)
	})
}

func TestAnEventForAVersionThatWasReplacedAtOnceEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		time.Sleep(10 * time.Second)
		event := time.Now()
		u.put("db", "v2", "two")
		time.Sleep(300 * time.Millisecond)
		u.put("db", "v3", "three")
		u.latency = 10 * time.Millisecond // without any, a call may end before the next event comes
		start := time.Now()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := rotate(t, c, Change{ID: "db", VersionID: "v2", Time: event}); got.VersionID != "v3" {
					t.Errorf("Rotate = %+v, want v3", got)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %s, want less than a second", took)
		}
		if got := u.count(); got > 10 {
			t.Errorf("20 events made %d calls, want at most 10", got)
		}
	})
}

func TestAnEventThatComesAfterTheOneForTheNextVersionEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		event := time.Now()
		u.put("db", "v2", "two")
		time.Sleep(300 * time.Millisecond)
		u.put("db", "v3", "three")
		rotate(t, c, Change{ID: "db", VersionID: "v3", Time: event})
		start := time.Now()
		if got := rotate(t, c, Change{ID: "db", VersionID: "v2", Time: event}); got.VersionID != "v3" || time.Since(start) > time.Second {
			t.Errorf("Rotate = %+v after %s, want v3 within a second", got, time.Since(start))
		}
	})
}

func TestARollbackThatIsNotSeenYetIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		time.Sleep(time.Minute)
		u.put("db", "v2", "two")
		time.Sleep(time.Minute)
		c := New(u.fetch, options("db"))
		get(t, c, "db", "two", Miss)
		event := time.Now() // of AWSCURRENT's move back to v1, which is AWSPREVIOUS until that is seen
		time.AfterFunc(2*time.Second, func() { u.put("db", "v1", "one") })
		if got := rotate(t, c, Change{ID: "db", VersionID: "v1", Time: event}); got.VersionID != "v1" {
			t.Errorf("Rotate = %+v, want v1", got)
		}
	})
}

func TestRotationWithoutAVersionLooksAgainThreeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		start := time.Now()
		if got := rotate(t, c, Change{ID: "db"}); got.Changed || got.VersionID != "v1" {
			t.Errorf("Rotate = %+v, want v1 unchanged", got)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %s, want 2 s at most", took)
		}
		wantCalls(t, u, 1+4)

		time.AfterFunc(300*time.Millisecond, func() { u.put("db", "v2", "two") })
		if got := rotate(t, c, Change{ID: "db"}); !got.Changed || got.VersionID != "v2" {
			t.Errorf("Rotate = %+v, want v2: it came within two seconds", got)
		}
		u.put("db", "v3", "three")
		calls := u.count()
		rotate(t, c, Change{ID: "db"})
		wantCalls(t, u, calls+1)
	})
}

func TestRotationTriesTransientErrorsAgainAndGivesUpOnFinalOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		u.put("db", "v2", "two")
		u.fail(throttled())
		time.AfterFunc(time.Second, func() { u.fail(nil) })
		if got := rotate(t, c, Change{ID: "db", VersionID: "v2"}); !got.Changed {
			t.Errorf("Rotate = %+v, want v2", got)
		}
		u.fail(denied())
		start := time.Now()
		if _, err := c.Rotate(t.Context(), Change{ID: "db", VersionID: "v3"}); err == nil || time.Since(start) > 0 {
			t.Errorf("err = %v after %s, want one at once", err, time.Since(start))
		}
	})
}

func TestRotationNeverJoinsAFetchThatBeganBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		release := u.hold()
		go func() { _, _ = c.Get(t.Context(), Query{ID: "db"}) }() // will bring v1
		synctest.Wait()
		u.put("db", "v2", "two")
		done := make(chan Rotated)
		go func() { done <- rotate(t, c, Change{ID: "db"}) }()
		synctest.Wait()
		release()
		if got := <-done; got.VersionID != "v2" {
			t.Errorf("Rotate = %+v, want v2", got)
		}
		synctest.Wait()
		get(t, c, "db", "two", Hit)
	})
}

func TestAnEarlierFetchNeverOverwritesALaterOne(t *testing.T) {
	for _, gone := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			u := newUpstream()
			u.put("db", "v1", "one")
			c := New(u.fetch, options("db"))
			release := u.hold()
			early := make(chan Answer, 1)
			go func() {
				a, _ := c.Get(t.Context(), Query{ID: "db"})
				early <- a
			}()
			synctest.Wait()
			u.mu.Lock()
			u.block = nil
			u.mu.Unlock()
			u.put("db", "v2", "two")
			if gone {
				u.fail(notFound("db"))
			}
			_, err := c.Rotate(t.Context(), Change{ID: "db"})
			if gone != (err != nil) {
				t.Fatalf("Rotate: %v", err)
			}
			release()
			a := <-early
			if gone {
				if s, err := c.Peek("db"); err == nil || a.Secret != nil {
					t.Errorf("a secret that is gone came back: %v, %v", s, a.Secret)
				}
				return
			}
			if a.Secret.VersionID != "v2" {
				t.Errorf("the early reader got %s after v2 was known", a.Secret.VersionID)
			}
			get(t, c, "db", "two", Hit)
		})
	}
}

func TestAnEarlierSuccessDoesNotHideALaterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		time.Sleep(301 * time.Second)
		release := u.hold()
		go func() { _, _ = c.Get(t.Context(), Query{ID: "db"}) }()
		synctest.Wait()
		u.mu.Lock()
		u.block = nil
		u.mu.Unlock()
		u.fail(denied())
		if _, err := c.Rotate(t.Context(), Change{ID: "db"}); err == nil {
			t.Fatal("the rotation did not fail")
		}
		release()
		synctest.Wait()
		get(t, c, "db", "one", Stale) // it is known that there is something newer
	})
}

func TestAStormOfEventsCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		u.latency = 20 * time.Millisecond
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		u.put("db", "v2", "two")
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if got := rotate(t, c, Change{ID: "db"}); got.VersionID != "v2" {
					t.Errorf("Rotate = %+v, want v2", got)
				}
			})
		}
		wg.Wait()
		if got := u.count(); got > 5 {
			t.Errorf("100 events at once made %d calls, want at most 5", got)
		}
		if got := u.mostAtOnce(); got > 2 {
			t.Errorf("%d fetches of one entry at once, want 2 at most", got)
		}

		u.mu.Lock()
		u.calls = nil
		u.mu.Unlock()
		time.AfterFunc(2*time.Second, func() { u.put("db", "v3", "three") })
		for range 100 {
			wg.Go(func() { rotate(t, c, Change{ID: "db", VersionID: "v3"}) })
		}
		wg.Wait()
		if got := u.count(); got > 40 {
			t.Errorf("100 events for a version that took 2 s to appear made %d calls, want at most 40", got)
		}
	})
}

func TestRotationDropsOtherStagesAndVersions(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options("db"))
	get(t, c, "db", "one", Miss)
	others := []Query{{ID: "db", Stage: "AWSPREVIOUS"}, {ID: "db", VersionID: "v0"}}
	for _, q := range others {
		_, _ = c.Get(t.Context(), q)
	}
	rotate(t, c, Change{ID: u.arnOf("db"), VersionID: "v1"})
	for _, q := range others {
		if a, err := c.Get(t.Context(), q); err != nil || a.Mark != Miss {
			t.Errorf("Get(%v) = %s, %v after a rotation, want miss", q, a.Mark, err)
		}
	}
	get(t, c, "db", "one", Hit)
}

func TestWhatIsHeld(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	u.put("read", "v1", "one")
	arn := u.arnOf("db")
	for _, tt := range []struct {
		named string
		load  bool
		ch    Change
		want  bool
	}{
		{"db", true, Change{ID: "db"}, true},
		{"db", true, Change{ID: arn}, true},
		{"db", false, Change{ID: arn}, true},
		{"db", true, Change{ID: arnPrefix + "db-NeWsUf"}, true}, // made anew
		{"db", true, Change{ID: "arn:aws:secretsmanager:eu-west-1:999999999999:secret:db-AbCdEf"}, false},
		{arn, false, Change{ID: "db"}, true},
		{arn, true, Change{ID: "db"}, true},
		{arn, true, Change{ID: arn}, true},
		{arnPrefix + "db", false, Change{ID: arn}, true},
		{arnPrefix + "db", true, Change{ID: arn}, true},
		{arnPrefix + "db", false, Change{ID: "db"}, true},
		{"db", false, Change{ID: "odd", Alias: "db"}, true},
		{"db", true, Change{ID: "db2"}, false},
		{"db", true, Change{ID: arnPrefix + "db2-AbCdEf"}, false},
		{"db", true, Change{ID: "read"}, true}, // read, though not named
		{"db", true, Change{ID: u.arnOf("read")}, true},
		{"db", true, Change{ID: "missing"}, false}, // an error alone is not held
	} {
		synctest.Test(t, func(t *testing.T) {
			c := New(u.fetch, options(tt.named))
			if tt.load {
				for _, id := range []string{tt.named, "read", "missing"} {
					_, _ = c.Get(t.Context(), Query{ID: id})
				}
			}
			r, err := c.Rotate(t.Context(), tt.ch)
			if r.Held != tt.want || !tt.want && err != nil {
				t.Errorf("named %q, loaded %t: Rotate(%+v) = %+v, %v; want held %t", tt.named, tt.load, tt.ch, r, err, tt.want)
			}
		})
	}
}

// newSlowPublisher returns a cache that publishes "db" to a slow disk, and a func
// that tells which version is there.
func newSlowPublisher(u *upstream) (c *Cache, published func() string) {
	var version atomic.Value
	version.Store("")
	o := options("db")
	o.Changed = func() {
		s, _ := c.Peek("db")
		time.Sleep(time.Second)
		version.Store(s.VersionID)
	}
	c = New(u.fetch, o)
	return c, func() string { return version.Load().(string) }
}

func TestRotationAnswersOnlyAfterChangedReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c, published := newSlowPublisher(u)
		get(t, c, "db", "one", Miss)
		u.put("db", "v2", "two")
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				// The second event comes when v2 is held and not yet published.
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				rotate(t, c, Change{ID: "db", VersionID: "v2"})
				if published() != "v2" {
					t.Errorf("event %d was answered while %q was published", i+1, published())
				}
			})
		}
		wg.Wait()
	})
}

func TestAFetchThatBringsWhatIsBeingPublishedAnswersAfterThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c, published := newSlowPublisher(u)
		get(t, c, "db", "one", Miss)
		u.put("db", "v2", "two")
		u.latency = 100 * time.Millisecond
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				// Both fetch v2, but only to the first one it is news.
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				rotate(t, c, Change{ID: "db"})
				if published() != "v2" {
					t.Errorf("event %d was answered while %q was published", i+1, published())
				}
			})
		}
		wg.Wait()
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		refresh := func(ifVersion, wantVersion string, wantChanged bool, wantCall int) {
			t.Helper()
			calls := u.count()
			a, changed, err := c.Refresh(t.Context(), "db", ifVersion)
			if err != nil || a.Secret.VersionID != wantVersion || changed != wantChanged {
				t.Errorf("Refresh(%q) = %v, %t, %v; want %s, %t", ifVersion, a.Secret, changed, err, wantVersion, wantChanged)
			}
			if got := u.count() - calls; got != wantCall {
				t.Errorf("Refresh(%q) made %d calls, want %d", ifVersion, got, wantCall)
			}
		}
		refresh("", "v1", true, 1) // nothing was held
		refresh("", "v1", false, 0)
		u.put("db", "v2", "two")
		refresh("v1", "v1", false, 0) // within the second
		time.Sleep(1100 * time.Millisecond)
		refresh("v1", "v2", true, 1)
		refresh("v1", "v2", true, 0) // the held one differs already
		time.Sleep(1100 * time.Millisecond)
		refresh("v1", "v2", true, 0)
		refresh("v2", "v2", false, 1)
		time.Sleep(1100 * time.Millisecond)
		u.fail(throttled())
		if _, _, err := c.Refresh(t.Context(), "db", ""); err == nil {
			t.Error("a failed refresh gave no error")
		}
		refresh("", "v2", false, 0) // within the second: the held version
		get(t, c, "db", "two", Stale)
		u.fail(nil)
		time.Sleep(1100 * time.Millisecond)
		refresh("", "v2", false, 1) // the back-off does not apply
	})
}

func TestConcurrentRefreshesShareFetchesThatBeginAfterTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		u.latency = 2 * time.Second
		c := New(u.fetch, options())
		get(t, c, "db", "one", Miss)
		time.Sleep(2 * time.Second)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { _, _, _ = c.Refresh(t.Context(), "db", "v1") })
		}
		wg.Wait()
		wantCalls(t, u, 2)
	})
}

func TestAFetchSharedWithAnEventIsNotedWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		u.latency = time.Second
		u.fail(denied())
		var wg sync.WaitGroup
		for range 3 { // the third shares its fetch with the event
			wg.Go(func() { _, _ = c.GetNow(t.Context(), Query{ID: "db"}) })
			synctest.Wait()
		}
		wg.Go(func() { _, _ = c.Rotate(t.Context(), Change{ID: "db"}) })
		wg.Wait()
		get(t, c, "db", "one", Stale)
		wantCalls(t, u, 4)
	})
}

func TestStagesOfASecretMadeAnewAreNotThoseOfTheOldOne(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options())
	previous := Query{ID: "db", Stage: "AWSPREVIOUS"}
	get(t, c, "db", "one", Miss)
	if _, err := c.Get(t.Context(), previous); err != nil {
		t.Fatal(err)
	}
	u.remake("db", "NeWsUf")
	u.put("db", "n1", "new")
	if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err != nil {
		t.Fatal(err)
	}
	if a, err := c.Get(t.Context(), previous); err != nil || a.Mark != Miss || a.Secret.ARN != u.arnOf("db") {
		t.Errorf("AWSPREVIOUS = %s of %v, %v; want miss, of the new secret", a.Mark, a.Secret, err)
	}
}

func TestAStageThatIsBeingFetchedIsFoundWhenTheARNIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		previous := Query{ID: "db", Stage: "AWSPREVIOUS"}
		release := u.hold()
		go func() { _, _ = c.Get(t.Context(), previous) }()
		synctest.Wait()
		u.mu.Lock()
		u.block = nil
		u.mu.Unlock()
		get(t, c, "db", "one", Miss)
		go func() { _, _ = c.Get(t.Context(), previous) }()
		synctest.Wait()
		release()
		synctest.Wait()
		wantCalls(t, u, 2)
	})
}
