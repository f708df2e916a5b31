package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestConcurrentReadersOfAColdSecretShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		u.latency = 50 * time.Millisecond
		c := New(u.fetch, options())
		c.SetAccount("111122223333")
		var wg sync.WaitGroup
		for i := range 100 {
			id := []string{"db", u.arnOf("db"), arnPrefix + "db"}[i%3]
			wg.Go(func() {
				if a, err := c.Get(t.Context(), Query{ID: id}); err != nil || a.Secret.VersionID != "v1" {
					t.Errorf("Get(%q) = %v, %v", id, a, err)
				}
			})
		}
		wg.Wait()
		wantCalls(t, u, 1)
	})
}

func TestACallersEndDoesNotEndTheSharedFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		u.latency = 100 * time.Millisecond
		c := New(u.fetch, options())
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, Query{ID: "db"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the impatient reader got %v, want its context's error", err)
		}
		get(t, c, "db", "one", Miss)
		wantCalls(t, u, 1)
	})
}

func TestOneEntryWhateverTheSecretIsCalled(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	for _, order := range [][]string{
		{"db", u.arnOf("db"), arnPrefix + "db"},
		{arnPrefix + "db", "db", u.arnOf("db")},
		{u.arnOf("db"), arnPrefix + "db", "db"},
	} {
		t.Run(order[0], func(t *testing.T) {
			u := newUpstream()
			u.put("db", "v1", "one")
			c := New(u.fetch, options())
			c.SetAccount("111122223333")
			get(t, c, order[0], "one", Miss)
			get(t, c, order[1], "one", Hit)
			get(t, c, order[2], "one", Hit)
			wantCalls(t, u, 1)
			if got := len(c.Stats().Secrets); got != 1 {
				t.Errorf("entries = %d, want 1", got)
			}
		})
	}
}

func TestANameIsNotServedFromAnotherAccountsARN(t *testing.T) {
	foreign := "arn:aws:secretsmanager:eu-west-1:999999999999:secret:db-ZyXwVu"
	u := newUpstream()
	u.put("db", "v1", "ours")
	fetch := func(ctx context.Context, q Query) (*Secret, error) {
		if q.ID == foreign {
			return &Secret{ARN: foreign, Name: "db", VersionID: "f1", Value: Text("theirs")}, nil
		}
		return u.fetch(ctx, q)
	}
	for _, account := range []string{"", "111122223333"} {
		c := New(fetch, options())
		c.SetAccount(account)
		get(t, c, foreign, "theirs", Miss)
		get(t, c, "db", "ours", Miss)
		get(t, c, foreign, "theirs", Hit)
		get(t, c, "db", "ours", Hit)
	}
}

func TestAReadByNameTellsTheOwnAccount(t *testing.T) {
	u := newUpstream()
	u.put("a", "v1", "a")
	u.put("b", "v1", "b")
	c := New(u.fetch, options())
	get(t, c, "a", "a", Miss)
	get(t, c, u.arnOf("b"), "b", Miss)
	get(t, c, "b", "b", Hit)
}

func TestEntriesOfTwoNamesMergeWhenTheyTurnOutToBeOne(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options("db")) // the account is not known, so the name is fetched too
	get(t, c, u.arnOf("db"), "one", Miss)
	get(t, c, "db", "one", Miss)
	u.put("db", "v2", "two")
	if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err != nil {
		t.Fatal(err)
	}
	get(t, c, u.arnOf("db"), "two", Hit)
	if got := len(c.Stats().Secrets); got != 1 {
		t.Errorf("entries = %d, want 1", got)
	}
}

func TestASecretMadeAnewIsFoundByItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		oldARN := u.arnOf("db")
		get(t, c, "db", "one", Miss)
		get(t, c, oldARN, "one", Hit)
		u.remake("db", "NeWsUf")
		u.put("db", "n1", "new")
		time.Sleep(301 * time.Second)
		if _, err := c.Get(t.Context(), Query{ID: oldARN}); err == nil || !AsError(oldARN, err).Gone() {
			t.Errorf("the old ARN's reader got %v, want not found", err)
		}
		get(t, c, "db", "new", Hit)
		get(t, c, u.arnOf("db"), "new", Hit)
	})
}

func TestAnEntryMadeByARNIsFetchedByNameOnceItWasAskedForByName(t *testing.T) {
	for _, arnReaderFindsOut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			u := newUpstream()
			u.put("db", "v1", "one")
			c := New(u.fetch, options())
			c.SetAccount("111122223333")
			oldARN := u.arnOf("db")
			get(t, c, oldARN, "one", Miss)
			if !arnReaderFindsOut {
				get(t, c, "db", "one", Hit)
			}
			u.remake("db", "NeWsUf")
			u.put("db", "n1", "new")
			time.Sleep(301 * time.Second)
			if arnReaderFindsOut {
				if _, err := c.Get(t.Context(), Query{ID: oldARN}); err == nil {
					t.Error("the old ARN was found")
				}
			} else {
				c.RefreshAhead(t.Context())
			}
			// What the ARN was told is no answer for the name.
			get(t, c, "db", "new", map[bool]Mark{false: Hit, true: Miss}[arnReaderFindsOut])
		})
	}
}

func TestAMergedEntryStaysNamed(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	u.put("x", "v1", "x")
	u.put("y", "v1", "y")
	o := options("db")
	o.Size = 2
	c := New(u.fetch, o)
	get(t, c, u.arnOf("db"), "one", Miss)
	get(t, c, "db", "one", Miss)
	get(t, c, "x", "x", Miss)
	get(t, c, "y", "y", Miss)
	get(t, c, u.arnOf("db"), "one", Hit)
}

func TestAnEntryWithAFetchUnderWayIsNotEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		for _, id := range []string{"a", "b", "c"} {
			u.put(id, "v1", id)
		}
		o := options()
		o.Size = 1
		c := New(u.fetch, o)
		var wg sync.WaitGroup
		u.latency = 2800 * time.Millisecond
		for _, id := range []string{"a", "b", "c", "a"} { // b and c arrive, and make room, while a is under way
			wg.Go(func() { _, _ = c.Get(t.Context(), Query{ID: id}) })
			time.Sleep(600 * time.Millisecond)
			synctest.Wait()
			u.latency = 500 * time.Millisecond
		}
		wg.Wait()
		wantCalls(t, u, 3)
	})
}

func TestVersionsAndStagesAreSeparateEntries(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options())
	for _, q := range []Query{
		{ID: "db"},
		{ID: "db", Stage: "AWSPREVIOUS"},
		{ID: "db", VersionID: "v0"},
		{ID: "db", VersionID: "v0", Stage: "AWSPREVIOUS"},
	} {
		for _, want := range []Mark{Miss, Hit} {
			if a, err := c.Get(t.Context(), q); err != nil || a.Mark != want {
				t.Errorf("Get(%v) = %v, %v; want %s", q, a.Mark, err, want)
			}
		}
	}
	if a, err := c.Get(t.Context(), Query{ID: "db", Stage: "AWSCURRENT"}); err != nil || a.Mark != Hit {
		t.Errorf("Get(AWSCURRENT) = %v, %v; want hit: it is the same as no stage", a.Mark, err)
	}
	wantCalls(t, u, 4)
}

func TestAValueIsCurrentForItsTTLShortenedByJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		lifetimes := map[time.Duration]bool{}
		for range 20 {
			c := New(u.fetch, options())
			get(t, c, "db", "one", Miss)
			time.Sleep(269 * time.Second) // jitter takes 10 % at most
			get(t, c, "db", "one", Hit)
			lived := 269 * time.Second
			for c.Stats().Secrets[0].State == StateCurrent {
				time.Sleep(time.Second)
				lived += time.Second
			}
			if lived > 300*time.Second {
				t.Errorf("a value was current for %s, want 300 s at most", lived)
			}
			lifetimes[lived] = true
			get(t, c, "db", "one", Miss)
		}
		if len(lifetimes) < 5 {
			t.Errorf("20 values had %d different lifetimes, want jitter", len(lifetimes))
		}
	})
}

