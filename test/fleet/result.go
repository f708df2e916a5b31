package fleet

import (
	"slices"
	"time"
)

// pricePerCall is in dollars: $0.05 for 10,000 calls.
// https://aws.amazon.com/secrets-manager/pricing/
const pricePerCall = 0.05 / 10_000

// hoursPerMonth is what AWS's own estimates count with.
const hoursPerMonth = 730

// Price is what calls at a rate cost, in dollars a month.
func Price(callsPerHour float64) float64 { return callsPerHour * hoursPerMonth * pricePerCall }

const (
	// horizon is the time after a rotation in which the use of the old version is
	// set in relation to all use.
	horizon = 5 * time.Minute
	// bin and bins are the steps of [Result.Curve].
	bin  = 5 * time.Second
	bins = 180
)

// Spread says how values are distributed: half of them are P50 or less, and so on.
// All are 0 where there is no value.
type Spread struct {
	N                  int
	P50, P90, P99, Max time.Duration
}

func spreadOf(values []time.Duration) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	slices.Sort(values)
	at := func(percent int) time.Duration { return values[(len(values)*percent+99)/100-1] }
	return Spread{N: len(values), P50: at(50), P90: at(90), P99: at(99), Max: values[len(values)-1]}
}

// Result is what happened in the counted time of a [Scenario].
type Result struct {
	Scenario Scenario

	Invocations  int // of the function's work
	ColdStarts   int // of them, in a new environment
	TurnedAway   int // for which Lambda had no environment and was not to add one
	Environments int // at once, at most
	Rotations    int

	Stale       int           // invocations that worked with the old version
	StaleShare  float64       // of those in the five minutes after a rotation
	StaleUse    Spread        // how long after the rotation those were
	LastUse     Spread        // the same of the last one of each environment that was there at the rotation, 0 if it had none
	EventReach  int           // environments that learnt of a rotation by its event
	Refused     int           // invocations whose first login the server refused
	Failed      int           // that had no login in the end
	FailedEarly int           // of them, in the gap or within a second after it and what reads take to settle
	FailedLast  time.Duration // how long after the change at the server the last one was
	Unavailable int           // for want of any value

	Calls        int // to Secrets Manager
	Throttled    int
	CallsPerHour float64
	PeakCalls    int    // in one second
	Waits        Spread // of warm invocations whose first read had to wait
	WaitShare    float64

	// Curve is the share of invocations with the old version, in steps of five
	// seconds after the rotation.
	Curve []float64
	// CallCurve is the calls of each second.
	CallCurve []int `json:"-"`
}

// MonthlyPrice is what the calls cost, in dollars.
func (r Result) MonthlyPrice() float64 { return Price(r.CallsPerHour) }

// life is what is known of an environment since the last rotation that it saw.
type life struct {
	rotation int
	used     bool
	last     time.Duration // after the rotation, of the last use of the old version
}

// recorder collects the figures of one simulation.
type recorder struct {
	s      Scenario
	h      *history
	r      Result
	uses   []time.Duration
	last   []time.Duration
	waits  []time.Duration
	warm   int
	recent struct{ all, stale int } // within the horizon
	all    [bins]int
	stale  [bins]int
}

func newRecorder(s Scenario, h *history) *recorder {
	return &recorder{s: s, h: h, r: Result{Scenario: s, Rotations: len(h.labels)}}
}

func (r *recorder) counts(at time.Duration) bool {
	return at >= r.s.WarmUp && at < r.s.WarmUp+r.s.Window
}

func (r *recorder) turnedAway(at time.Duration) {
	if r.counts(at) {
		r.r.TurnedAway++
	}
}

// event notes that an event was dealt with.
func (r *recorder) event(learnt bool) {
	if learnt {
		r.r.EventReach++
	}
}

// add notes how an invocation fared.
func (r *recorder) add(e *environment, a attempt, cold bool) {
	if !r.counts(a.at) {
		return
	}
	r.r.Invocations++
	switch {
	case cold:
		r.r.ColdStarts++
	default:
		r.warm++
		if a.waited > 0 {
			r.waits = append(r.waits, a.waited)
		}
	}
	if a.refused {
		r.r.Refused++
	}
	r.failure(a)
	r.freshness(e, a)
}

func (r *recorder) failure(a attempt) {
	if !a.failed {
		return
	}
	r.r.Failed++
	if a.unavailable {
		r.r.Unavailable++
		return
	}
	if n := passed(r.h.servers, a.at); n > 0 {
		since := a.at - r.h.servers[n-1]
		r.r.FailedLast = max(r.r.FailedLast, since)
		if since < r.h.Gap+r.h.Settle+time.Second {
			r.r.FailedEarly++
		}
	}
}

func (r *recorder) freshness(e *environment, a attempt) {
	current := r.h.current(a.at)
	if current == 0 || a.unavailable {
		return
	}
	since, stale := a.at-r.h.labels[current-1], a.version < current
	if e.life.rotation != current {
		r.endOf(e)
		e.life = life{rotation: current}
	}
	if e.born < r.h.labels[current-1] {
		e.life.used = true
	}
	if since < horizon {
		r.recent.all++
	}
	step := int(since / bin)
	if step < bins {
		r.all[step]++
	}
	if !stale {
		return
	}
	r.r.Stale++
	r.uses = append(r.uses, since)
	e.life.last = since
	if since < horizon {
		r.recent.stale++
	}
	if step < bins {
		r.stale[step]++
	}
}

// endOf notes for how long e used the old version, when there is a newer rotation
// or no more e.
func (r *recorder) endOf(e *environment) {
	if e.life.used {
		r.last = append(r.last, e.life.last)
	}
	e.life = life{}
}

func (r *recorder) result(m *meter, most int) Result {
	out := r.r
	out.Environments = most
	out.StaleShare = share(r.recent.stale, r.recent.all)
	out.StaleUse, out.LastUse, out.Waits = spreadOf(r.uses), spreadOf(r.last), spreadOf(r.waits)
	out.WaitShare = share(len(r.waits), r.warm)
	for i, n := range r.all {
		out.Curve = append(out.Curve, share(r.stale[i], n))
	}
	from, to := int(r.s.WarmUp/time.Second), int((r.s.WarmUp+r.s.Window)/time.Second)
	for second := from; second < min(to, len(m.seconds)); second++ {
		n := int(m.seconds[second])
		out.Calls += n
		out.PeakCalls = max(out.PeakCalls, n)
		out.CallCurve = append(out.CallCurve, n)
	}
	out.Throttled = m.throttled
	out.CallsPerHour = float64(out.Calls) / r.s.Window.Hours()
	return out
}

func share(part, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}
