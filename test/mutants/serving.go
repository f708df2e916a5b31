package main

// Connections and their end, the proxy and what it replaces, the Extensions API.
func init() {
	const limit, server, restart = "localhttp/limit.go", "localhttp/server.go", "runtimeproxy/restart.go"
	rule := func(rule, file, before, after, tests string) mutant {
		pkg := map[string]string{limit: "./localhttp", server: "./localhttp", "localhttp/rotation.go": "./localhttp", restart: "./runtimeproxy", "extension/extension.go": "./extension"}[file]
		return mutant{Rule: rule, File: file, Old: before, New: after, Package: pkg, Tests: tests}
	}
	mutants = append(
		mutants,
		rule("there is a limit of connections", limit, "return c.open < c.max", "return true", "TestTenThousandIdleConnections|TestConnectionLimitOverTCP"),
		rule("a connection that ends makes room", limit, "		c.open--\n", "", "TestTenThousandIdleConnections|TestConnectionLimitOverTCP|TestHalfARequest"),
		rule("only so many connections wait to be told that there are too many", limit, "if len(c.refused) == maxRefused {", "if false {", "TestTenThousandIdleConnections"),
		rule("a shutdown does not wait for connections that never asked", limit, "	for conn := range c.silent {\n		_ = conn.Close()\n	}\n", "", "TestShutdownLetsRequestsEnd|TestTenThousandIdleConnections|TestIdleConnectionsStayOpen|TestLane"),
		rule("a shutdown ends those that are told that there are too many", limit, "	for _, conn := range c.refused {\n		_ = conn.Close()\n	}\n", "", "TestShutdownEndsRefusals"),
		rule("a connection that comes during a shutdown is closed", limit, "		if c.closed {\n			_ = conn.Close()\n		}\n", "", "TestConnectionThatComesDuringShutdown"),
		rule("the server is gone only when the last refusal is", server, "	s.conns.refusals.Wait()\n", "", "TestShutdownWaitsForRefusals"),
		rule("a shutdown cuts off what lasts too long", server, "		_ = s.http.Close()\n", "", "TestShutdownCutsOffWhatLastsTooLong"),
		rule("the endpoint is served on loopback alone", server, "ok && !a.IP.IsLoopback()", "ok && a == nil", "TestServeOnlyOnLoopback"),
		mutant{
			Rule: "a rotation that comes first after a snapshot waits for the load", File: "localhttp/rotation.go",
			Old: "	h.invoked(ctx)\n", New: "", Package: "./cmd/extension", Tests: "TestRotationAfterASnapshotWaitsForTheLoad",
		},
		rule("rotations of one batch run side by side", "localhttp/rotation.go", "		wg.Go(func() {", "		func(f func()) { f() }(func() {", "TestRotationsRunSideBySide"),
		rule("a runtime is replaced once for a change", restart, "	s.running, s.ordered = v, true\n", "	s.ordered = true\n", "TestOneReplacementForEachChange"),
		rule("a replacement that nobody began is due for the next call", restart, "	case <-ctx.Done(): //", "	case <-ctx.Done():\n		s.running = v //", "TestOrderThatNobodyTakes"),
		rule("nobody waits for ever for one who would replace the runtime", restart, "time.NewTimer(patience)", "time.NewTimer(24 * time.Hour)", "TestOrderThatNobodyTakes"),
		rule("who was waited for once is not waited for again", restart, "		s.running = v // else", "		// else", "TestOrderThatNobodyTakes"),
		rule("a runtime stays when the variables are as they were", restart, "	if maps.Equal(v.Values, s.running.Values) {", "	if maps.Equal(v.Values, s.running.Values) && false {", "TestOneReplacementForEachChange"),
		rule("only who has the token gets the variables", restart, `s.o.Token != "" && `, `s.o.Token == "" || true || `, "TestWrongToken"),
		rule("one call of next waits at a time", "extension/extension.go", "!s.waiting.CompareAndSwap(false, true)", "s.waiting.Load() && false", "TestNextTakesOneCallAtATime"),
	)
}