func TestExpiryGoesByEitherClock(t *testing.T) {
	for name, shift := range map[string]func(*instant){
		"wall":      func(i *instant) { i.wall = i.wall.Add(-301 * time.Second) },
		"monotonic": func(i *instant) { i.mono = i.mono.Add(-301 * time.Second) },
		// The wall clock was set back: the monotonic one still counts.
		"wall set back": func(i *instant) {
			i.wall = i.wall.Add(time.Hour)
			i.mono = i.mono.Add(-301 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream()
			u.put("db", "v1", "one")
			c := New(u.fetch, options())
			get(t, c, "db", "one", Miss)
			get(t, c, "db", "one", Hit)
			for _, e := range c.entries {
				shift(&e.fetched)
			}
			get(t, c, "db", "one", Miss)
		})
	}
}

func TestTTLZeroFetchesOnEveryReadAndSharesConcurrentOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		u.latency = 10 * time.Millisecond
		o := options()
		o.TTL = 0
		c := New(u.fetch, o)
		get(t, c, "db", "one", Miss)
		get(t, c, "db", "one", Miss)
		wantCalls(t, u, 2)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _, _ = c.Get(t.Context(), Query{ID: "db"}) })
		}
		wg.Wait()
		wantCalls(t, u, 3)
		u.fail(throttled())
		get(t, c, "db", "one", Stale) // SECRETS_MAX_STALE holds for TTL 0 too
	})
}

func TestReadPastTheTTLWaitsForTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		get(t, c, "db", "one", Miss)
		u.put("db", "v2", "two")
		u.latency = time.Second
		time.Sleep(301 * time.Second)
		get(t, c, "db", "two", Miss)
	})
}

func TestAFailedRefreshServesTheOldValueForABoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		for _, err := range []error{throttled(), denied(), errors.New("odd")} {
			c := New(u.fetch, options())
			u.fail(nil)
			get(t, c, "db", "one", Miss)
			u.fail(err)
			time.Sleep(301 * time.Second)
			a := get(t, c, "db", "one", Stale)
			if a.Age < 301*time.Second {
				t.Errorf("stale answer has age %s, want over 301 s", a.Age)
			}
			time.Sleep(3600*time.Second - 10*time.Second)
			get(t, c, "db", "one", Stale)
			time.Sleep(40 * time.Second)
			if _, err := c.Get(t.Context(), Query{ID: "db"}); err == nil {
				t.Errorf("a value over MaxStale past its TTL was served")
			}
			if s, err := c.Peek("db"); err != nil || s.VersionID != "v1" {
				t.Errorf("Peek = %v, %v; want the last one known", s, err)
			}
			u.fail(nil)
			time.Sleep(4 * time.Second)
			get(t, c, "db", "one", Miss)
		}
	})
}

func TestMaxStaleZeroServesNothingStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		o := options()
		o.MaxStale = 0
		c := New(u.fetch, o)
		get(t, c, "db", "one", Miss)
		u.fail(throttled())
		time.Sleep(301 * time.Second)
		if a, err := c.Get(t.Context(), Query{ID: "db"}); err == nil {
			t.Errorf("got %s, want the error", a.Mark)
		}
	})
}

func TestBackoffDoublesAndServesStaleMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		get(t, c, "db", "one", Miss)
		time.Sleep(301 * time.Second)
		u.fail(throttled())
		var at []time.Duration
		start, calls := time.Now(), u.count()
		for time.Since(start) < 3*time.Minute {
			get(t, c, "db", "one", Stale)
			if n := u.count(); n > calls {
				at = append(at, time.Since(start))
				calls = n
			}
			time.Sleep(100 * time.Millisecond)
		}
		// 0, 1, 3, 7, 15, 31, then every 30 s.
		if len(at) < 8 || len(at) > 12 {
			t.Fatalf("calls in 3 min of outage at %v, want about 10", at)
		}
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
			gap, want := at[i+1]-at[i], want*time.Second
			if gap < want*8/10-100*time.Millisecond || gap > want*12/10+200*time.Millisecond {
				t.Errorf("gap %d = %s, want %s ± 20 %%", i, gap, want)
			}
		}
	})
}

func TestErrorsWithoutAValueAreRememberedBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		c := New(u.fetch, options())
		start := time.Now()
		for time.Since(start) < 30*time.Second {
			if _, err := c.Get(t.Context(), Query{ID: "nope"}); err == nil || !AsError("", err).Gone() {
				t.Fatalf("got %v, want not found", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		// After 1 s, 2 s and then every 3 s (± 20 %).
		if got := u.count(); got < 8 || got > 15 {
			t.Errorf("3,000 reads of a missing secret in 30 s made %d calls, want about 11", got)
		}
		u.put("nope", "v1", "one")
		time.Sleep(3100 * time.Millisecond)
		get(t, c, "nope", "one", Miss)
	})
}

func TestAGoneSecretIsDroppedWhateverAsked(t *testing.T) {
	deleted := &Error{Status: 400, Type: "InvalidRequestException", Message: "You can't perform this operation on the secret because it was marked for deletion."}
	asks := map[string]func(*Cache) error{
		"GetNow":  func(c *Cache) error { _, err := c.GetNow(context.Background(), Query{ID: "db"}); return err },
		"Refresh": func(c *Cache) error { _, _, err := c.Refresh(context.Background(), "db", ""); return err },
		"Rotate":  func(c *Cache) error { _, err := c.Rotate(context.Background(), Change{ID: "db"}); return err },
		"Get": func(c *Cache) error {
			time.Sleep(301 * time.Second)
			_, err := c.Get(context.Background(), Query{ID: "db"})
			return err
		},
	}
	for name, ask := range asks {
		for _, gone := range []error{notFound("db"), deleted} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					u := newUpstream()
					u.put("db", "v1", "one")
					changed := 0
					o := options("db")
					o.Changed = func() { changed++ }
					c := New(u.fetch, o)
					get(t, c, "db", "one", Miss)
					time.Sleep(2 * time.Second)
					u.fail(gone)
					if err := ask(c); err == nil || !AsError("", err).Gone() {
						t.Fatalf("got %v, want the final error", err)
					}
					if _, err := c.Get(t.Context(), Query{ID: "db"}); err == nil {
						t.Error("the dropped value was served")
					}
					if changed != 2 {
						t.Errorf("Changed was called %d times, want 2: loaded and dropped", changed)
					}
				})
			})
		}
	}
}

func TestAccessDeniedKeepsTheHeldValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		u.fail(denied())
		if _, err := c.Rotate(t.Context(), Change{ID: "db"}); err == nil {
			t.Error("a refused refresh was taken for a rotation")
		}
		get(t, c, "db", "one", Stale)
	})
}

func TestGetNowAlwaysFetchesAndAFailureLeavesTheCacheAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		for range 3 {
			if a, err := c.GetNow(t.Context(), Query{ID: "db"}); err != nil || a.Mark != Refreshed {
				t.Errorf("GetNow = %v, %v; want refresh", a.Mark, err)
			}
		}
		wantCalls(t, u, 3)
		u.fail(throttled())
		if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err == nil {
			t.Error("a failed GetNow served something")
		}
		get(t, c, "db", "one", Hit)
		time.Sleep(301 * time.Second)
		if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err == nil {
			t.Error("a failed GetNow served something")
		}
		u.fail(nil)
		get(t, c, "db", "one", Miss) // there was no back-off
		u.fail(throttled())
		if _, err := c.GetNow(t.Context(), Query{ID: "cold"}); err == nil {
			t.Error("a failed GetNow served something")
		}
		if len(c.Stats().Secrets) != 1 {
			t.Error("a failed GetNow of a cold secret left an entry")
		}
	})
}

