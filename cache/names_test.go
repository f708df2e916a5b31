package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPartialARNThatMayBeAnotherSecretsARNIsNotGuessed(t *testing.T) {
	u := newUpstream()
	short := u.arnOf("db") // db-AbCdEf
	u.put("db", "v1", "of db")
	u.put("db-AbCdEf", "v1", "of db-AbCdEf") // whose partial ARN is that of db
	fetch := func(ctx context.Context, q Query) (*Secret, error) {
		if q.ID == short { // a full ARN goes first
			q.ID = "db"
		}
		return u.fetch(ctx, q)
	}
	for _, first := range []string{"db-AbCdEf", u.arnOf("db-AbCdEf"), "db"} {
		c := New(fetch, options())
		get(t, c, first, "of "+map[bool]string{true: "db", false: "db-AbCdEf"}[first == "db"], Miss)
		if a, err := c.Get(t.Context(), Query{ID: short}); err != nil || a.Secret.Name != "db" {
			t.Errorf("after %q: %q is served %v, %v; want the secret db", first, short, a.Secret, err)
		}
	}
}

func TestANamedSecretThatWasFirstReadByItsARNIsPublished(t *testing.T) {
	for _, account := range []string{"", "111122223333"} {
		for how, read := range map[string]func(*Cache, context.Context){
			"read":          func(c *Cache, ctx context.Context) { _, _ = c.Get(ctx, Query{ID: "db"}) },
			"refreshNow":    func(c *Cache, ctx context.Context) { _, _ = c.GetNow(ctx, Query{ID: "db"}) },
			"another stage": func(c *Cache, ctx context.Context) { _, _ = c.Get(ctx, Query{ID: "db", Stage: "AWSPREVIOUS"}) },
			"refresh-ahead": (*Cache).RefreshAhead,
		} {
			t.Run(account+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					u := newUpstream()
					u.put("db", "v1", "one")
					u.fail(throttled())
					o := options("db")
					var c *Cache
					published := ""
					o.Changed = func() {
						if s, err := c.Peek("db"); err == nil {
							published = s.VersionID
						}
					}
					c = New(u.fetch, o)
					c.SetAccount(account)
					c.Load(t.Context(), []string{"db"})
					u.fail(nil)
					get(t, c, u.arnOf("db"), "one", Miss)
					time.Sleep(10 * time.Second) // the back-off is over
					read(c, t.Context())
					if published != "v1" {
						t.Errorf("published %q, want v1", published)
					}
					for _, s := range c.Stats().Secrets {
						if s.State != StateCurrent {
							t.Errorf("an entry that nobody can find is left: %+v", s)
						}
					}
				})
			})
		}
	}
}

func TestALateFirstLoadIsPublishedWithTheValueThatItsARNBrought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		published := ""
		o := options("db")
		var c *Cache
		o.Changed = func() {
			if s, err := c.Peek("db"); err == nil {
				published = s.VersionID
			}
		}
		c = New(func(ctx context.Context, q Query) (*Secret, error) {
			s, err := u.fetch(ctx, q)
			if q.ID == "db" {
				time.Sleep(10 * time.Second) // on a connection that a freeze has killed
			}
			return s, err
		}, o)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Load(ctx, []string{"db"})
		time.Sleep(4 * time.Second)
		u.put("db", "v2", "two")
		get(t, c, u.arnOf("db"), "two", Miss)
		time.Sleep(time.Minute)
		synctest.Wait() // for the late fetch
		if published != "v2" {
			t.Errorf("published %q, want v2", published)
		}
	})
}

func TestASecretMadeAnewIsPublishedWhicheverFetchTellsOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		published := ""
		o := options("db")
		var c *Cache
		o.Changed = func() {
			if s, err := c.Peek("db"); err == nil {
				published = s.VersionID
			}
		}
		c = New(u.fetch, o)
		get(t, c, "db", "one", Miss)
		u.remake("db", "ZyXwVu")
		u.put("db", "v2", "two")
		u.latency = time.Second
		go func() {
			time.Sleep(500 * time.Millisecond)
			u.mu.Lock()
			u.latency = 0
			u.mu.Unlock()
			// This one tells of the new ARN, while the event's fetch is under way.
			if _, err := c.Get(t.Context(), Query{ID: "db", Stage: "AWSPREVIOUS"}); err != nil {
				t.Error(err)
			}
		}()
		if r := rotate(t, c, Change{ID: u.arnOf("db"), VersionID: "v2"}); r.VersionID != "v2" || published != "v2" {
			t.Errorf("rotated to %q, published %q; want v2", r.VersionID, published)
		}
		get(t, c, "db", "two", Hit)
		get(t, c, u.arnOf("db"), "two", Hit)
	})
}

