package main

// What SECURITY.md says, row by row.
func init() {
	mutants = append(
		mutants,
		threat("the endpoint and the proxy are all that listens", "cmd/extension/agent.go",
			`net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))`, `net.Listen("tcp4", net.JoinHostPort("127.0.0.2", strconv.Itoa(port)))`, "./test/security", "TestListensOnLoopbackAlone"),
		threat("the proxy is served on loopback alone", "runtimeproxy/proxy.go",
			"ok && !a.IP.IsLoopback()", "ok && a == nil", "./runtimeproxy", "TestOnlyLoopback"),

		// Who is answered.
		threat("who was forwarded gets no further", "localhttp/handler.go",
			`if _, ok := r.Header["X-Forwarded-For"]; ok {`, "if false {", "./localhttp", "TestChecks"),
		threat("who was forwarded is refused in every spelling of the header", "localhttp/handler.go",
			`if _, ok := r.Header["X-Forwarded-For"]; ok {`, `if r.Header.Get("X-Forwarded-For") != "" {`, "./localhttp", "TestOnTheWire"),
		threat("other names of loopback are none of the endpoint", "localhttp/handler.go",
			`name == "127.0.0.1"`, `strings.HasPrefix(name, "127.")`, "./localhttp", "TestHost"),
		threat("a name of loopback ends without a dot", "localhttp/handler.go",
			`len(name) == len("localhost") && strings.EqualFold(name, "localhost")`, `strings.EqualFold(strings.TrimSuffix(name, "."), "localhost")`, "./localhttp", "TestHost"),
		threat("a name of loopback has ASCII letters alone", "localhttp/handler.go",
			`len(name) == len("localhost") && `, "", "./localhttp", "TestHost"),
		threat("all of a token is compared", "localhttp/handler.go",
			"		diff |= uint64(a[i] ^ b[i])\n", "		_ = i\n", "./localhttp", "TestSame"),

		// What it costs.
		threat("a connection over TCP that ends makes room, and no other does", "localhttp/limit.go",
			"		c.open--\n", "", "./localhttp", "TestConnectionLimitOverTCP"),
		threat("a body that does not come is not waited for", "localhttp/handler.go",
			"		boundBody(w)\n", "		_ = w\n", "./localhttp", "TestHalfARequest"),
		threat("a header has a bound", "localhttp/server.go",
			"MaxHeaderBytes: 64 << 10,", "MaxHeaderBytes: 1 << 20,", "./localhttp", "TestTooMuchHeader"),
		threat("a storm of events shares its fetches", "cache/flight.go",
			"if c.underWay(e) < 2 || e.next != nil {", "if true {", "./cache", "TestAStormOfEventsCostsLittle"),
		threat("an event has nothing fetched that is not held", "cache/rotate.go",
			`	return "", false`, "	return ch.ID, true", "./test/endpoint", "TestEventsThatAreNoRotation"),
	)
}

// Where a value must not be.
func init() {
	mutants = append(
		mutants,
		threat("no value is logged", "cmd/extension/agent.go",
			"Changed: func() { _ = a.variables.Publish() },", `Changed: func() { _ = a.variables.Publish(); log.Info("changed", "vars", a.current().Values) },`, "./test/security", "TestNothingPrintsAValue"),
		threat("no token is logged", "localhttp/handler.go",
			`"status", status, "why", why)`, `"status", status, "why", why, "want", string(h.token))`, "./test/security", "TestNothingPrintsAValue"),
		threat("no core file while the extension holds secrets", "cmd/extension/run.go",
			"	noCoreFile()\n", "", "./test/security", "TestNothingPrintsAValue"),
		threat("a secret prints nothing of what is made of its value", "cache/secret.go",
			"func (s *Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }\n", "", "./cache", "TestAValueIsNeitherPrintedNorMarshalled"),
		threat("an error has no value", "localhttp/secret.go",
			`failure{"NoJSONObject", "key: " + err.Error()}`, `failure{"NoJSONObject", "key: " + a.Secret.Value.Reveal() + err.Error()}`, "./localhttp", "TestNoValueWhereNoneBelongs"),
		threat("of a panic the type is logged", "localhttp/handler.go",
			`fmt.Sprintf("%T", v)`, `fmt.Sprintf("%v", v)`, "./localhttp", "TestPanicTellsNoValue"),
		threat("no value is an argument", "cmd/extension/exec_local.go",
			"argv: l.argv, group:", "argv: append(l.argv, l.environment(vars)...), group:", "./test/security", "TestNoValueAmongArguments"),
		threat("nor where a command takes the place of this process", "cmd/extension/exec_local.go",
			"become(l.argv, l.environment(vars))", "become(append(l.argv, l.environment(vars)...), l.environment(vars))", "./test/security", "TestNoValueAmongArguments"),
		threat("a snapshot of SnapStart keeps nothing that was read", "cmd/extension/lambda.go",
			"		a.cache.Snapshot()\n", "		_ = a\n", "./cmd/extension", "TestSnapStartKeepsNothingOfTheSnapshot"),
		threat("nothing is loaded into a snapshot of SnapStart", "cmd/extension/lambda.go",
			"early := !snapshot && (", "early := (", "./cmd/extension", "TestSnapStartKeepsNothingOfTheSnapshot"),
	)
}

