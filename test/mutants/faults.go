package main

// What is left of the extension when Secrets Manager, the network, the clock or the
// disk fails: docs/faults.md, whose cells are named in Args.
func init() {
	cell := func(rule, file, before, after, cells string) mutant {
		return mutant{Rule: rule, File: file, Old: before, New: after, Package: "./test/faults", Tests: "TestFaults", Args: "-cells " + cells}
	}
	const (
		entry, reads, flight, rotate, kinds = "cache/entry.go", "cache/cache.go", "cache/flight.go", "cache/rotate.go", "cache/error.go"
		fetch, failure                      = "cache/awssm/awssm.go", "cache/awssm/failure.go"
		life, file                          = "cmd/extension/lambda.go", "dotenv/file.go"
	)
	mutants = append(
		mutants,
		// The value that is held.
		cell("a current value costs no call, whatever is wrong with Secrets Manager", entry, "e.fetched.age() < e.ttl", "e.fetched.age() < 0", "within"),
		cell("a value past its TTL is asked for", entry, "e.fetched.age() < e.ttl", "true", "past"),
		cell("time that passed in a freeze counts", entry, "max(n.wall.Sub(i.wall), n.mono.Sub(i.mono))", "n.mono.Sub(i.mono)", "within"),
		cell("time counts although the clock was put back", entry, "max(n.wall.Sub(i.wall), n.mono.Sub(i.mono))", "n.wall.Sub(i.wall)", "(clock|freeze)"),
		cell("a read gets the held value when its fetch fails", reads, "m == Miss && e.usable(c.o)", "m == Miss && false", "past"),
		cell("a read during the back-off makes no call", reads, "case e.usable(c.o) && e.backingOff():", "case false:", "past"),
		cell("an error is the answer for a while where no value is held", reads, "case !e.usable(c.o) && e.remembers():", "case false:", "first"),
		cell("the file has the new value before anybody gets it", flight, "		c.o.Changed()\n", "", "(clock|freeze)"),
		// What the log says.
		cell("a failure is logged once, not once for each try", flight, "if e.reported == state {", "if false {", "rotation"),
		cell("a failure is logged", flight, `	c.o.Log.Log(context.Background(), level, msg, "secretId", cause.ID, "error", cause.Error())`+"\n", "	_, _ = level, msg\n", "past"),
		cell("the end of a failure is logged", flight, `c.o.Log.Info("secret can be fetched again", "secretId", e.askID, "versionId", e.secret.VersionID)`, "", "past"),
		cell("a load that has ended without a value is told of once", "variables/set.go", "last == cache.ErrNotLoaded", "last != nil", "first"),
		// What a failed fetch is.
		cell("a fetch tries three times where that may help", fetch, "case !f.retry || ", "case true || ", "past"),
		cell("an answer that is none is not asked for again", failure, "return &failure{Error: noAnswer(id, notAnAnswer)}", "return &failure{Error: noAnswer(id, notAnAnswer), retry: true}", "past"),
		cell("an answer without a value is an error", fetch, `return nil, noAnswer(q.ID, "the answer had no value")`, `s.Value, s.Name = cache.Text("{}"), q.ID`, "past"),
		cell("an answer for another secret is an error", fetch, "case !names(s, q.ID):", "case false:", "past"),
		cell("an answer that breaks off is asked for again", failure, " || broken(err):", ":", "past"),
		cell("what stands before Secrets Manager is known by its status", failure, `strings.ReplaceAll(text, " ", "")`, `"UnknownError"+text[:0]`, "first"),
		cell("where no answer came the caller gets a 502", failure, "Status: http.StatusBadGateway, Type: cache.TypeConnection", "Status: 500, Type: cache.TypeConnection", "refresh"),
		cell("a certificate that AWS_CA_BUNDLE does not vouch for is none", "cache/awssm/transport.go", "MinVersion: tls.VersionTLS12,", "MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,", "past"),
		cell("a fetch ends within its time-out", flight, "context.WithTimeout(context.Background(), c.o.Timeout)", "context.WithTimeout(context.Background(), 3*c.o.Timeout)", "past"),
		cell("a fetch that ran out of time is a 504", failure, "	if over(ctx) {", "	if false {", "refresh"),
		cell("a first load that did not end is a 503", flight, "e.named && !e.loaded && cause.Type == TypeTimeout", "false", "first"),
		cell("a request that a wrong clock signed is sent again with the right time", fetch, "case f.skewed && !corrected:", "case f.skewed && !corrected && false:", "(clock|freeze)"),
		cell("a token that has expired is not tried again at once", failure, `f.Transient() && f.Type != "ExpiredTokenException"`, "f.Transient()", "past"),
		cell("a token that has expired may be renewed: it does not fail the init", kinds, `e.Type == "ExpiredTokenException", `, "", "first"),
		cell("a throttle fails no init, and ends no rotation", kinds, `strings.Contains(e.Type, "Throttl"), `, "", "first"),
		cell("an outage fails no init", "variables/set.go", "ok && !e.Transient()", "ok && e != nil", "first"),
		cell("access denied fails the init, and a rotation at once", kinds, "	return false\n}\n\n// AsError", "	return true\n}\n\n// AsError", "first"),
		// A connection after a freeze.
		cell("a connection from before a freeze is not used after it", "cache/awssm/transport.go", "IdleConnTimeout:        idleTimeout,", "", "(clock|freeze)"),
		// What asks for a fetch.
		cell("a refresh fetches", "cache/refresh.go", "f != nil && f.began.age() < refreshEvery", "f != nil", "refresh"),
		cell("a refresh that fails says so", "cache/refresh.go", "	m := Refreshed\n", "	m := Miss\n", "refresh"),
		cell("a value is stale once a refresh of it failed", "cache/refresh.go", "		f = c.startFresh(e, noted)\n", "		f = c.startFresh(e, ignored)\n", "refresh"),
		cell("a rotation tries again what may pass", rotate, "	case err != nil:\n		return false, nil\n", "	case err != nil:\n		return true, err\n", "rotation"),
		cell("a rotation does not try again what stays", rotate, "err != nil && !AsError(ch.ID, err).Transient()", "false", "rotation"),
		cell("a rotation ends before its invocation does", "localhttp/rotation.go", "return max(left-reserve, left/2)", "return left + 3*time.Second", "rotation"),
		cell("a rotation whose refresh failed is a 502", "localhttp/rotation.go", "		status = http.StatusBadGateway\n", "		status = http.StatusOK\n", "rotation"),
		// The end.
		cell("a read under way at the shutdown is answered", life, "return max(min(left, shutdownGrace), 0)", "return 0*left", "shutdown"),
		cell("a read that lasts does not hold the shutdown up", life, "return max(min(left, shutdownGrace), 0)", "return 4*shutdownGrace + 0*left", "shutdown"),
		cell("a wrong clock leaves the shutdown its time", life, "time.Since(deadline) > time.Minute", "false", "shutdown"),
		cell("the dotenv file is removed at the shutdown", "variables/file.go", "	if !f.exists {\n", "	if true {\n", "shutdown"),
		cell("a file that stays after the end is told of", "cmd/extension/agent.go", `a.log.Warn("dotenv file cannot be removed", "error", err.Error())`, "_ = err", "shutdown"),
		// The file.
		cell("half a file never takes the place of a whole one", file, "_, err = f.Write(data)", "_, _ = f.Write(data)", "(full|folder|symlink)"),
		cell("a file that was asked for and cannot be written fails the init", "variables/set.go", "if s.o.PathRequired {", "if false {", "first"),
		cell("a file that cannot be written is told of", "variables/file.go", "		if !f.failed {\n", "		if false {\n", "(full|folder|symlink)"),
		cell("a link in the place of the file is not written through", file, "return root.Rename(temp, name)", "return errors.Join(os.WriteFile(path, data, 0o600), root.Remove(temp))", "(full|folder|symlink)"),
	)
}