func TestASecretMadeAnewIsPublishedWhenItsARNIsReadFirst(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	published := ""
	o := options("db")
	var c *Cache
	o.Changed = func() {
		if s, err := c.Peek("db"); err == nil {
			published = s.VersionID
		}
	}
	c = New(u.fetch, o)
	get(t, c, "db", "one", Miss)
	u.remake("db", "ZyXwVu")
	u.put("db", "v2", "two")
	get(t, c, u.arnOf("db"), "two", Miss)
	get(t, c, "db", "two", Hit)
	if published != "v2" {
		t.Errorf("published %q, want v2", published)
	}
	if got := len(c.Stats().Secrets); got != 1 {
		t.Errorf("entries = %d, want 1: nobody asks for the old ARN", got)
	}
}

func TestAFetchFromBeforeASecretWentIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options())
		get(t, c, "db", "one", Miss)
		u.latency = 2 * time.Second
		go func() { _, _ = c.GetNow(t.Context(), Query{ID: "db"}) }()
		synctest.Wait()
		u.latency = 0
		u.fail(notFound("db"))
		if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err == nil {
			t.Fatal("got no error, want that the secret is gone")
		}
		for range 2 { // by the remembered error, and then by what the fetch under way has come to
			if a, err := c.Get(t.Context(), Query{ID: arnPrefix + "db"}); err == nil {
				t.Errorf("another name of the secret was answered with version %s", a.Secret.VersionID)
			}
			time.Sleep(1500 * time.Millisecond)
		}
		if s, err := c.Peek("db"); err == nil {
			t.Errorf("kept version %s, want nothing of a secret that is gone", s.VersionID)
		}
	})
}

func TestAnEarlierFetchOfTheOldSecretDoesNotBringItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		c := New(u.fetch, options("db"))
		get(t, c, "db", "one", Miss)
		u.latency = time.Second
		go fetchNow(t, c, "db", "v2") // what overtakes it
		synctest.Wait()
		u.latency = 0
		u.remake("db", "ZyXwVu")
		u.put("db", "v2", "two")
		if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // the fetch that began first has ended last
		get(t, c, "db", "two", Hit)
		get(t, c, u.arnOf("db"), "two", Hit)
	})
}

func TestALateAnswerOfTheOldSecretDoesNotMoveTheNameBack(t *testing.T) {
	for _, read := range []bool{true, false} { // before, so that the stage has the ARN of the old secret
		synctest.Test(t, func(t *testing.T) {
			u := newUpstream()
			u.put("db", "v1", "one")
			c := New(u.fetch, options("db"))
			if read {
				get(t, c, "db", "one", Miss)
			}
			u.latency = time.Second
			go func() { _, _ = c.Get(t.Context(), Query{ID: "db", Stage: "AWSPREVIOUS"}) }()
			synctest.Wait()
			u.latency = 0
			u.remake("db", "ZyXwVu")
			u.put("db", "v2", "two")
			if _, err := c.GetNow(t.Context(), Query{ID: "db"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second) // the fetch that began first has ended last
			get(t, c, "db", "two", Hit)
			if s, err := c.Peek("db"); err != nil || s.VersionID != "v2" {
				t.Errorf("Peek: %v, %v; want v2", s, err)
			}
			if a, err := c.Get(t.Context(), Query{ID: "db", Stage: "AWSPREVIOUS"}); err != nil || a.Mark != Miss {
				t.Errorf("the stage is answered with %s, %v; want a fetch: what was held of it is of the old secret", a.Mark, err)
			}
		})
	}
}

func TestAnEntryMergedIntoThatOfAnARNKeepsItsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := newUpstream()
		u.put("db", "v1", "one")
		o := options("db")
		o.TTL = time.Minute
		c := New(u.fetch, o) // the account is not known, so the name is fetched too
		get(t, c, u.arnOf("db"), "one", Miss)
		get(t, c, "db", "one", Miss)
		u.remake("db", "ZyXwVu")
		u.put("db", "v2", "two")
		time.Sleep(time.Minute)
		c.RefreshAhead(t.Context()) // nobody reads
		if s, err := c.Peek("db"); err != nil || s.VersionID != "v2" {
			t.Errorf("Peek: %v, %v; want v2", s, err)
		}
	})
}
