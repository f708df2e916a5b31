package fleet

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

const (
	initTimeout = 5 * time.Second // SECRETS_INIT_TIMEOUT_MILLIS
	fetchLimit  = 3 * time.Second // SECRETS_MANAGER_TIMEOUT_MILLIS
	// patience is how long a rotation event may look for its version: an invocation
	// of ten seconds less what localhttp reserves of it.
	patience   = 9500 * time.Millisecond
	retryPause = time.Second // between two retries of one invocation
)

// query is the read of every invocation.
var query = cache.Query{ID: secretID}

// ended is a context of the past: RefreshAhead then begins its fetches and does not
// wait for them. The environment does: it is busy until they have ended.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// environment is one sandbox of the function, with the layer's cache in it.
type environment struct {
	strategy   Strategy
	h          *history
	cache      *cache.Cache
	line       *line
	born       time.Duration
	until      time.Duration // it is not used any more; 0 is never
	idle       time.Duration // when its last invocation ended
	generation int           // of the function's configuration
	kept       int           // the version that the code read at its start
	life       life
}

func newEnvironment(s Strategy, h *history, m *meter, seed, id uint64) *environment {
	e := &environment{
		strategy: s, h: h, born: time.Since(h.began),
		line: &line{h: h, meter: m, rng: rand.New(rand.NewPCG(seed, 2*id))},
	}
	o := cache.Options{TTL: s.TTL, MaxStale: s.MaxStale, Timeout: fetchLimit, Size: 1000, Named: []string{secretID}}
	o.Random = chance(rand.New(rand.NewPCG(seed, 2*id+1)))
	if s.NoJitter {
		o.Random = func() float64 { return 0 }
	}
	e.cache = cache.New(e.line.fetch, o)
	return e
}

// chance is rng for several goroutines.
func chance(rng *rand.Rand) func() float64 {
	var mu sync.Mutex
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return rng.Float64()
	}
}

// start is what the extension does before the runtime runs, and how long the rest
// of the cold start takes. A load that fails is made up for by the first read.
func (e *environment) start(rest time.Duration) {
	time.Sleep(rest)
	ctx, cancel := context.WithTimeout(context.Background(), initTimeout)
	defer cancel()
	e.cache.Load(ctx, []string{secretID})
	e.kept = -1
	if s, err := e.cache.Peek(secretID); err == nil {
		e.kept = number(s)
	}
}

// invoked is what the extension does on an INVOKE event.
func (e *environment) invoked() {
	if e.strategy.Ahead {
		e.cache.RefreshAhead(ended)
	}
}

// attempt is how an invocation fared with the secret.
type attempt struct {
	at          time.Duration // of the last login, since the start
	version     int           // that it was made with
	waited      time.Duration // for the first read
	refused     bool          // the server refused the first login
	failed      bool          // there was no login in the end: the user sees an error
	unavailable bool          // for want of a value
}

// login tries the version of s.
func (e *environment) login(a *attempt, version int) {
	a.at, a.version = time.Since(e.h.began), version
	a.failed = e.h.refuses(version, a.at)
	a.refused = a.refused || a.failed
}

// quick makes the attempt if that takes no fetch and no second login.
func (e *environment) quick() (attempt, bool) {
	var a attempt
	if e.strategy.Once && e.kept >= 0 {
		e.login(&a, e.kept)
		return a, true
	}
	held, ok := e.cache.Hit(query)
	if !ok {
		return a, false
	}
	e.login(&a, number(held.Secret))
	return a, !a.refused || e.strategy.Retries == 0
}

// work is what the code of the function does with the secret.
func (e *environment) work() attempt {
	ctx := context.Background()
	var a attempt
	began := time.Now()
	held, err := e.cache.Get(ctx, query)
	a.waited = time.Since(began)
	if err != nil {
		a.at, a.version = time.Since(e.h.began), -1
		a.failed, a.unavailable = true, true
		return a
	}
	version := number(held.Secret)
	if e.strategy.Once && e.kept < 0 {
		e.kept = version
	}
	e.login(&a, version)
	for try := 0; a.failed && try < e.strategy.Retries; try++ {
		if try > 0 {
			time.Sleep(retryPause)
		}
		e.retry(ctx, &a)
	}
	return a
}

// retry is what shim.RefreshOnAuthError does for a caller that was refused: it asks
// for a fresh value and logs in with it if it is another one.
func (e *environment) retry(ctx context.Context, a *attempt) {
	if _, _, err := e.cache.Refresh(ctx, secretID, strconv.Itoa(a.version)); err != nil {
		return
	}
	renewed, err := e.cache.Get(ctx, query)
	if err == nil && number(renewed.Secret) != a.version {
		e.login(a, number(renewed.Secret))
	}
}

// rotate is what a rotation event does to the environment that it reaches. It
// reports whether that learnt of the new version thereby.
func (e *environment) rotate(rotation int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := e.cache.Rotate(ctx, cache.Change{
		ID: secretARN, VersionID: strconv.Itoa(rotation),
		Time: e.h.began.Add(e.h.labels[rotation-1]).Truncate(time.Second),
	})
	return err == nil && r.Changed
}

// number is the version of s.
func number(s *cache.Secret) int {
	n, err := strconv.Atoi(s.VersionID)
	if err != nil {
		panic(err) // only versions of a history are ever fetched
	}
	return n
}