func TestTheCauseIsLoggedOncePerChangeOfState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		u := newUpstream()
		u.put("db", "v1", "canary-value")
		o := options("db")
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		c := New(u.fetch, o)
		get(t, c, "db", "canary-value", Miss)
		lines := func() int { return strings.Count(log.String(), "\n") }
		reads := func() {
			for range 50 {
				time.Sleep(10 * time.Second)
				get(t, c, "db", "canary-value", c.peekMark(t))
			}
		}
		u.fail(throttled())
		reads()
		if lines() != 1 || !strings.Contains(log.String(), "ThrottlingException: Rate exceeded") {
			t.Errorf("log after an outage, want one line with the cause:\n%s", &log)
		}
		u.fail(denied())
		reads()
		if lines() != 2 || !strings.Contains(log.String(), "secretsmanager:GetSecretValue") {
			t.Errorf("log after another cause, want a second line with the missing permission:\n%s", &log)
		}
		u.fail(nil)
		reads()
		if lines() != 3 {
			t.Errorf("log after the recovery, want a third line:\n%s", &log)
		}
		if strings.Contains(log.String(), "canary") {
			t.Errorf("a value was logged:\n%s", &log)
		}
	})
}

// peekMark predicts the mark of the next read by making one.
func (c *Cache) peekMark(t *testing.T) Mark {
	a, err := c.Get(t.Context(), Query{ID: "db"})
	if err != nil {
		t.Fatal(err)
	}
	if a.Mark == Miss {
		return Hit
	}
	return a.Mark
}

func TestLeastRecentlyUsedGoesFirstAndNamedStay(t *testing.T) {
	u := newUpstream()
	for i := range 20 {
		u.put(fmt.Sprint("s", i), "v1", "x")
	}
	o := options("s0", "s1")
	o.Size = 6
	c := New(u.fetch, o)
	for i := range 10 {
		get(t, c, fmt.Sprint("s", i), "x", Miss)
		get(t, c, fmt.Sprint("s", max(i-1, 0)), "x", Hit)
		if i >= 4 {
			get(t, c, "s4", "x", Hit) // used all the time
		}
	}
	if got := len(c.Stats().Secrets); got != 6 {
		t.Errorf("entries = %d, want 6", got)
	}
	for _, id := range []string{"s0", "s1", "s4", "s9", "s8", "s7"} {
		get(t, c, id, "x", Hit)
	}
	get(t, c, "s2", "x", Miss)
	if got := len(c.names.told); got > 6*3 {
		t.Errorf("%d names are kept for 6 entries", got)
	}
}

func TestTheEntryThatIsReadStaysBesideNamedOnes(t *testing.T) {
	u := newUpstream()
	o := options("a", "b")
	o.Size = 2
	c := New(u.fetch, o)
	for _, id := range []string{"a", "b", "x"} {
		u.put(id, "v1", "one")
		get(t, c, id, "one", Miss)
	}
	get(t, c, "x", "one", Hit)
}

func TestNoGrowthOverManyIds(t *testing.T) {
	u := newUpstream()
	o := options()
	o.Size = 50
	c := New(u.fetch, o)
	for i := range 5000 {
		_, _ = c.Get(t.Context(), Query{ID: fmt.Sprint("missing", i)})
	}
	if got := len(c.Stats().Secrets); got > 50 {
		t.Errorf("entries = %d, want at most 50", got)
	}
	if got := len(c.names.told); got > 0 {
		t.Errorf("names = %d, want none", got)
	}
}
