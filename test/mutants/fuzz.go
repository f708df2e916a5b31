package main

// Parsers and encoders. The fuzz targets try the inputs that are kept with them.
func init() {
	mutants = append(mutants, []mutant{
		{
			Rule: "an escape of a printable character lets an event be looked at", File: "event/event.go",
			Old: `if '2' <= b[0] && b[0] <= '7' {`, New: `if '3' <= b[0] && b[0] <= '7' {`, Package: "./event", Tests: "FuzzMatch",
		},
		{
			Rule: "a quote after an odd number of backslashes ends no string", File: "event/scan.go",
			Old: "if escapes%2 == 0 {", New: "if escapes >= 0 {", Package: "./event", Tests: "FuzzMatch",
		},
		{
			Rule: "trailers of a request pass", File: "runtimeproxy/forward.go",
			Old: "out.Body, out.Trailer = r.Body, r.Trailer", New: "out.Body = r.Body", Package: "./runtimeproxy", Tests: "FuzzForward",
		},
		{
			Rule: "headers that Connection names end at the next hop", File: "runtimeproxy/forward.go",
			Old: "h.Del(strings.TrimSpace(name))", New: "_ = strings.TrimSpace(name)", Package: "./runtimeproxy", Tests: "FuzzForward",
		},
		{
			Rule: "an answer without a date or a type gets none", File: "runtimeproxy/forward.go",
			Old: "h[name] = nil // else", New: "// else", Package: "./runtimeproxy", Tests: "FuzzForward",
		},
		{
			Rule: "an answer that comes before the end of a request's body does not end it", File: "runtimeproxy/proxy.go",
			Old: "_ = http.NewResponseController(w).EnableFullDuplex()", New: "_ = w", Package: "./runtimeproxy", Tests: "FuzzForward",
		},
		{
			Rule: "what stands before the first = is a name only if it is a variable's", File: "variables/reference.go",
			Old: "if dotenv.IsName(name) {", New: `if name != "" {`, Package: "./variables", Tests: "FuzzVariables",
		},
		{
			Rule: "a value with NUL becomes no variable", File: "variables/resolve.go",
			Old: "strings.ContainsRune(value, 0)", New: "strings.ContainsRune(value, -2)", Package: "./variables", Tests: "FuzzVariables",
		},
		{
			Rule: "nested values are compact JSON", File: "cache/secret.go",
			Old: "case '{', '[':", New: "case '{':", Package: "./variables", Tests: "FuzzVariables",
		},
		{
			Rule: "a panic of the SDK over an answer ends no process", File: "cache/awssm/awssm.go",
			Old: "out, err = nil, fmt.Errorf(\"%w with a %T\", errPanic, v)", New: "panic(errPanic)", Package: "./cache/awssm", Tests: "FuzzAnswers",
		},
		{
			Rule: "a version id fits into a header", File: "cache/awssm/awssm.go",
			Old: "case strings.ContainsFunc(s.VersionID, notInTag):", New: "case false:", Package: "./cache/awssm", Tests: "FuzzAnswers",
		},
		{
			Rule: "an error without a code has a type", File: "cache/awssm/failure.go",
			Old: `api.ErrorCode() != "" && `, New: "", Package: "./cache/awssm", Tests: "FuzzAnswers",
		},
		{
			Rule: "an answer for another secret is none", File: "cache/awssm/awssm.go",
			Old: "case !names(s, q.ID):", New: "case false:", Package: "./cache/awssm", Tests: "FuzzAnswers",
		},
		{
			Rule: "the type of an event counts in any case", File: "extension/event.go",
			Old: "strings.EqualFold(e.EventType, string(known))", New: "strings.Compare(e.EventType, string(known)) == 0", Package: "./extension", Tests: "FuzzNext",
		},
		{
			Rule: "a deadline is in milliseconds", File: "extension/event.go",
			Old: "time.UnixMilli(e.DeadlineMs)", New: "time.Unix(e.DeadlineMs, 0)", Package: "./extension", Tests: "FuzzNext",
		},
		{
			Rule: "of a parameter that is there twice the last counts", File: "localhttp/query.go",
			Old: "*field = value", New: "if *field == \"\" {\n\t\t*field = value\n\t}", Package: "./localhttp", Tests: "FuzzTarget",
		},
		{
			Rule: "a path that is spelled with escapes is no route", File: "localhttp/handler.go",
			Old: "path := r.URL.RawPath", New: "path := r.URL.Path", Package: "./localhttp", Tests: "FuzzTarget",
		},
		{
			Rule: "a weak tag matches", File: "localhttp/answer.go",
			Old: `list = strings.TrimPrefix(list, "W/")`, New: "", Package: "./localhttp", Tests: "FuzzTarget",
		},
		{
			Rule: "an error of the endpoint keeps its type and message", File: "localhttp/client/client.go",
			Old: "e.Type, e.Message = w.Type, w.Message", New: "e.Message = w.Message", Package: "./localhttp/client", Tests: "FuzzClient",
		},
		{
			Rule: "a token in a file has no white space around it", File: "localhttp/client/env.go",
			Old: "strings.TrimSpace(string(content))", New: `strings.TrimSuffix(string(content), "\n")`, Package: "./localhttp/client", Tests: "FuzzClient",
		},
		{
			Rule: "a number that is too large is still one, and nothing else", File: "cmd/extension/environment.go",
			Old: "if !isWhole(s) || n < least {", New: "if n < least {", Package: "./cmd/extension", Tests: "FuzzConfig",
		},
		{
			Rule: "a proxy that is refused is not printed", File: "cmd/extension/aws.go",
			Old: `e.problem(` + "`" + `%s: got something else, want a URL such as "http://proxy:3128"` + "`" + `, name)`,
			New: `e.bad(name, "a URL")`, Package: "./cmd/extension", Tests: "FuzzConfig",
		},
		{
			Rule: "bash gets back what follows a backslash", File: "dotenv/quote.go",
			Old: `\\'\n\x7f", next) < 0`, New: `\\'\n", next) < 0`, Package: "./test/conformance", Tests: "TestDotenv",
		},
		{
			Rule: "what is written with escapes is not said to be portable", File: "dotenv/quote.go",
			Old: "escape(v) + `\"`, false // 5", New: "escape(v) + `\"`, portable // 5", Package: "./dotenv", Tests: "FuzzEncode",
		},
		{
			Rule: "a value ends where the quote within it does not", File: "dotenv/dotenv.go",
			Old: "strings.ReplaceAll(value, \"'\", `'\\''`)", New: "value", Package: "./dotenv", Tests: "FuzzEncode",
		},
		{
			Rule: "a statement that denies wins", File: "rotation/policy/evaluate.go",
			Old: "case v.is == yes && s.deny:", New: "case v.is == yes && s.deny && allow == nil:", Package: "./rotation/policy", Tests: "FuzzEvaluate",
		},
		{
			Rule: "only the password of a secret changes", File: "examples/rotation-function/member.go",
			Old: "b.WriteString(object[copied:])", New: `b.WriteString("}")`, Package: "./examples/rotation-function", Tests: "FuzzWithPassword",
		},
	}...)
}
