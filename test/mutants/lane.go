package main

// The short way of a hit, in front of net/http.
func init() {
	const lane, request, tests = "localhttp/lane.go", "localhttp/lane_request.go", "./localhttp"
	mutants = append(mutants, []mutant{
		{
			Rule: "what follows anything but a whole request without a body is never taken for a request", File: lane,
			Old: "c.closed = !whole", New: "_ = whole", Package: tests, Tests: "TestLaneKeepsToWholeRequests",
		},
		{
			Rule: "a request with a body ends the lane", File: request,
			Old: `return false, string(value) == "0"`, New: "return false, true", Package: tests, Tests: "TestLaneKeepsToWholeRequests",
		},
		{
			Rule: "two requests in one piece are net/http's", File: request,
			Old: "return in, len(rest) == 0", New: "return in, true", Package: tests, Tests: "TestLaneKeepsToWholeRequests",
		},
		{
			Rule: "a hit that comes while a request is served waits for its turn", File: lane,
			Old: "	case len(p) == 1:", New: "	case len(p) == 0:", Package: tests, Tests: "TestLaneWaitsForItsTurn",
		},
		{
			Rule: "the lane opens again after a hit that came early", File: lane,
			Old: "c.early, in.plain = nil, false", New: "in.plain = false", Package: tests, Tests: "TestLaneWaitsForItsTurn",
		},
		{
			Rule: "a request whose first byte net/http has is not answered twice", File: lane,
			Old: "c.early, in.plain = nil, false", New: "c.early = nil", Package: tests, Tests: "TestLaneWaitsForItsTurn",
		},
		{
			Rule: "a connection that was used stays open however long it is idle", File: lane,
			Old: "_ = c.SetReadDeadline(time.Time{})", New: "", Package: tests, Tests: "TestLaneDeadlines",
		},
		{
			Rule: "half a request is waited for no longer on a connection that was used", File: lane,
			Old: "_ = c.SetReadDeadline(time.Now().Add(readHeaderTimeout))", New: "", Package: tests, Tests: "TestLaneDeadlines",
		},
		{
			Rule: "the lane asks for the token", File: lane,
			Old: " || !carries(h.token, in.tokens[:in.carried])", New: "", Package: tests, Tests: "TestLane",
		},
		{
			Rule: "no token at all opens nothing", File: "localhttp/handler.go",
			Old: "len(token) > 0 && same(", New: "same(", Package: tests, Tests: "TestToken",
		},
		{
			Rule: "the lane is for this machine's names alone", File: lane,
			Old: "!in.hosted || ", New: "", Package: tests, Tests: "TestLane",
		},
		{
			Rule: "the lane answers one host, not several", File: request,
			Old: "in.hosted = in.hosted && hosts == 1", New: "", Package: tests, Tests: "FuzzLane",
		},
		{
			Rule: "a header that the lane does not know is net/http's", File: request,
			Old: "	default:\n		in.plain = false", New: "	default:", Package: tests, Tests: "TestLane",
		},
		{
			Rule: "the lane takes no path that is not its own decoding", File: request,
			Old: "get && isPlainPath(target)", New: "get", Package: tests, Tests: "TestLaneReadsNoEscapes",
		},
		{
			Rule: "a fetch that is asked for is none of the lane's", File: lane,
			Old: ` || q.refreshNow {`, New: " {", Package: tests, Tests: "TestLane",
		},
		{
			Rule: "a long answer goes out in pieces, and so not by the lane", File: lane,
			Old: "!ok || len(body) > laneAnswer", New: "!ok", Package: tests, Tests: "TestLane",
		},
		{
			Rule: "a hit of the lane counts", File: "cache/hit.go",
			Old: "c.count(e, Hit)", New: "", Package: tests, Tests: "TestLaneIsTheSameCache",
		},
		{
			Rule: "a hit is current", File: "cache/hit.go",
			Old: " || !e.current() {", New: " {", Package: "./cache", Tests: "TestHitNeverFetches",
		},
		{
			Rule: "whoever only looks is not counted", File: "cache/hit.go",
			Old: "return e.secret, true", New: "c.count(e, Hit); return e.secret, true", Package: "./cache", Tests: "TestHitNeverFetches",
		},
	}...)
}
