package cache

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
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
	modelTTL   = 5 * time.Second
	modelStale = 20 * time.Second
	callers    = 12
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
			t.Fatalf("seed %d, %d steps: %s\nrun it alone: go test ./cache -run TestModel -args -seed %[1]d -steps %[2]d",
				seed, shortest.steps, errors.Join(shortest.problems...))
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

// op is one call of the cache, in the order of all calls' beginnings and ends.
type op struct {
	kind       string
	name       string
	start, end uint64
	began      time.Time
	finished   time.Time
	answer     Answer
	named      bool // what was published when it returned
	published  *Secret
	want       int // version of a Rotate that ended well
	err        error
}

// history is a run: what happened, and what of it must not.
type history struct {
	*source
	seed    uint64
	steps   int
	readers bool // all calls are of Get, no clock is set and nothing is evicted
	names   []string

	mu       sync.Mutex
	order    uint64
	ops      []op
	views    map[string][]*Secret // published, by name
	problems []error
}

func play(t *testing.T, seed uint64, steps int) *history {
	h := &history{seed: seed, steps: steps, readers: seed%3 == 0, names: []string{"a", "b", "c"}, views: map[string][]*Secret{}}
	synctest.Test(t, func(t *testing.T) {
		h.source = newSource(seed, h.names)
		if !h.readers && seed%2 == 0 {
			h.lag = time.Second
		}
		var c *Cache
		size := 100
		if seed%5 == 1 {
			size = 2
		}
		named := []string{"a", modelARN("b")}
		c = New(h.Fetch, Options{
			TTL: modelTTL, MaxStale: modelStale, Timeout: 3 * time.Second, Size: size, Named: named, Random: h.jitter,
			Changed: func() { h.publish(c) },
		})
		// All ids are known to mean one entry then, as Register is done.
		c.Load(context.Background(), append(named, "c"))
		c.SetAccount(account(arnPrefix))
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				own := rand.New(rand.NewPCG(seed, uint64(i)))
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
		if n := len(c.Stats().Secrets); n > size+2 {
			h.problem("%d entries are left, of %d", n, size)
		}
	})
	h.check()
	return h
}

// weather changes how Secrets Manager is, and sets the wall clock.
func (h *history) weather(c *Cache, over <-chan struct{}) {
	own := rand.New(rand.NewPCG(h.seed, 1000))
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(500+own.IntN(6000)) * time.Millisecond):
		}
		h.become(mishap(max(0, own.IntN(2*int(mishaps))-int(mishaps))))
		if !h.readers && own.IntN(4) == 0 {
			setClock(c, time.Duration(own.IntN(7200)-3600)*time.Second)
		}
		if own.IntN(2) == 0 {
			h.put(h.names[own.IntN(len(h.names))])
		}
	}
}

// setClock sets the wall clock forward by d, as the cache sees it.
func setClock(c *Cache, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		e.fetched.wall, e.erred.wall = e.fetched.wall.Add(-d), e.erred.wall.Add(-d)
	}
}

// publish is what the file and /env do.
func (h *history) publish(c *Cache) {
	for _, id := range []string{"a", modelARN("b")} {
		s, _ := c.Peek(id)
		h.mu.Lock()
		h.views[nameOf(id)] = append(h.views[nameOf(id)], s)
		h.mu.Unlock()
	}
}

func (h *history) tick() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.order++
	return h.order
}

// step is one call of a random kind under a random id.
func (h *history) step(c *Cache, own *rand.Rand) {
	o := op{kind: "get", name: h.names[own.IntN(len(h.names))]}
	id := []string{o.name, arnPrefix + o.name, modelARN(o.name)}[own.IntN(3)]
	if h.readers { // what an ARN is told does not count for a name, so that one may be asked for again
		id = []string{o.name, arnPrefix + o.name}[own.IntN(2)]
	} else {
		o.kind = []string{"get", "get", "get", "now", "refresh", "rotate", "ahead", "previous"}[own.IntN(8)]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+own.IntN(8))*time.Second)
	defer cancel()
	if o.kind == "rotate" {
		o.want = h.put(o.name)
	}
	o.began, o.start = time.Now(), h.tick()
	switch o.kind {
	case "get":
		o.answer, o.err = c.Get(ctx, Query{ID: id})
	case "previous":
		_, o.err = c.Get(ctx, Query{ID: id, Stage: "AWSPREVIOUS"})
	case "now":
		o.answer, o.err = c.GetNow(ctx, Query{ID: id})
	case "refresh":
		o.answer, _, o.err = c.Refresh(ctx, id, "")
	case "ahead":
		c.RefreshAhead(ctx)
	case "rotate":
		var r Rotated
		r, o.err = c.Rotate(ctx, Change{ID: id, VersionID: versionID(o.want), Time: time.Now()})
		if o.err == nil && r.Held && r.VersionID < versionID(o.want) {
			h.problem("a rotation to %s ended well with %s", versionID(o.want), r.VersionID)
		}
		if o.err != nil || !r.Held {
			o.want = 0
		}
	}
	o.end, o.finished = h.tick(), time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if views := h.views[o.name]; o.name != "c" {
		o.named = true
		if len(views) > 0 {
			o.published = views[len(views)-1]
		}
	}
	h.ops = append(h.ops, o)
}

