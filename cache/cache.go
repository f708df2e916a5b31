// Package cache holds the current values of secrets and renews them.
//
// A value is fetched once however many readers wait for it and whatever they call
// the secret: its name, its ARN and its partial ARN share one entry. After its TTL
// the next read fetches again; while that fails the old value is served, marked
// stale, for a bounded time. A rotation event fetches at once:
//
//	c := cache.New(secretsmanager.Fetch, cache.Options{TTL: 5 * time.Minute, MaxStale: time.Hour, Size: 1000})
//	a, err := c.Get(ctx, cache.Query{ID: "prod/db"})
//	use(a.Secret.Value.Reveal())
//	r, err := c.Rotate(ctx, cache.Change{ID: "prod/db", VersionID: v})
//
// Nothing happens in the background: work is done for a caller of Get, Refresh,
// Rotate, Load or RefreshAhead, because a Lambda sandbox is frozen between
// invocations and a timer would fire in the wrong one.
package cache

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Fetch gets one version of a secret from where it is kept. Its errors should be
// [*Error]; others are taken for internal ones. It must not return a nil Secret
// without an error.
type Fetch func(ctx context.Context, q Query) (*Secret, error)

// Options configure a [Cache]. The zero value fetches on every read, serves
// nothing stale, waits for a fetch without limit and keeps the last entry alone.
type Options struct {
	TTL      time.Duration // how long a value is current; 0 fetches on every read
	MaxStale time.Duration // how long past TTL a value may be served while fetches fail
	Timeout  time.Duration // of one fetch with its retries; 0 is no limit
	Size     int           // entries kept; those of Named secrets and the last one read stay also beyond it
	Named    []string      // ids that are always kept and refreshed ahead of their expiry

	// Changed is called, with no lock held, after a fetch changed or dropped the
	// current value of a Named secret and before anybody gets that fetch's answer.
	Changed func()
	Log     *slog.Logger // nil discards

	// Random draws from [0, 1) for the jitter of TTLs and pauses; nil draws from
	// math/rand/v2. One that is seeded makes a simulation repeat itself. It is called
	// from several goroutines.
	Random func() float64
}

// Mark says where an answer came from.
type Mark string

const (
	Hit       Mark = "hit"     // it was held and current
	Miss      Mark = "miss"    // it was fetched, for the first time or after its TTL
	Refreshed Mark = "refresh" // it was fetched because the caller asked for that
	Stale     Mark = "stale"   // it was held and is past its TTL, or known to be old, and could not be fetched
)

// Answer is a secret with what is known of its freshness.
type Answer struct {
	Secret *Secret
	Mark   Mark
	Age    time.Duration // since the fetch that brought it began
}

// Cache holds secrets. It is safe for concurrent use.
type Cache struct {
	fetch Fetch
	o     Options
	named map[string]bool // the ids of o.Named

	mu       sync.Mutex // guards all below and every entry; never held during a fetch
	entries  map[key]*entry
	order    lru
	names    names
	started  uint64    // flights begun so far
	loadBy   time.Time // end of the time box of Load
	snapshot bool
	warned   bool // that a snapshot was read
	totals   Counts
}

// New returns an empty cache. It starts nothing.
func New(fetch Fetch, o Options) *Cache {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	c := &Cache{fetch: fetch, o: o, named: map[string]bool{}, entries: map[key]*entry{}, names: newNames()}
	for _, id := range o.Named {
		c.named[id] = true
	}
	return c
}

// Get returns a secret: the held value while it is current, else what one fetch
// brings, which all readers at that time share. When that fails and a value is
// held that is not too old, it is returned marked [Stale]. A failure is not tried
// again at every read: see [Cache.Rotate] for what asks again at once.
//
// An error is an [*Error], which may come with [ErrNotLoaded], or ctx's own.
func (c *Cache) Get(ctx context.Context, q Query) (Answer, error) {
	q = q.normal()
	for tries := 0; ; tries++ {
		c.mu.Lock()
		if twin := c.twin(q.ID); twin != nil && tries == 0 {
			c.mu.Unlock()
			if err := await(ctx, twin); err != nil {
				return Answer{}, err
			}
			c.mu.Lock()
		}
		e := c.entry(q)
		e.read = true
		if a, err, ok := c.held(e); ok {
			c.mu.Unlock()
			return a, err
		}
		f := c.join(e)
		c.mu.Unlock()

		if err := c.wait(ctx, e, f); err != nil {
			return Answer{}, err
		}
		if tries < 2 && strayed(q.ID, f) {
			continue
		}
		return c.answer(e, f, Miss)
	}
}

