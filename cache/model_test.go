package cache

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	modelSeed  = flag.Uint64("seed", 0, "of TestModel: run this one alone")
	modelSeeds = flag.Uint64("seeds", 150, "of TestModel: how many are run")
	modelSteps = flag.Int("steps", 40, "of TestModel: what each of the callers does")
)

const (
	modelTTL     = 5 * time.Second
	modelStale   = 20 * time.Second
	modelTimeout = 3 * time.Second
	callers      = 12
)

// TestModel lets many callers do what they like while Secrets Manager does what it
// likes, and holds the history of it to what a cache may answer: see history.check.
// A seed draws the same again for each of them; who comes first at the same moment
// is the runtime's choice. More of it: go test ./cache -run TestModel -args -seeds 10000, or -seed N -steps M.
func TestModel(t *testing.T) {
	first, last := uint64(1), *modelSeeds
	if *modelSeed != 0 {
		first, last = *modelSeed, *modelSeed
	}
	for seed := first; seed <= last; seed++ {
		if shortest := shortestFailure(t, seed); shortest != nil {
			t.Fatalf("seed %d, %d steps:\n%s\nrun it alone: go test ./cache -run TestModel -args -seed %[1]d -steps %[2]d",
				seed, shortest.steps, shortest)
		}
	}
}

// shortestFailure returns the history of the fewest steps that is wrong, if one is.
func shortestFailure(t *testing.T, seed uint64) *history {
	var wrong *history
	for steps := *modelSteps; steps > 0; steps /= 2 {
		h := play(t, seed, steps)
		if len(h.problems) == 0 {
			break
		}
		wrong = h
	}
	return wrong
}

// kind of a run, by its seed.
type kind struct {
	readers  bool // all calls are of Get, no clock is set and nothing is evicted
	lagging  bool // an answer may be of the version before
	small    bool // the cache keeps two entries
	cold     bool // nothing is loaded at start, everybody reads one secret at once by several names
	snapshot bool // a snapshot is taken at times, and restored
	remade   bool // secrets are deleted and made anew
}

func kindOf(seed uint64) kind {
	k := kind{readers: seed%3 == 0, cold: seed%4 == 1, remade: seed%7 > 3}
	if !k.readers {
		k.lagging, k.small, k.snapshot = seed%2 == 0, seed%5 == 1, seed%5 == 2
	}
	return k
}

func play(t *testing.T, seed uint64, steps int) *history {
	h := newHistory(seed, steps)
	synctest.Test(t, func(t *testing.T) {
		h.source = newSource(seed, h.names)
		if h.lagging {
			h.lag = time.Second
		}
		size := 100
		if h.small {
			size = 2
		}
		var c *Cache
		c = New(h.Fetch, Options{
			TTL: modelTTL, MaxStale: modelStale, Timeout: modelTimeout, Size: size, Named: h.named, Random: h.jitter,
			Changed: func() { h.publish(c) },
		})
		var wg sync.WaitGroup
		if h.cold {
			c.SetAccount(account(arnPrefix))
			wg.Go(func() { h.load(c) })
			synctest.Wait() // until its fetches are under way
		} else { // all ids are known to mean one entry then, as Register is done
			h.load(c)
			c.SetAccount(account(arnPrefix))
		}
		for i := range callers {
			wg.Go(func() {
				own := rand.New(rand.NewPCG(seed, uint64(i)))
				if h.cold {
					h.do(c, own, op{kind: opGet, name: "a"})
				}
				for range steps {
					time.Sleep(time.Duration(own.IntN(1500_000)) * time.Microsecond)
					h.step(c, own)
				}
			})
		}
		over := make(chan struct{})
		go h.weather(c, over)
		wg.Wait()
		close(over)
		synctest.Wait()
		time.Sleep(10 * time.Second) // no fetch lasts as long; what is left then is a leak, which synctest reports
		if n := len(c.Stats().Secrets); n > size+len(h.named) {
			h.problem(op{}, "%d entries are left, of %d", n, size)
		}
	})
	h.check()
	return h
}

