package fleet

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// small is a busy fleet of about twenty environments and one rotation.
func small() Scenario {
	s := usual()
	s.WarmUp, s.Window = 10*time.Minute, 20*time.Minute
	s.Traffic = Traffic{Rate: 10, Duration: time.Second}
	s.Secret.Every = 10 * time.Minute
	s.Strategy = Strategy{TTL: 5 * time.Minute, MaxStale: time.Hour}
	return s
}

// simulate runs s in a bubble of its own.
func simulate(t *testing.T, s Scenario) (r Result) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { r = Run(s) })
	return r
}

func TestSameSeedSameBytes(t *testing.T) {
	encode := func(seed uint64) []byte {
		s := small()
		s.Seed, s.Strategy = seed, Strategies(time.Minute)[6]
		b, err := json.Marshal(simulate(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one := encode(1)
	if again := encode(1); !bytes.Equal(one, again) {
		t.Errorf("one seed gave\n%s\nand\n%s", one, again)
	}
	if bytes.Equal(one, encode(2)) {
		t.Error("two seeds gave the same")
	}
}

func TestOneEventReachesOneEnvironment(t *testing.T) {
	s := small()
	s.Strategy.TTL, s.Strategy.Event = 24*time.Hour, true
	s.Lambda = Lambda{Burst: 200} // which never go away
	s.Secret.Settle = 0
	s.WarmUp, s.Window, s.Secret.Every = time.Minute, 5*time.Minute, 3*time.Minute
	versions := map[string]int{}
	var r Result
	synctest.Test(t, func(t *testing.T) {
		x := newSimulation(s)
		x.run()
		for _, e := range x.lambda.idle {
			held, err := e.cache.Peek(secretID)
			if err != nil {
				t.Fatal(err)
			}
			versions[held.VersionID]++
		}
		r = x.result()
	})
	if r.Rotations != 1 && r.Rotations != 2 {
		t.Fatalf("rotations = %d", r.Rotations)
	}
	if versions["0"] != 200-r.EventReach || r.EventReach != r.Rotations {
		t.Errorf("versions %v after %d rotations, events reached %d environments", versions, r.Rotations, r.EventReach)
	}
	s.Strategy.Event = false
	if without := simulate(t, s); without.EventReach != 0 || without.Stale <= r.Stale {
		t.Errorf("without the event %d environments learnt of it and %d invocations had the old version, with it %d", without.EventReach, without.Stale, r.Stale)
	}
}

// Nobody works with a version that was replaced longer ago than the TTL, and a
// refresh ahead shortens that to four fifths of it in a busy environment.
func TestTTLBounds(t *testing.T) {
	for _, ttl := range []time.Duration{30 * time.Second, 5 * time.Minute} {
		s := small()
		s.Strategy.TTL = ttl
		bound := ttl + s.Secret.Settle
		r := simulate(t, s)
		if r.StaleUse.Max > bound || r.StaleUse.Max < ttl/2 || r.LastUse.Max != r.StaleUse.Max {
			t.Errorf("TTL %v: the old version was used for %v, and by the last environment for %v", ttl, r.StaleUse.Max, r.LastUse.Max)
		}
		s.Strategy.Ahead = true
		ahead := simulate(t, s)
		if ahead.StaleUse.Max > bound || ahead.StaleUse.P90 >= r.StaleUse.P90 {
			t.Errorf("TTL %v: refreshed ahead, the old version was used for %v, by 9 of 10 for %v; without %v",
				ttl, ahead.StaleUse.Max, ahead.StaleUse.P90, r.StaleUse.P90)
		}
		if ahead.Waits.N*4 > r.Waits.N || r.Waits.N == 0 {
			t.Errorf("TTL %v: refreshed ahead, %d reads waited, without %d", ttl, ahead.Waits.N, r.Waits.N)
		}
	}
}

func TestRefusedLogins(t *testing.T) {
	base := small()
	base.Strategy.Ahead = true
	with := func(change func(*Scenario)) Result {
		s := base
		change(&s)
		return simulate(t, s)
	}
	none := with(func(s *Scenario) {})
	if none.Failed == 0 || none.Failed != none.Refused || none.Failed != none.Stale {
		t.Errorf("without a retry: %d old, %d refused, %d failed; want the same, not none", none.Stale, none.Refused, none.Failed)
	}
	once := with(func(s *Scenario) { s.Strategy.Retries = 1 })
	if once.Refused == 0 || once.Failed*10 > none.Failed || once.Failed != once.FailedEarly {
		t.Errorf("with one retry %d failed, %d of them early; without %d", once.Failed, once.FailedEarly, none.Failed)
	}
	thrice := with(func(s *Scenario) { s.Strategy.Retries = 3 })
	if thrice.Refused == 0 || thrice.Failed != 0 {
		t.Errorf("with three retries: %d refused, %d failed", thrice.Refused, thrice.Failed)
	}
	gap := with(func(s *Scenario) { s.Strategy.Retries, s.Secret.Gap = 1, 5*time.Second })
	if gap.Failed <= once.Failed || gap.Failed != gap.FailedEarly || gap.FailedLast > 7*time.Second {
		t.Errorf("with a gap of 5 s: %d failed, %d early, the last after %v", gap.Failed, gap.FailedEarly, gap.FailedLast)
	}
	alternating := with(func(s *Scenario) { s.Secret.SingleUser = false })
	if alternating.Refused != 0 || alternating.Stale == 0 {
		t.Errorf("alternating users: %d refused, %d old", alternating.Refused, alternating.Stale)
	}
	hasty := with(func(s *Scenario) { s.Secret.SingleUser, s.Secret.Every = false, 2*time.Minute })
	if hasty.Refused == 0 {
		t.Error("alternating users: nobody was refused though the secret is rotated faster than the TTL")
	}
}

func TestBroadcastReachesAll(t *testing.T) {
	s := small()
	s.Strategy.Ahead = true
	before := simulate(t, s)
	s.Strategy.Broadcast = true
	after := simulate(t, s)
	if after.StaleUse.Max > s.Secret.BroadcastDelay || after.StaleUse.Max < s.Secret.BroadcastDelay/2 {
		t.Errorf("the old version was used for %v, want about %v", after.StaleUse.Max, s.Secret.BroadcastDelay)
	}
	if after.ColdStarts < before.ColdStarts+10 {
		t.Errorf("%d cold starts, without the restart %d", after.ColdStarts, before.ColdStarts)
	}
	s.Strategy.Once = true
	if once := simulate(t, s); once.StaleUse.Max > s.Secret.BroadcastDelay {
		t.Errorf("code that reads once used the old version for %v", once.StaleUse.Max)
	}
	s.Strategy.Broadcast = false
	if once := simulate(t, s); once.StaleUse.Max < s.Strategy.TTL+time.Minute {
		t.Errorf("code that reads once used the old version for %v only", once.StaleUse.Max)
	}
}

func TestJitterSpreadsWhatStartedTogether(t *testing.T) {
	s := small()
	s.WarmUp, s.Window, s.Secret.Every = 60*time.Second, 9*time.Minute, 0
	s.Lambda = Lambda{Init: time.Second, Burst: 400}
	s.Traffic = Traffic{Rate: 100, Duration: 4 * time.Second}
	s.Strategy.Ahead = true
	jittered := simulate(t, s)
	s.Strategy.NoJitter = true
	together := simulate(t, s)
	if together.PeakCalls < 2*jittered.PeakCalls || jittered.PeakCalls == 0 {
		t.Errorf("peak of %d calls a second with jitter, %d without", jittered.PeakCalls, together.PeakCalls)
	}
}

func TestThrottledStartsRecover(t *testing.T) {
	s := small()
	s.WarmUp, s.Window, s.Secret.Every, s.Secret.Quota = 0, time.Minute, 0, 100
	s.Lambda.Burst = 300
	s.Traffic.Rate = 200
	r := simulate(t, s)
	if r.Throttled == 0 || r.PeakCalls <= 100 || r.Unavailable == 0 {
		t.Errorf("%d calls throttled at %d a second, %d invocations without a value", r.Throttled, r.PeakCalls, r.Unavailable)
	}
	s.WarmUp = 10 * time.Second // by then all have recovered, by themselves
	if late := simulate(t, s); late.Unavailable != 0 {
		t.Errorf("%d invocations without a value after ten seconds", late.Unavailable)
	}
}

// A function that sleeps for longer than the TTL between invocations makes one call
// in each of them, whose read waits for it, and none while it is frozen.
func TestNothingHappensInTheFreezer(t *testing.T) {
	s := small()
	s.WarmUp, s.Window, s.Secret.Every = 0, 200*time.Hour, 0
	s.Traffic = Traffic{Rate: 1.0 / 3600, Duration: time.Second}
	s.Lambda = Lambda{Init: time.Second}
	s.Strategy.TTL, s.Strategy.Ahead = time.Second, true
	r := simulate(t, s)
	if r.Calls != r.Invocations || r.Waits.N != r.Invocations-r.ColdStarts || r.Invocations < 100 || r.Environments != 1 {
		t.Errorf("%d calls and %d waits in %d invocations, %d of them cold", r.Calls, r.Waits.N, r.Invocations, r.ColdStarts)
	}
}

func TestManagedInstancesRefreshByTimer(t *testing.T) {
	s := small()
	s.Lambda = Lambda{Burst: 3, Managed: true}
	s.Strategy.Ahead = true
	r := simulate(t, s)
	if r.Environments != 3 || r.Waits.N != 0 || r.TurnedAway != 0 || r.StaleUse.Max > s.Strategy.TTL || r.StaleUse.Max == 0 {
		t.Errorf("%d environments, %d reads waited, the old version was used for %v", r.Environments, r.Waits.N, r.StaleUse.Max)
	}
	s.Strategy.Ahead = false
	if r := simulate(t, s); r.Waits.N == 0 {
		t.Error("without the timer no read waited")
	}
}

func TestPrice(t *testing.T) {
	if got := Price(10_000); math.Abs(got-36.5) > 1e-9 {
		t.Errorf("10,000 calls an hour cost $%v a month, want $36.50", got)
	}
	s := small()
	s.Window, s.Strategy.TTL = 5*time.Minute, 0
	r := simulate(t, s)
	perHour := float64(r.Calls) / s.Window.Hours()
	if r.CallsPerHour != perHour || r.Calls < r.Invocations-r.ColdStarts || r.MonthlyPrice() != Price(perHour) {
		t.Errorf("%d calls, %v an hour, $%v a month", r.Calls, r.CallsPerHour, r.MonthlyPrice())
	}
}

func TestVersionsOfHistory(t *testing.T) {
	h := &history{
		Secret:  Secret{SingleUser: true, Gap: time.Second},
		servers: []time.Duration{10 * time.Second, 20 * time.Second},
		labels:  []time.Duration{11 * time.Second, 21 * time.Second},
	}
	for _, c := range []struct {
		at                  time.Duration
		current             int
		single, alternating [3]bool // versions that are refused
	}{
		{9 * time.Second, 0, [3]bool{false, true, true}, [3]bool{}},
		{10 * time.Second, 0, [3]bool{true, false, true}, [3]bool{}},
		{11 * time.Second, 1, [3]bool{true, false, true}, [3]bool{}},
		{20 * time.Second, 1, [3]bool{true, true, false}, [3]bool{true}},
		{22 * time.Second, 2, [3]bool{true, true, false}, [3]bool{true}},
	} {
		if got := h.current(c.at); got != c.current {
			t.Errorf("at %v version %d is current, want %d", c.at, got, c.current)
		}
		for version := range 3 {
			h.SingleUser = true
			single := h.refuses(version, c.at)
			h.SingleUser = false
			if alternating := h.refuses(version, c.at); single != c.single[version] || alternating != c.alternating[version] {
				t.Errorf("at %v version %d is refused: %v with a single user, %v with alternating ones", c.at, version, single, alternating)
			}
		}
	}
}