func (h *history) problem(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.problems) < 5 {
		h.problems = append(h.problems, fmt.Errorf(format, args...))
	}
}

func (o op) String() string {
	return fmt.Sprintf("%s of %s (%d to %d, %s)", o.kind, o.name, o.start, o.end, o.answer.Mark)
}

// check holds the history to the rules. That a fetch is older than another means
// that it began at an earlier time: what Secrets Manager answers may itself go back
// for a moment, and the cache must go by the later question, not by the version.
func (h *history) check() {
	slices.SortFunc(h.ops, func(a, b op) int { return int(a.start) - int(b.start) })
	most := 2 // one that was asked for beside an older one
	if h.readers {
		most = 1
	}
	if h.most > most && h.seed%5 != 1 { // an entry that was evicted is not known by all its ids
		h.problem("%d fetches of one entry at a time, want %d at most", h.most, most)
	}
	for i, o := range h.ops {
		if o.answer.Secret == nil {
			continue
		}
		f := h.fetch[o.answer.Secret]
		if f == nil || f.name != o.name {
			h.problem("%v was answered with a secret that nobody fetched for it", o)
			continue
		}
		h.checkAnswer(o, f)
		h.checkOrder(o, f, h.ops[:i])
	}
	h.checkViews()
	if h.readers {
		h.checkCalls()
	}
}

// checkAnswer is about one answer: whether its mark is right, and how old it is.
func (h *history) checkAnswer(o op, f *fetched) {
	least := o.finished.Sub(f.began) // the cache looked at it earlier, at its beginning at the earliest
	if o.answer.Mark != Miss && o.answer.Mark != Refreshed {
		least = o.began.Sub(f.began)
	}
	switch o.answer.Mark {
	case Hit:
		if least >= modelTTL {
			h.problem("%v: a hit that is %s old", o, least)
		}
	case Stale:
		if least > modelTTL+modelStale {
			h.problem("%v: stale for %s", o, least)
		}
		if !slices.ContainsFunc(h.log, func(g *fetched) bool {
			return g.name == o.name && g.current && g.err != nil && !g.end.Before(f.began) && !g.end.After(o.finished)
		}) {
			h.problem("%v: stale, and no fetch has failed", o)
		}
	case Refreshed:
		if o.kind == "now" && f.began.Before(o.began) {
			h.problem("%v joined a fetch that began %s before", o, o.began.Sub(f.began))
		}
		if o.kind == "refresh" && o.began.Sub(f.began) >= refreshEvery {
			h.problem("%v was answered by a fetch that began %s before", o, o.began.Sub(f.began))
		}
	}
	if p := o.published; o.named && (p == nil || p.VersionID != o.answer.Secret.VersionID && h.fetch[p].began.Before(f.began)) {
		h.problem("%v was answered with %s before that was published", o, o.answer.Secret.VersionID)
	}
}

// checkOrder wants no answer from an older fetch than one that had been given to
// anybody before o began.
func (h *history) checkOrder(o op, f *fetched, before []op) {
	for _, p := range before {
		if p.end > o.start || p.name != o.name {
			continue
		}
		if p.want > f.version && h.lag == 0 { // without lag, Secrets Manager never goes back
			h.problem("%v was answered with version %d after %v to %d", o, f.version, p, p.want)
		}
		if p.answer.Secret == nil {
			continue
		}
		if g := h.fetch[p.answer.Secret]; g != nil && f.began.Before(g.began) {
			h.problem("%v was answered by a fetch that began %s before that of %v", o, g.began.Sub(f.began), p)
		}
	}
}

// checkViews wants what is published never to go back.
func (h *history) checkViews() {
	for name, views := range h.views {
		var last *fetched
		for _, s := range views {
			f := h.fetch[s]
			if f != nil && last != nil && f.began.Before(last.began) {
				h.problem("of %s, what a fetch brought that began %s earlier was published later", name, last.began.Sub(f.began))
			}
			if f != nil {
				last = f
			}
		}
	}
}

// checkCalls wants no call before the TTL of a value is over, less its jitter, and
// none in the back-off after a failure.
func (h *history) checkCalls() {
	last := map[string]*fetched{}
	for _, f := range h.log {
		switch p := last[f.name]; {
		case p == nil:
		case p.err == nil && f.began.Sub(p.began) < modelTTL*9/10:
			h.problem("%s was asked for again after %s", f.name, f.began.Sub(p.began))
		case p.err != nil && f.began.Sub(p.end) < firstBackoff*8/10:
			h.problem("%s was asked for again %s after %v", f.name, f.began.Sub(p.end), p.err)
		}
		last[f.name] = f
	}
}