// GetNow returns what a fetch brings that starts now, whatever is held, and fails
// when that fails: the held value stays as it was then, unless the secret is gone.
func (c *Cache) GetNow(ctx context.Context, q Query) (Answer, error) {
	q = q.normal()
	for tries := 0; ; tries++ {
		c.mu.Lock()
		e := c.entry(q)
		e.read = true
		f := c.startFresh(e, ignored)
		c.mu.Unlock()
		if err := c.wait(ctx, e, f); err != nil {
			return Answer{}, err
		}
		if tries < 2 && strayed(q.ID, f) {
			continue
		}
		return c.answer(e, f, Refreshed)
	}
}

// held answers from the entry alone, if it can: with a current value, or during
// the back-off after a failure with the old value or the remembered error.
// c.mu is held.
func (c *Cache) held(e *entry) (Answer, error, bool) {
	switch {
	case c.snapshot:
		c.warnOfSnapshot()
	case e.current():
		c.count(e, Hit)
		return e.answer(Hit), nil, true
	case e.usable(c.o) && e.backingOff():
		c.count(e, Stale)
		return e.answer(Stale), nil, true
	case !e.usable(c.o) && e.remembers():
		c.countError(e)
		return Answer{}, e.err, true
	}
	return Answer{}, nil, false
}

// answer turns a finished flight into a caller's answer. A read, unlike a caller
// that asked for a fetch, falls back on the held value.
func (c *Cache) answer(e *entry, f *flight, m Mark) (Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e = e.home()
	if f.err == nil {
		c.count(e, m)
		return Answer{Secret: f.secret, Mark: m, Age: f.began.age()}, nil
	}
	if m == Miss && e.usable(c.o) {
		c.count(e, Stale)
		return e.answer(Stale), nil
	}
	c.countError(e)
	return Answer{}, f.err
}

// Peek returns the current version that was last fetched, without a fetch and
// whatever its age: what is published of a secret stands until something newer is
// known. Else it returns why there is none: the error of the last fetch, or
// [ErrNotLoaded] when nothing is known.
func (c *Cache) Peek(id string) (*Secret, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key{secret: c.names.canonical(id)}]
	switch {
	case e != nil && e.secret != nil:
		return e.secret, nil
	case e != nil && e.err != nil:
		return nil, e.err
	}
	return nil, ErrNotLoaded
}

// SetAccount tells the account id of the function itself. A secret that was asked
// for by ARN answers to its bare name as well only if it is in this account: in
// another one the name may belong to a different secret.
func (c *Cache) SetAccount(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names.account = account
	for _, e := range c.entries { // those that were loaded before Lambda told the account
		if e.secret != nil && e.secret.ARN != "" {
			c.names.learn(e.secret.ARN, e.secret, e.settled)
		}
	}
}

// wait returns when f has ended, ctx has, or, for a named secret whose first load
// has not ended, the time box of Load has.
func (c *Cache) wait(ctx context.Context, e *entry, f *flight) error {
	c.mu.Lock()
	box := time.Until(c.loadBy)
	e = e.home()
	boxed := e.named && !e.loaded && e.err == nil && box > 0
	c.mu.Unlock()
	if !boxed {
		return await(ctx, f)
	}
	timer := time.NewTimer(box)
	defer timer.Stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return notLoaded(f.query.ID)
	}
}

// normal spells out-of-the-way queries for the current version as the usual one,
// so that both find the same entry.
func (q Query) normal() Query {
	if q.Stage == Current && q.VersionID == "" {
		q.Stage = ""
	}
	return q
}
