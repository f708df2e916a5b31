package main

// What the README says of the endpoint, seen from outside the binary.
func init() {
	const handler, secret, rotation, answer = "localhttp/handler.go", "localhttp/secret.go", "localhttp/rotation.go", "localhttp/answer.go"
	seen := func(rule, file, before, after, tests string) mutant {
		return mutant{Rule: rule, File: file, Old: before, New: after, Package: "./test/endpoint", Tests: tests}
	}
	mutants = append(mutants,
		seen("a name is that of an ARN that was loaded before Lambda told the account", "cache/cache.go",
			`if e.secret != nil && e.secret.ARN != "" {`, "if false {", "TestInLambda"),
		seen("a request that was forwarded is refused", handler,
			`if _, ok := r.Header["X-Forwarded-For"]; ok {`, "if false {", "TestOrderOfChecks"),
		seen("a Host elsewhere is refused", handler,
			"if !isLocal(r.Host) {", "if false {", "TestHost|TestOrderOfChecks"),
		seen("the header of Vault carries the token too", handler,
			` || carries(h.token, header["X-Vault-Token"])`, "", "TestToken"),
		seen("the method is looked at before the path", handler,
			"if r.Method != rt.method[0] {", "if rt.serve != nil && r.Method != rt.method[0] {", "TestOrderOfChecks|TestMethods"),
		seen("no id in a path is an error of its own", handler,
			"len(r.URL.Path) == len(pathPrefix)", "false", "TestNoID"),
		seen("an id that no secret can have is not asked for", secret,
			"len(id) > maxID && ", "false && ", "TestIDsThatNoSecretHas"),
		seen("a key that is not there is 404", secret,
			"writeJSON(w, http.StatusNotFound, failure{", "writeJSON(w, http.StatusBadRequest, failure{", "TestKeysThatAreNotThere"),
		seen("refreshNow fetches", secret,
			"read = h.cache.GetNow", "_ = h.cache.GetNow", "TestRefreshNow"),
		seen("binary values are base64", secret,
			"if s.Value.IsBinary() {", "if false {", "TestBinary"),
		seen("an event over 7 MB is refused, also one of unknown length", rotation,
			"io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))", "io.ReadAll(r.Body)", "TestLargeEvents"),
		seen("a rotation that failed is 502", rotation,
			"status = http.StatusBadGateway", "_ = http.StatusBadGateway", "TestRotationThatFails|TestBatch"),
		seen("a rotation leaves the invocation the time to answer", rotation,
			"return max(left-reserve, left/2)", "return left + reserve", "TestVersionThatIsNotSeen"),
		seen("markup in a value is not escaped", answer,
			"e.SetEscapeHTML(false)", "e.SetEscapeHTML(true)", "TestAnswerOfTheExtension"),
		seen("the first load that has not ended is 503 with Retry-After", answer,
			`w.Header()["Retry-After"] = []string{"1"}`, "", "TestFirstLoadHasNotEnded"),
		seen("an error of Secrets Manager has its own status", answer,
			"status = e.Status", "status = max(status, e.Status)", "TestFailuresWithoutAValue"),
		seen("an error says which permission mends it", answer,
			`f.Message += " (" + hint + ")"`, "", "TestFailuresWithoutAValue"),
		seen("a bad refreshNow is an error", "localhttp/query.go",
			`return query{}, "invalid refreshNow value"`, "q.refreshNow = false", "TestRefreshNow"),
		seen("an unknown format is an error", "localhttp/env.go",
			`writeText(w, http.StatusBadRequest, "invalid format value")`, "", "TestFormats"),
		seen("more than 800 connections are told so", "localhttp/limit.go",
			"return c.open < c.max", "return c.open < 10*c.max", "TestConnectionLimit"),
		seen("a place that is free again is taken", "localhttp/limit.go",
			"		c.open--\n", "", "TestConnectionLimit"),
	)
}
