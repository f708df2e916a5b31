package fleet

import (
	"fmt"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/markdown"
)

const ttl = 5 * time.Minute // the default of SECRETS_MANAGER_TTL

// reference is the fleet of most tables: 75 invocations of a second each, and a
// rotation with a single user every half hour.
func reference(st Strategy) Scenario {
	s := usual()
	s.Window, s.Secret.Every = 6*time.Hour, 30*time.Minute
	s.Traffic = Traffic{Rate: 75, Duration: time.Second}
	s.Strategy = st
	return s
}

// The strategies by their places in Strategies.
func strategy(ttl time.Duration, name string) Strategy {
	for _, s := range Strategies(ttl) {
		if s.Name == name {
			return s
		}
	}
	panic("no strategy " + name)
}

// sized is a steady fleet of about n environments. The larger it is the longer its
// invocations last, so that a run ends in minutes.
func sized(n int, st Strategy) Scenario {
	s := reference(st)
	switch n {
	case 1:
		s.Traffic = Traffic{Rate: 0.2, Duration: 100 * time.Millisecond}
	case 10:
		s.Traffic = Traffic{Rate: 2, Duration: time.Second}
	case 100:
		s.Traffic = Traffic{Rate: 75, Duration: time.Second}
	case 1000:
		s.Traffic = Traffic{Rate: 90, Duration: 10 * time.Second}
	case 10_000:
		s.Traffic = Traffic{Rate: 162, Duration: time.Minute}
		s.Window = 3 * time.Hour
	default:
		panic(fmt.Sprint("no fleet of ", n))
	}
	return s
}

// tables are those of docs/fleet.md, in its order.
func tables() []table {
	return []table{
		strategyTable(), costTable(), sizeTable(), ttlTable(), userTable(), gapTable(),
		onceTable(), dayTable(), burstTable(), rareTable(), managedTable(), adviceTable(),
	}
}

func strategyTable() table {
	t := table{
		name: "strategies", about: "TTL 300 s, single user; 75 invocations a second of 1 s, 12 rotations in 6 h.",
		heads:   []string{"strategy"},
		columns: []column{oldShare, oldUse, lastUse, reach, refused, failed},
	}
	for _, st := range Strategies(ttl) {
		t.rows = append(t.rows, row{[]string{st.Name}, reference(st)})
	}
	return t
}

// costTable has the other figures of the same runs.
func costTable() table {
	t := strategyTable()
	t.name, t.columns = "cost", []column{calls, price, peak, coldStarts, waits, waitTime}
	return t
}

func sizeTable() table {
	t := table{
		name: "sizes", about: "TTL 300 s, single user; a rotation every 30 min for 6 h, with the largest fleet for 3 h.",
		heads:   []string{"invocations", "strategy"},
		columns: []column{environments, oldShare, oldUse, refused, failed, calls, price, peak},
	}
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		for _, name := range []string{"TTL alone", "and the event", "and three retries"} {
			s := sized(n, strategy(ttl, name))
			load := fmt.Sprintf("%v a second of %v s", s.Traffic.Rate, s.Traffic.Duration.Seconds())
			t.rows = append(t.rows, row{[]string{load, name}, s})
		}
	}
	return t
}

func ttlTable() table {
	t := table{
		name: "ttl", about: "Refresh ahead and the event, single user; 75 invocations a second of 1 s, 12 rotations in 6 h, with a TTL of 0 two in 1 h.",
		heads:   []string{"`SECRETS_MANAGER_TTL`"},
		columns: []column{oldShare, oldUse, refused, calls, price, peak, waits, waitTime},
	}
	for _, seconds := range []int{0, 15, 60, 300, 900, 3600} {
		s := reference(strategy(time.Duration(seconds)*time.Second, "and the event"))
		if seconds == 0 {
			s.Window = time.Hour // every invocation is a call
		}
		t.rows = append(t.rows, row{[]string{fmt.Sprint(seconds)}, s})
	}
	return t
}

func userTable() table {
	t := table{
		name: "users", about: "Refresh ahead and the event; 75 invocations a second of 1 s for 3 h.",
		heads:   []string{"rotation", "every", "`SECRETS_MANAGER_TTL`"},
		columns: []column{longest, refused, failed},
	}
	for _, users := range []string{"single user", "alternating users"} {
		for _, every := range []time.Duration{4 * time.Minute, 30 * time.Minute} {
			for _, ttl := range []time.Duration{5 * time.Minute, 15 * time.Minute} {
				s := reference(strategy(ttl, "and the event"))
				s.Window = 3 * time.Hour
				s.Secret.Every, s.Secret.SingleUser = every, users == "single user"
				t.rows = append(t.rows, row{[]string{users, fmt.Sprintf("%.0f min", every.Minutes()), fmt.Sprint(ttl.Seconds())}, s})
			}
		}
	}
	return t
}

func gapTable() table {
	t := table{
		name: "gap", about: "TTL 300 s, refresh ahead and the event, single user; 75 invocations a second of 1 s, 12 rotations in 6 h.",
		heads:   []string{"gap", "retries"},
		columns: []column{refused, failed, lastError, calls, peak},
	}
	for _, gap := range []time.Duration{0, time.Second, 5 * time.Second} {
		for _, name := range []string{"and the event", "and one retry", "and three retries"} {
			s := reference(strategy(ttl, name))
			s.Secret.Gap = gap
			t.rows = append(t.rows, row{[]string{seconds(gap), fmt.Sprint(s.Strategy.Retries)}, s})
		}
	}
	return t
}

