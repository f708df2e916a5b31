package fleet

import (
	"fmt"
	"time"
)

// advice is a line of the table that tells an operator what to choose.
type advice struct {
	fleet, choose, why string
	scenario           Scenario
}

func advices() []advice {
	event, retries := "and the event", "and three retries"
	once := strategy(ttl, "event, restart of all")
	once.Once = true
	return []advice{
		{
			"some environments, alternating users", "the defaults, and the event",
			"the old login works until the next rotation, and the TTL is over long before that",
			alternatingUsers(sized(10, strategy(ttl, event))),
		},
		{
			"a hundred environments, alternating users", "the defaults, and the event; the interval of rotation longer than the TTL",
			"the event reaches one of them; the others have the TTL's time, in which nobody is refused",
			alternatingUsers(reference(strategy(ttl, event))),
		},
		{
			"a hundred environments, single user, code of your own", "`RefreshOnAuthError` or `POST /refresh`, in a loop with pauses of a second",
			"the first environment that is refused mends itself; the pauses bridge the moment in which Secrets Manager has no new value to give",
			reference(strategy(ttl, retries)),
		},
		{
			"a hundred environments, single user, code that cannot ask again", "`SECRETS_MANAGER_TTL=15`, and `SECRETS_ON_ROTATION=restart` where the code reads variables at its start",
			"every copy is young, which is paid for in calls; a restart of all, as below, is paid for in cold starts instead",
			reference(strategy(15*time.Second, event)),
		},
		{
			"a hundred environments, code that reads once, without the proxy", "`update-function-configuration` after each rotation",
			"every environment is new at its next invocation; it costs a cold start each",
			reference(once),
		},
		{
			"ten thousand environments, single user", "the defaults, the event, and retries",
			"each environment that is refused asks for itself; a short TTL would make more calls than that all the time",
			sized(10_000, strategy(ttl, retries)),
		},
		{
			"ten thousand environments, alternating users", "the defaults, and the event",
			"nobody is refused; a longer TTL saves calls",
			alternatingUsers(sized(10_000, strategy(ttl, event))),
		},
		{
			"hardly any traffic", "`SECRETS_MANAGER_TTL=3600`, and the event",
			"the event reaches the one environment there is, or there is none and the next one loads; few reads wait",
			rare(15*time.Minute, time.Hour),
		},
	}
}

func alternatingUsers(s Scenario) Scenario {
	s.Secret.SingleUser = false
	return s
}

// adviceTable has the figures of what is advised.
func adviceTable() table {
	t := table{
		name: "advice", heads: []string{"fleet", "choose", "because"},
		columns: []column{longest, refused, failed, calls, price},
		about:   "Fleets as in the tables above.",
	}
	for _, a := range advices() {
		t.rows = append(t.rows, row{[]string{a.fleet, a.choose, a.why}, a.scenario})
	}
	return t
}

// own compares all strategies for one fleet.
func own(base Scenario) table {
	t := table{
		name: "own", heads: []string{"strategy"},
		columns: []column{environments, oldShare, oldUse, refused, failed, coldStarts, calls, price, peak, waits, waitTime},
		about: fmt.Sprintf("%v invocations a second of %v s, TTL %v s, a rotation every %v min for %v min.", base.Traffic.Rate,
			base.Traffic.Duration.Seconds(), base.Strategy.TTL.Seconds(), base.Secret.Every.Minutes(), base.Window.Minutes()),
		seed: base.Seed,
	}
	for _, st := range Strategies(base.Strategy.TTL) {
		s := base
		s.Strategy = st
		t.rows = append(t.rows, row{[]string{st.Name}, s})
	}
	return t
}
