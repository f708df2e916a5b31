package fleet

import (
	"math/rand/v2"
	"time"
)

// lambda has the environments of a function and chooses the one that an invocation
// gets: of those that are idle the one that was used last, so that the others can
// be given up.
type lambda struct {
	Lambda
	create     func() *environment
	gone       func(*environment) // is called for each that is given up
	rng        *rand.Rand
	idle       []*environment // by the end of their last invocation, the latest last
	live, most int
	generation int           // of the configuration
	tokens     float64       // environments that may be added now
	refilled   time.Duration // when tokens was up to date
}

func newLambda(o Lambda, create func() *environment, gone func(*environment), rng *rand.Rand) *lambda {
	return &lambda{Lambda: o, create: create, gone: gone, rng: rng, tokens: float64(o.Scale)}
}

// take returns an idle environment, or nil.
func (l *lambda) take(now time.Duration) *environment {
	if l.Managed {
		if len(l.idle) == 0 {
			return nil // they have not started yet
		}
		return l.idle[l.rng.IntN(len(l.idle))]
	}
	expired := 0
	for l.Idle > 0 && expired < len(l.idle) && now-l.idle[expired].idle >= l.Idle {
		l.discard(l.idle[expired])
		expired++
	}
	l.idle = l.idle[expired:]
	for len(l.idle) > 0 {
		last := len(l.idle) - 1
		e := l.idle[last]
		l.idle = l.idle[:last]
		if e.generation == l.generation && (e.until == 0 || now < e.until) {
			return e
		}
		l.discard(e)
	}
	return nil
}

// add returns a new environment, or nil while the function may not have more.
// Lambda adds a thousand in ten seconds; what was not used of that is not saved
// beyond those ten seconds.
// https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
func (l *lambda) add(now time.Duration) *environment {
	if l.Managed {
		return nil
	}
	if l.Scale > 0 {
		l.tokens = min(l.tokens+float64(l.Scale)*(now-l.refilled).Seconds()/scalePeriod.Seconds(), float64(l.Scale))
		l.refilled = now
		if l.tokens < 1 {
			return nil
		}
		l.tokens--
	}
	return l.addFree()
}

// addFree is add without the limit.
func (l *lambda) addFree() *environment {
	e := l.create()
	e.generation = l.generation
	if l.Life > 0 {
		e.until = e.born + spread(l.Life, l.rng)
	}
	l.live++
	l.most = max(l.most, l.live)
	return e
}

// put takes back an environment whose invocation has ended.
func (l *lambda) put(e *environment, now time.Duration) {
	if e.generation != l.generation {
		l.discard(e)
		return
	}
	e.idle = now
	l.idle = append(l.idle, e)
}

// replace gives up all environments: the idle ones now, the others when their
// invocations have ended. A change of the configuration does that.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
func (l *lambda) replace() {
	l.generation++
	for _, e := range l.idle {
		l.discard(e)
	}
	l.idle = nil
}

func (l *lambda) discard(e *environment) {
	l.live--
	l.gone(e)
}