func onceTable() table {
	t := table{
		name: "once", about: "TTL 300 s, refresh ahead, single user; 75 invocations a second of 1 s, 12 rotations in 6 h.",
		heads:   []string{"code", "strategy"},
		columns: []column{oldShare, oldUse, refused, failed, coldStarts},
	}
	for _, name := range []string{"and the event", "event, restart of all"} {
		for _, once := range []bool{false, true} {
			st := strategy(ttl, name)
			st.Once = once
			code := map[bool]string{false: "reads at each invocation", true: "reads once"}[once]
			t.rows = append(t.rows, row{[]string{code, name}, reference(st)})
		}
	}
	return t
}

// day is a day with hardly any traffic at night and, with long invocations, some
// ten thousand environments at noon.
func day(traffic Traffic, st Strategy) Scenario {
	s := usual()
	s.WarmUp, s.Window, s.Secret.Every = 0, 24*time.Hour, 2*time.Hour
	s.Traffic, s.Strategy = traffic, st
	return s
}

func dayTable() table {
	t := table{
		name: "day", about: "TTL 300 s, single user; a day with a rotation every 2 h.",
		heads:   []string{"invocations at noon", "strategy"},
		columns: []column{environments, oldShare, longest, refused, failed, calls, price, peak, waits, waitTime},
	}
	for _, traffic := range []Traffic{{Rate: 1, Swing: 0.99, Duration: time.Second}, {Rate: 85, Swing: 0.95, Duration: time.Minute}} {
		for _, name := range []string{"TTL alone", "and the event", "and three retries"} {
			load := fmt.Sprintf("%.0f a second of %v s", traffic.Rate*(1+traffic.Swing), traffic.Duration.Seconds())
			t.rows = append(t.rows, row{[]string{load, name}, day(traffic, strategy(ttl, name))})
		}
	}
	return t
}

// burst is a fleet that starts at one moment and is then invoked all the time: no
// environment is idle for more than some seconds.
func burst(n int, st Strategy) Scenario {
	s := usual()
	s.WarmUp, s.Window, s.Secret.Every = 0, 15*time.Minute, 0
	s.Lambda.Burst, s.Lambda.Idle = n, 0
	s.Traffic = Traffic{Rate: float64(n) / 5, Duration: 5 * time.Second}
	s.Strategy = st
	return s
}

// laterPeak is the busiest second after the first minute.
var laterPeak = column{"after the first minute", func(r Result) string {
	most := 0
	for second, n := range r.CallCurve {
		if second >= 60 {
			most = max(most, n)
		}
	}
	return markdown.Whole(most)
}}

func burstTable() table {
	t := table{
		name: "burst", about: "TTL 300 s, no rotation; 15 min, each environment invoked every 5 s.",
		heads:   []string{"start", "strategy"},
		columns: []column{environments, peak, laterPeak, throttled, turnedAway, valueless, waits, waitTime},
	}
	plain, ahead := strategy(ttl, "TTL alone"), strategy(ttl, "refresh ahead")
	unjittered := ahead.with("refresh ahead, no jitter", func(s *Strategy) { s.NoJitter = true })
	for _, st := range []Strategy{plain, unjittered, ahead} {
		t.rows = append(t.rows, row{[]string{"10,000 at once", st.Name}, burst(10_000, st)})
	}
	limited := burst(10_000, ahead)
	limited.Lambda.Burst = 0
	t.rows = append(t.rows,
		row{[]string{"15,000 at once", ahead.Name}, burst(15_000, ahead)},
		row{[]string{"1,000 in ten seconds, Lambda's limit", ahead.Name}, limited})
	return t
}

// rare is a function that is hardly ever invoked, and with it mostly one environment.
func rare(every, ttl time.Duration) Scenario {
	s := usual()
	s.Window, s.Secret.Every = 30*24*time.Hour, 4*time.Hour
	s.Lambda.Idle = time.Hour // else most starts are cold
	s.Traffic = Traffic{Rate: 1 / every.Seconds(), Duration: time.Second}
	s.Strategy = strategy(ttl, "and the event")
	return s
}

func rareTable() table {
	t := table{
		name: "rare", about: "Refresh ahead and the event, single user; 180 rotations in 30 days, environments kept for an hour.",
		heads:   []string{"an invocation every", "`SECRETS_MANAGER_TTL`"},
		columns: []column{longest, refused, calls, price, waits, waitTime},
	}
	for _, every := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		for _, ttl := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
			t.rows = append(t.rows, row{[]string{fmt.Sprintf("%.0f min", every.Minutes()), fmt.Sprint(ttl.Seconds())}, rare(every, ttl)})
		}
	}
	return t
}

func managedTable() table {
	t := table{
		name: "managed", about: "TTL 300 s, single user; 75 invocations a second of 1 s, 12 rotations in 6 h.",
		heads:   []string{"instances", "strategy"},
		columns: []column{oldShare, oldUse, refused, failed, calls, price, waits},
	}
	for _, n := range []int{10} {
		for _, name := range []string{"TTL alone", "and the event", "and three retries"} {
			s := reference(strategy(ttl, name))
			s.Lambda = Lambda{Init: s.Lambda.Init, Burst: n, Managed: true}
			t.rows = append(t.rows, row{[]string{fmt.Sprint(n), name}, s})
		}
	}
	return t
}
