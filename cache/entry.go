package cache

import "time"

const (
	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
	// rememberError bounds how long an error is the answer where no value is held:
	// a loop in the function is no loop on Secrets Manager, and a secret that was
	// just created is not missing for long.
	rememberError = 3 * time.Second
	// ttlJitter is the most that chance takes off a TTL, so that environments which
	// started together do not fetch together.
	ttlJitter     = 0.1
	backoffJitter = 0.2
	refreshAhead  = 0.8 // of the TTL
)

// instant is a moment on both clocks. While a sandbox is frozen the monotonic
// clock may stand still, and a SnapStart restore moves only the wall clock; a step
// of the wall clock backwards is seen only by the monotonic one.
type instant struct {
	wall time.Time // without monotonic reading
	mono time.Time
}

func now() instant {
	t := time.Now()
	return instant{wall: t.Round(0), mono: t}
}

// age is the longer of what the two clocks say has passed since i.
func (i instant) age() time.Duration {
	n := now()
	return max(n.wall.Sub(i.wall), n.mono.Sub(i.mono))
}

// key is what an entry is found by: the ARN of its secret, once that is known,
// and the version and stage that were asked for, both empty for the current one.
type key struct{ secret, version, stage string }

func (k key) isCurrent() bool { return k.version == "" && k.stage == "" }

// entry is all that is known of one version or stage of one secret. The cache's
// mutex guards it.
type entry struct {
	key   key
	askID string // the id to fetch by: one that survives re-creation, if one was used
	named bool   // and then the current version
	into  *entry // the entry this one turned out to be the same secret as

	secret  *Secret
	fetched instant // when the fetch that brought secret began
	ttl     time.Duration
	settled uint64 // number of the flight that brought secret, or that it is gone
	loaded  bool   // a value was held once
	old     bool   // a fetch failed since, so secret may be outdated
	read    bool   // read since it was last fetched

	err      error // of the last fetch, nil after a success
	erred    instant
	failed   uint64 // number of the last flight that failed
	failures int    // in a row
	backoff  time.Duration
	reported string // the state that was last logged, "" is a good one

	running    []*flight // begun and not ended, oldest first; two at most that are not overdue
	next       *flight   // begins when one of running ends
	publishing *flight   // has changed the value, and Changed has not returned yet
	last       *flight   // the one that began last
	probe      *flight   // looks at another version: see replaced

	counts       Counts
	newer, older *entry // in the order of use
}

// home follows e to the entry that it has become a part of.
func (e *entry) home() *entry {
	for e.into != nil {
		e = e.into
	}
	return e
}

// current reports whether the value may be served without asking.
func (e *entry) current() bool {
	return e.secret != nil && !e.old && e.fetched.age() < e.ttl
}

// usable reports whether the value may be served when a fetch has failed.
func (e *entry) usable(o Options) bool {
	return e.secret != nil && (e.current() || e.fetched.age() <= o.TTL+o.MaxStale)
}

// backingOff reports whether the last failure is too recent for another try that
// nobody asked for.
func (e *entry) backingOff() bool {
	return e.err != nil && e.erred.age() < e.backoff
}

// remembers reports whether the last error still stands as the answer.
func (e *entry) remembers() bool {
	return e.err != nil && e.erred.age() < min(e.backoff, rememberError)
}

// due reports whether it is time to refresh the value ahead of its expiry.
func (e *entry) due(o Options) bool {
	switch {
	case len(e.running) > 0, e.backingOff(), !e.named && !e.read:
		return false
	case e.secret == nil, e.old:
		return e.named
	}
	return e.fetched.age() >= time.Duration(refreshAhead*float64(e.ttl))
}

func (e *entry) answer(m Mark) Answer {
	return Answer{Secret: e.secret, Mark: m, Age: e.fetched.age()}
}

// keep makes s the value, as the fetch f brought it. If a fetch that began later
// has failed, s may be what that one was to replace, so the failure still stands.
func (e *entry) keep(s *Secret, f *flight, o Options) {
	e.secret, e.fetched, e.settled = s, f.began, f.number
	e.ttl = time.Duration(float64(o.TTL) * (1 - ttlJitter*o.Random()))
	e.loaded, e.old = true, f.number < e.failed
	if !e.old {
		e.err, e.failures = nil, 0
	}
}

// drop forgets the value: the secret is gone.
func (e *entry) drop(f *flight) {
	e.secret, e.old, e.settled = nil, false, f.number
}

// fail notes that f failed: the value, if any, is old from now on, and reads do
// not fetch again until a back-off has passed that doubles with every failure.
func (e *entry) fail(f *flight, o Options) {
	e.backoff = o.jittered(min(firstBackoff<<min(e.failures, 10), lastBackoff))
	e.failures++
	e.err, e.erred, e.failed = f.err, now(), max(e.failed, f.number)
	e.old = e.secret != nil
}

func (o Options) jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + backoffJitter*(2*o.Random()-1)))
}