// weather changes how Secrets Manager is, sets the wall clock, makes secrets anew,
// and takes snapshots.
func (h *history) weather(c *Cache, over <-chan struct{}) {
	own := rand.New(rand.NewPCG(h.seed, 1000))
	pause := func(least, more int) bool {
		select {
		case <-over:
			return false
		case <-time.After(time.Duration(least+own.IntN(more)) * time.Millisecond):
			return true
		}
	}
	for first := 1500; pause(500+first, 6000); first = 0 { // what is cold becomes warm first
		h.become(mishap(max(0, own.IntN(2*int(mishaps))-int(mishaps))))
		name := h.names[own.IntN(len(h.names))]
		if !h.readers && own.IntN(4) == 0 {
			h.setClock(c, time.Duration(own.IntN(7200)-3600)*time.Second)
		}
		switch own.IntN(4) {
		case 0, 1:
			h.put(name)
		case 2:
			if h.remade {
				h.remake(name)
			}
		}
		if h.snapshot && own.IntN(6) == 0 {
			s := h.takeSnapshot(c)
			pause(0, 3000)
			h.restore(c, s)
		}
	}
}

// setClock sets the wall clock forward by d, as the cache sees it.
func (h *history) setClock(c *Cache, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.note("the clock is set by %s", d)
	h.shifts = append(h.shifts, shift{time.Now(), d})
	flights := map[*flight]bool{}
	for _, e := range c.entries {
		e.fetched.wall, e.erred.wall = e.fetched.wall.Add(-d), e.erred.wall.Add(-d)
		for _, f := range append(e.running, e.last, e.probe) {
			flights[f] = true
		}
	}
	delete(flights, nil)
	for f := range flights {
		f.began.wall = f.began.wall.Add(-d)
	}
}

// takeSnapshot begins one, and restore ends it.
func (h *history) takeSnapshot(c *Cache) *span {
	s := &span{start: h.note("a snapshot begins")}
	c.Snapshot()
	s.taken = h.tick()
	return s
}

func (h *history) restore(c *Cache, s *span) {
	s.restoring = h.note("the snapshot is restored")
	c.Restore()
	s.end = h.tick()
	h.load(c)
	s.loaded = h.tick()
	h.spans = append(h.spans, *s)
}

// load is what a start and a restore do.
func (h *history) load(c *Cache) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c.Load(ctx, append(h.named, "c"))
	h.publish(c)
}

// publish is what the file and /env do: one at a time.
func (h *history) publish(c *Cache) {
	h.publishing.Lock()
	defer h.publishing.Unlock()
	for _, id := range h.named {
		s, _ := c.Peek(id)
		h.mu.Lock()
		h.views[id] = append(h.views[id], s)
		h.mu.Unlock()
	}
}

// step is one call of a random kind.
func (h *history) step(c *Cache, own *rand.Rand) {
	o := op{kind: opGet, name: h.names[own.IntN(len(h.names))]}
	if !h.readers {
		o.kind = kinds[own.IntN(len(kinds))]
	}
	h.do(c, own, o)
}

// do makes a call under one of the secret's ids.
func (h *history) do(c *Cache, own *rand.Rand, o op) {
	// What an ARN is told does not count for a name, so that one may be asked for again.
	ids := []string{o.name, arnPrefix + o.name, h.arnOf(o.name), modelARN(o.name, 0)}
	if h.readers {
		ids = ids[:2]
	}
	o.id = ids[own.IntN(len(ids))]
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+own.IntN(8))*time.Second)
	defer cancel()
	if o.kind == opRotate {
		o.want = h.put(o.name)
	}
	if own.IntN(2) == 0 {
		o.ifVersion = h.seen(o.name)
	}
	o.began, o.start = time.Now(), h.tick()
	h.call(ctx, c, &o)
	o.end, o.finished = h.tick(), time.Now()
	h.enter(o)
}

// call fills in what o is answered.
func (h *history) call(ctx context.Context, c *Cache, o *op) {
	q := Query{ID: o.id}
	switch o.kind {
	case opGet:
		o.answer, o.err = c.Get(ctx, q)
	case opPrevious:
		q.Stage = "AWSPREVIOUS"
		o.answer, o.err = c.Get(ctx, q)
	case opNow:
		o.answer, o.err = c.GetNow(ctx, q)
	case opHit:
		o.answer, _ = c.Hit(q)
	case opHeld:
		if s, ok := c.Held(q); ok {
			o.answer = Answer{Secret: s, Mark: Hit}
		}
	case opRefresh:
		o.answer, _, o.err = c.Refresh(ctx, o.id, o.ifVersion)
	case opAhead:
		c.RefreshAhead(ctx)
	case opRotate:
		var r Rotated
		r, o.err = c.Rotate(ctx, Change{ID: o.id, VersionID: versionID(o.want), Time: time.Now()})
		if o.err == nil && r.Held && r.VersionID < versionID(o.want) {
			h.problem(*o, "a rotation to %s ended well with %s", versionID(o.want), r.VersionID)
		}
		if o.err != nil || !r.Held {
			o.want = 0
		}
	}
}
