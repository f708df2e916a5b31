package fleet

import (
	"time"
)

// Scenario is one fleet and what happens to it. The same Scenario gives the same
// [Result].
type Scenario struct {
	Name     string
	Seed     uint64
	WarmUp   time.Duration // before anything is counted; no rotation happens in it
	Window   time.Duration // that is counted, after WarmUp
	Strategy Strategy
	Traffic  Traffic
	Lambda   Lambda
	Secret   Secret
}

// Strategy is how the environments of a function learn of a rotation. The zero
// value fetches on every read.
type Strategy struct {
	Name      string
	TTL       time.Duration // SECRETS_MANAGER_TTL
	MaxStale  time.Duration // SECRETS_MAX_STALE
	NoJitter  bool          // a TTL is exactly TTL, as in caches that know no chance
	Ahead     bool          // every INVOKE refreshes what is past four fifths of its TTL
	Event     bool          // a rotation event is sent to the function
	Retries   int           // how often code that is refused asks for a fresh value: once is shim.RefreshOnAuthError, more is a loop around it, a second apart
	Broadcast bool          // each rotation is followed by update-function-configuration
	Once      bool          // code reads the value when its environment starts and never again
}

// Traffic is when a function is invoked. Invocations are a Poisson process.
type Traffic struct {
	Rate     float64       // invocations per second, the mean of a day
	Swing    float64       // 0 is steady, 1 leaves nothing of the traffic at midnight
	Duration time.Duration // of an invocation after it read the secret, the mean of an exponential distribution
}

// Lambda is how environments come and go.
type Lambda struct {
	Init  time.Duration // of a cold start without the load of the secret; ±25 %
	Idle  time.Duration // an environment that is not used for so long is gone; 0 keeps it
	Life  time.Duration // an environment is not used after so long, ±25 %; 0 is for ever
	Scale int           // new environments in 10 s; 0 is no limit
	Burst int           // environments that start at once when the simulation begins

	// Managed has the Burst environments take all invocations, several at a time and
	// each at random, and never freezes them, as Managed Instances do. A timer
	// refreshes ahead instead of the INVOKE event. Idle, Life and Scale mean nothing.
	Managed bool
}

// Secret is the secret, its rotations and how fast they are seen.
type Secret struct {
	Every      time.Duration // between rotations, the first at a random time within it; 0 is no rotation
	SingleUser bool          // the old credential ends when the new one begins; else alternating users, it ends with the next rotation
	Gap        time.Duration // from the change at the server to the one of AWSCURRENT
	Settle     time.Duration // after it, reads may still bring the old version, ever more rarely
	Latency    time.Duration // mean of a call; half of it is fixed, the rest is exponential
	Quota      int           // calls per second that are not throttled; 0 is no limit

	EventDelay     time.Duration // mean from AWSCURRENT to the arrival of the event; half fixed, the rest exponential
	BroadcastDelay time.Duration // from AWSCURRENT until no environment with the old configuration is invoked any more
}

// Quota is how many GetSecretValue calls an account may make per second in a Region.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
const Quota = 10_000

// usual is what scenarios have in common. Only the limits and the price are AWS's
// own figures; the times are assumptions, which docs/fleet.md names.
func usual() Scenario {
	return Scenario{
		Seed:   1,
		WarmUp: 30 * time.Minute,
		Window: 12 * time.Hour,
		Traffic: Traffic{
			Rate: 10, Duration: time.Second,
		},
		Lambda: Lambda{
			Init: 400 * time.Millisecond, Idle: 10 * time.Minute, Life: 2 * time.Hour,
			Scale: scale,
		},
		Secret: Secret{
			Every: time.Hour, SingleUser: true,
			Settle: 500 * time.Millisecond, Latency: 20 * time.Millisecond, Quota: Quota,
			EventDelay: time.Second, BroadcastDelay: 10 * time.Second,
		},
	}
}

// scale is how many environments Lambda adds to one function in scalePeriod.
// https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
const (
	scale       = 1000
	scalePeriod = 10 * time.Second
)

// Strategies returns those that are compared.
func Strategies(ttl time.Duration) []Strategy {
	plain := Strategy{Name: "TTL alone", TTL: ttl, MaxStale: time.Hour, NoJitter: true}
	ahead := Strategy{Name: "refresh ahead", TTL: ttl, MaxStale: time.Hour, Ahead: true}
	event := ahead.with("and the event", func(s *Strategy) { s.Event = true })
	return []Strategy{
		plain, ahead, event,
		event.with("and one retry", func(s *Strategy) { s.Retries = 1 }),
		event.with("and three retries", func(s *Strategy) { s.Retries = 3 }),
		event.with("event, restart of all", func(s *Strategy) { s.Broadcast = true }),
		event.with("event, restart, three retries", func(s *Strategy) { s.Broadcast, s.Retries = true, 3 }),
	}
}

func (s Strategy) with(name string, change func(*Strategy)) Strategy {
	s.Name = name
	change(&s)
	return s
}
