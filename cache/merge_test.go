package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// newTwo returns a cache that has read a secret by its ARN while the function's own
// account is not known: by its name it is another entry, until a fetch tells.
func newTwo(t *testing.T, u *upstream) *Cache {
	t.Helper()
	u.put("db", "v1", "one")
	c := New(u.fetch, options("db"))
	get(t, c, u.arnOf("db"), "one", Miss)
	time.Sleep(10 * time.Second)
	return c
}

func fetchNow(t *testing.T, c *Cache, id, version string) {
	t.Helper()
	if a, err := c.GetNow(context.Background(), Query{ID: id}); err != nil || a.Secret.VersionID != version {
		t.Errorf("GetNow(%q) = %v, %v; want %s", id, a.Secret, err, version)
	}
}

func TestEntriesThatMergeShareTheirFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		c := newTwo(t, u)
		u.latency = time.Second
		go fetchNow(t, c, "db", "v1") // tells whose name it is
		synctest.Wait()
		release := u.hold()
		go fetchNow(t, c, "db", "v1") // under way when the two become one
		time.Sleep(1100 * time.Millisecond)
		for range 2 { // one beside it, and one that waits
			go fetchNow(t, c, u.arnOf("db"), "v1")
		}
		synctest.Wait()
		wantCalls(t, u, 4)
		release()
		time.Sleep(3 * time.Second)
		wantCalls(t, u, 5)
	})
}

func TestEntriesThatMergeFetchWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		c := newTwo(t, u)
		u.latency = time.Second
		go fetchNow(t, c, "db", "v1")
		synctest.Wait()
		release := u.hold()
		go fetchNow(t, c, "db", "v1")
		synctest.Wait()
		done := make(chan struct{})
		go func() {
			fetchNow(t, c, "db", "v1") // waits for one of the two, of which the first tells whose name it is
			close(done)
		}()
		time.Sleep(1100 * time.Millisecond)
		release()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("what waited when two entries became one was never fetched")
		}
		synctest.Wait()
	})
}

// The fetches that two entries bring into one may be four, and none begins then
// before there is one at the most.
func TestAFetchThatWaitsAfterAMergeWaitsForAllButOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		c := newTwo(t, u)
		u.latency = time.Second
		go fetchNow(t, c, "db", "v1") // tells whose name it is
		synctest.Wait()
		u.latency = 2 * time.Second
		go fetchNow(t, c, u.arnOf("db"), "v1")
		synctest.Wait()
		release := u.hold()
		u.latency = 0
		go fetchNow(t, c, "db", "v1")
		go fetchNow(t, c, u.arnOf("db"), "v1")
		synctest.Wait()
		time.Sleep(1100 * time.Millisecond) // three are left
		go fetchNow(t, c, u.arnOf("db"), "v1")
		time.Sleep(time.Second) // two
		wantCalls(t, u, 5)
		release()
		time.Sleep(time.Second)
		wantCalls(t, u, 6)
	})
}

func TestEntriesThatMergeShareTheirLastFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		c := newTwo(t, u)
		fetchNow(t, c, "db", "v1")
		time.Sleep(500 * time.Millisecond)
		if _, _, err := c.Refresh(t.Context(), u.arnOf("db"), ""); err != nil {
			t.Error(err)
		}
		wantCalls(t, u, 2)
	})
}

func TestAFetchThatEndsInAnotherEntryIsPublishedThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c, published := newSlowPublisher(u)
		get(t, c, u.arnOf("db"), "one", Miss)
		u.put("db", "v2", "two")
		go fetchNow(t, c, "db", "v2")
		synctest.Wait()            // it is being published
		fetchNow(t, c, "db", "v2") // and no news to this one
		if got := published(); got != "v2" {
			t.Errorf("answered while %q was published", got)
		}
	})
}

func TestARefreshThatAReadJoinsIsNotedWhenItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		get(t, c, "db", "one", Miss)
		time.Sleep(5 * time.Minute)
		u.latency = time.Second
		u.fail(throttled())
		go func() { _, _ = c.GetNow(t.Context(), Query{ID: "db"}) }() // alone, it would leave the entry as it is
		synctest.Wait()
		get(t, c, "db", "one", Stale)
		get(t, c, "db", "one", Stale) // in the back-off
		wantCalls(t, u, 2)
	})
}

func TestRotationDropsLabelsThatMayBeItsSecrets(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options("db"))
	stage := Query{ID: u.arnOf("db"), Stage: "AWSPREVIOUS"}
	if _, err := c.Get(t.Context(), stage); err != nil { // in another account, the name would be of another secret
		t.Fatal(err)
	}
	rotate(t, c, Change{ID: u.arnOf("db"), VersionID: "v1"})
	if a, err := c.Get(t.Context(), stage); err != nil || a.Mark != Miss {
		t.Errorf("AWSPREVIOUS is answered with %s, %v after a rotation; want a fetch", a.Mark, err)
	}
}

func TestASecretMadeAnewLeavesNoNames(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options("db"))
	get(t, c, "db", "one", Miss)
	u.remake("db", "ZyXwVu")
	u.put("db", "v2", "two")
	fetchNow(t, c, "db", "v2")
	if got := len(c.names.told); got != 3 {
		t.Errorf("%d ids are known, want the name, the ARN and the partial ARN: %v", got, c.names.told)
	}
}

func TestWhatGoesOnOverARestoreReachesTheEntryThatIsRead(t *testing.T) {
	for how, call := range map[string]func(*testing.T, *Cache){
		"a rotation":          func(t *testing.T, c *Cache) { rotate(t, c, Change{ID: "db", VersionID: "v2"}) },
		"a fetch that waited": func(t *testing.T, c *Cache) { fetchNow(t, c, "db", "v2") },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream()
				u.put("db", "v1", "one")
				c := New(u.fetch, options())
				get(t, c, "db", "one", Miss)
				u.latency = time.Second
				go func() { _, _ = c.GetNow(t.Context(), Query{ID: "db"}) }()
				if how != "a rotation" { // which looks again
					go func() { _, _ = c.GetNow(t.Context(), Query{ID: "db"}) }()
				}
				synctest.Wait()
				go call(t, c)
				synctest.Wait()
				c.Snapshot()
				c.Restore()
				u.latency = 0
				get(t, c, "db", "one", Miss)
				u.put("db", "v2", "two")
				time.Sleep(5 * time.Second)
				get(t, c, "db", "two", Hit)
			})
		})
	}
}
