package main

// The policy of the cache as a fleet shows it, and the simulation's own rules.
func init() {
	const fleet = "./test/fleet"
	mutants = append(mutants, []mutant{
		{
			Rule: "no environment uses a version that was replaced longer ago than the TTL", File: "cache/entry.go",
			Old: "e.fetched.age() < e.ttl", New: "e.fetched.age() < 2*e.ttl", Package: fleet, Tests: "TestTTLBounds",
		},
		{
			Rule: "a busy environment refreshes ahead, and its reads do not wait", File: "cache/ahead.go",
			Old: "due = append(due, c.join(e))", New: "_ = due", Package: fleet, Tests: "TestTTLBounds|TestManagedInstancesRefreshByTimer",
		},
		{
			Rule: "environments that started together do not fetch together", File: "cache/entry.go",
			Old: "ttlJitter     = 0.1", New: "ttlJitter     = 0.001", Package: fleet, Tests: "TestJitterSpreadsWhatStartedTogether",
		},
		{
			Rule: "code that was refused gets a fresh value", File: "cache/refresh.go",
			Old: "f != nil && f.began.age() < refreshEvery", New: "f != nil", Package: fleet, Tests: "TestRefusedLogins",
		},
		{
			Rule: "an event makes the environment current that it reaches", File: "cache/rotate.go",
			Old: "	if !held {\n", New: "	if !held || true {\n", Package: fleet, Tests: "TestOneEventReachesOneEnvironment",
		},
		{
			Rule: "a throttled load is made up for by a later read", File: "cache/entry.go",
			Old: "e.erred.age() < min(e.backoff, rememberError)", New: "e.erred.age() < time.Hour", Package: fleet, Tests: "TestThrottledStartsRecover",
		},
		{
			Rule: "one seed gives one result", File: "cache/cache.go",
			Old: "	if o.Random == nil {", New: "	if true {", Package: fleet, Tests: "TestSameSeedSameBytes",
		},
		{
			Rule: "one event reaches one environment", File: "test/fleet/simulation.go",
			Old: "t.learnt = t.env.rotate(t.rotation)", New: "t.learnt = t.env.rotate(t.rotation) && false", Package: fleet, Tests: "TestOneEventReachesOneEnvironment",
		},
		{
			Rule: "a change of the configuration replaces all environments", File: "test/fleet/lambda.go",
			Old: "	l.generation++\n", New: "", Package: fleet, Tests: "TestLambdaReplacesAll|TestBroadcastReachesAll",
		},
		{
			Rule: "Lambda uses the environment that was used last", File: "test/fleet/lambda.go",
			Old: "last := len(l.idle) - 1\n		e := l.idle[last]\n		l.idle = l.idle[:last]", New: "e := l.idle[0]\n		l.idle = l.idle[1:]",
			Package: fleet, Tests: "TestLambdaUsesTheWarmestEnvironment",
		},
		{
			Rule: "a single user's old login ends with the rotation, that of two users with the next", File: "test/fleet/secrets.go",
			Old: "version < newest-1", New: "version < newest", Package: fleet, Tests: "TestVersionsOfHistory|TestRefusedLogins",
		},
		{
			Rule: "ten thousand calls cost five cents", File: "test/fleet/result.go",
			Old: "0.05 / 10_000", New: "0.05 / 1_000", Package: fleet, Tests: "TestPrice",
		},
	}...)
}