// The file, and what reads it.
func init() {
	mutants = append(
		mutants,
		threat("the file is written for its owner alone", "dotenv/file.go",
			"os.O_EXCL, 0o600)", "os.O_EXCL, 0o644)", "./dotenv", "TestWriteFile"),
		threat("a link in the file's place is replaced", "dotenv/file.go",
			"return root.Rename(temp, name)", "return errors.Join(os.WriteFile(path, data, 0o600), root.Remove(temp))", "./dotenv", "TestWriteFileReplacesLink"),
		threat("what a killed writer left is removed", "dotenv/file.go",
			"	removeOrphans(root, name)\n", "", "./dotenv", "TestOrphansAreRemoved"),
		threat("a removed file is gone", "dotenv/file.go",
			"err = os.Remove(path)", "err = os.Truncate(path, 0)", "./dotenv", "TestRemove"),
		threat("the file goes at an orderly end", "cmd/extension/agent.go",
			"if err := a.variables.Close(); err != nil {", "if err := error(nil); err != nil {", "./test/security", "TestFile"),
		threat("a quote in a value does not end it in a shell", "dotenv/dotenv.go",
			"strings.ReplaceAll(value, \"'\", `'\\''`)", "value", "./dotenv", "TestShell"),
		threat("what a shell would run is quoted in the file", "dotenv/dotenv.go",
			"quoted, portable := quote(value)", "_, portable := quote(value)\n		quoted := value", "./dotenv", "TestEncode"),
		threat("a shell reads back each value and runs none", "dotenv/quote.go",
			`return "'" + v + "'", portable`+"\n	case !has(\"\\\"`\\r\") && harmless(v, '$') && !has(`\\`): // 3", "return v, portable\n	case !has(\"\\\"`\\r\") && harmless(v, '$') && !has(`\\`): // 3", "./dotenv", "FuzzEncode"),
		threat("names that change how a process runs are known by their families too", "variables/reserved.go",
			"return reservedNames[name] || reservedFamily(name)", "return reservedNames[name]", "./variables", "TestReserved"),
		threat("a reserved name in a secret becomes no variable", "variables/resolve.go",
			"		case reserved(name):\n", "		case reserved(name) && false:\n", "./variables", "TestResolvePrefixIntoReservedNames"),
	)
}

// Secrets Manager, the way to it, and what is linked.
func init() {
	mutants = append(
		mutants,
		threat("a server that nobody vouches for is not asked", "cache/awssm/transport.go",
			"MinVersion: tls.VersionTLS12,", "MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,", "./cache/awssm", "TestUnknownServerIsNotAsked"),
		threat("an ARN that only begins alike is that of another secret", "cache/awssm/awssm.go",
			`len(rest) == len("-AbCdEf") && rest[0] == '-'`, "rest[0] == '-'", "./cache/awssm", "TestNames"),
		threat("no redirect is followed", "cache/awssm/transport.go",
			"return http.ErrUseLastResponse", "return nil", "./cache/awssm", "TestRawAnswers"),
		threat("a proxy gets a tunnel and no request", "cache/awssm/transport.go",
			"		r = r.WithContext(r.Context()) // a copy\n", "		r = r.Clone(r.Context())\n		r.URL.Scheme = \"http\"\n", "./cache/awssm", "TestProxyIsATunnel"),
		threat("the endpoint is reached through no proxy", "localhttp/client/client.go",
			"Proxy:               nil,", "Proxy:               http.ProxyFromEnvironment,", "./localhttp/client", "TestNoProxy"),
		threat("the layer links nothing but what is allowed", "cmd/extension/run.go",
			`	"os"`+"\n)", `	"os"`+"\n\n	_ \"github.com/google/go-cmp/cmp\"\n)", "./cmd/extension", "TestLayerLinksOnlyWhatItNeeds"),
		threat("a licence that is not allowed where a module is used is an error", "layer/inventory/licenses.go",
			"if !slices.Contains(allowed[u], id) {", "if false {", "./layer/inventory", "TestLicenses"),
		threat("the bill of materials is of the binary that it is with", "layer/inventory/modules.go",
			`got != strings.TrimSpace(m.version+" "+m.sum)`, `got == ""`, "./layer/inventory", "TestSourcesAreTheBinarys"),
		threat("the bill of materials has the sum of the program", "layer/inventory/sbom.go",
			"sha256.Sum256(b.data)", "sha256.Sum256(nil)", "./layer/inventory", "TestBillOfMaterials"),
	)
}

func threat(rule, file, before, after, pkg, tests string) mutant {
	return mutant{Rule: rule, File: file, Old: before, New: after, Package: pkg, Tests: tests}
}
