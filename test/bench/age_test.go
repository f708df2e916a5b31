package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

var ageFile = flag.String("age", "", "write what TestAgeAfterRotation measures to this file, for the plots")

const (
	ageTTL    = 300 * time.Second // ours by default, and the one that AWS's agent and extension have
	every     = 3 * time.Second   // invocations of one environment, on average
	callTakes = 20 * time.Millisecond
	// So many TTLs pass until the ages of all values are spread over one.
	spread = 4
	// An event that Secrets Manager sends is taken to arrive after a second. How long
	// EventBridge takes cannot be measured here.
	eventTakes = time.Second
)

// environments is how many there are of each kind.
func environments() int {
	if *ageFile != "" {
		return 300
	}
	return 60
}

// getter is what a function reads a secret with.
type getter interface {
	invoked(ctx context.Context) // an invocation begins
	get(ctx context.Context) int // the version of the value
}

// store is a Secrets Manager with one secret.
type store struct {
	mu      sync.Mutex
	version int
}

func (s *store) rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
}

func (s *store) fetch(context.Context, cache.Query) (*cache.Secret, error) {
	time.Sleep(callTakes / 2)
	s.mu.Lock()
	n := s.version
	s.mu.Unlock()
	time.Sleep(callTakes / 2)
	id := fmt.Sprint(n)
	return &cache.Secret{Name: "db", ARN: "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf", VersionID: id, Value: cache.Text(id)}, nil
}

// ours is the layer's own cache, driven as the extension drives it.
type ours struct{ *cache.Cache }

func newOurs(s *store, random *rand.Rand) ours {
	return ours{cache.New(s.fetch, cache.Options{TTL: ageTTL, MaxStale: time.Hour, Size: 10, Named: []string{"db"}, Random: random.Float64})}
}

func (o ours) invoked(ctx context.Context) { o.RefreshAhead(ctx) }

func (o ours) get(ctx context.Context) (version int) {
	a, err := o.Get(ctx, cache.Query{ID: "db"})
	if err == nil {
		_, err = fmt.Sscan(a.Secret.VersionID, &version)
	}
	if err != nil {
		panic(err) // nothing fails here
	}
	return version
}

// ttlCache is what is known of AWS's: a value is read again when it is older than
// the TTL, at the next read.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html
type ttlCache struct {
	store   *store
	fetched time.Time
	version int
}

func (*ttlCache) invoked(context.Context) {}

func (c *ttlCache) get(ctx context.Context) int {
	if c.fetched.IsZero() || time.Since(c.fetched) >= ageTTL {
		s, _ := c.store.fetch(ctx, cache.Query{ID: "db"})
		c.fetched = time.Now()
		_, _ = fmt.Sscan(s.VersionID, &c.version)
	}
	return c.version
}

// ages is what environments of one kind saw of a rotation.
type ages struct {
	Name string `json:"name"`
	// Old has the seconds for which each environment still returned the old value,
	// sorted.
	Old []float64 `json:"old"`
}

// TestAgeAfterRotation measures how long functions see the old value, in virtual
// time: those that the event reaches, those that it does not, and those with a cache
// that only has a TTL.
func TestAgeAfterRotation(t *testing.T) {
	var reached, others, ttl ages
	synctest.Test(t, func(t *testing.T) {
		reached = ages{"this layer, the environment that the event reaches", oldFor(t, true, func(s *store, r *rand.Rand) getter { return newOurs(s, r) })}
		others = ages{"this layer, the other environments", oldFor(t, false, func(s *store, r *rand.Rand) getter { return newOurs(s, r) })}
		ttl = ages{"a cache with a TTL of 300 s", oldFor(t, false, func(s *store, _ *rand.Rand) getter { return &ttlCache{store: s} })}
	})
	most := func(a ages) float64 { return a.Old[len(a.Old)-1] }
	if got, want := most(reached), (eventTakes + 2*callTakes + every).Seconds(); got > want {
		t.Errorf("with the event the old value was seen for up to %.1f s, want at most %.1f", got, want)
	}
	if got := most(others); got > ageTTL.Seconds() {
		t.Errorf("without the event the old value was seen for up to %.1f s, want at most the TTL", got)
	}
	if got, than := mean(others.Old), mean(ttl.Old); got >= than {
		t.Errorf("without the event the old value was seen for %.1f s on average, want less than the %.1f s of a TTL alone", got, than)
	}
	for _, a := range []ages{reached, others, ttl} {
		t.Logf("%s: %.1f s on average, %.1f s at most", a.Name, mean(a.Old), most(a))
	}
	if *ageFile == "" {
		return
	}
	data, err := json.MarshalIndent([]ages{reached, others, ttl}, "", "  ")
	if err == nil {
		err = os.WriteFile(*ageFile, append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// oldFor returns, sorted, how many seconds after a rotation each environment had the
// old value at hand for the last time: the end of that is its last read of it, or the
// event.
func oldFor(t *testing.T, event bool, make func(*store, *rand.Rand) getter) []float64 {
	s := &store{}
	rotated := time.Now().Add((spread + 1) * ageTTL)
	var mu sync.Mutex
	var old []float64
	var wg sync.WaitGroup
	for i := range environments() {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(i)))
			time.Sleep(time.Duration(random.Float64() * spread * float64(ageTTL))) // first used at some time
			g := make(s, random)
			last := follow(t.Context(), g, random, rotated, event)
			mu.Lock()
			defer mu.Unlock()
			old = append(old, last.Seconds())
		})
	}
	time.Sleep(time.Until(rotated))
	s.rotate()
	wg.Wait()
	slices.Sort(old)
	return old
}

// follow reads in invocations, one after the other, until the new value is there. It
// returns how long after the rotation the old one was read for the last time.
func follow(ctx context.Context, g getter, random *rand.Rand, rotated time.Time, event bool) (last time.Duration) {
	told := false
	for {
		next := time.Now().Add(time.Duration(random.ExpFloat64() * float64(every)))
		if arrives := rotated.Add(eventTakes); event && !told && next.After(arrives) {
			// The event is an invocation too: the function hands it on.
			time.Sleep(time.Until(arrives))
			g.invoked(ctx)
			if _, err := g.(ours).Rotate(ctx, cache.Change{ID: "db", VersionID: "1"}); err != nil {
				panic(err)
			}
			told = true
		}
		time.Sleep(time.Until(next))
		g.invoked(ctx)
		version := g.get(ctx)
		switch since := time.Since(rotated); {
		case version > 0:
			return last
		case since > 0:
			last = since
		}
	}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
