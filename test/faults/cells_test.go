//go:build linux

package faults

import (
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// The lines of the log. Each is logged once.
const (
	held      = "WARN secret cannot be fetched, the held value is served"
	lost      = "ERROR secret cannot be fetched and no value is held"
	ended     = "ERROR the extension ended"
	unwritten = "ERROR dotenv file cannot be written, the next change tries again"
	unremoved = "WARN dotenv file cannot be removed"
	cutOff    = "WARN requests were cut off at the end"
)

// The answers.
const (
	staleOld  = "200 stale, old value"
	hitOld    = "200 hit, old value"
	hitNew    = "200 hit, new value"
	missNew   = "200 miss, new value"
	changed   = "200 changed"
	initError = "init error Extension.SecretsUnavailable"
	unseen    = "502 TimeoutError" // of a rotation whose version has not come
)

// How long something waits. With the defaults.
const (
	retries = 200 * time.Millisecond // two pauses between three attempts
	timeout = 3 * time.Second        // SECRETS_MANAGER_TIMEOUT_MILLIS
	search  = functionTimeout - 500*time.Millisecond
	drain   = 1500 * time.Millisecond // of the requests under way at the shutdown
)

func exactly(n int) count { return count{n, n} }

// failure is what a fetch ends with.
type failure struct {
	answer   string
	attempts int // that Secrets Manager sees
	takes    time.Duration
	final    bool // trying again would not mend it
	lasts    bool
	looks    count // calls that a rotation makes before it gives up
}

// cells is what is expected of a fault that makes every fetch fail.
func (f failure) cells() [phases]outcome {
	calls, stale := exactly(f.attempts), outcome{staleOld, staleOld, f.takes, exactly(f.attempts), []string{held}, "old value"}
	cells := [phases]outcome{
		firstLoad: {f.answer, f.answer, f.takes, exactly(2 * f.attempts), []string{lost}, "empty"}, // the load and the first read
		withinTTL: {hitOld, hitOld, 0, exactly(0), nil, "old value"},
		pastTTL:   stale,
		refresh:   stale,
		rotation:  {unseen, staleOld, search, f.looks, []string{held}, "old value"},
		shutdown:  {staleOld, "", 0, calls, []string{held}, "none"},
	}
	cells[refresh].Answer = f.answer
	switch {
	case f.final:
		cells[firstLoad] = outcome{initError, "", f.takes, calls, []string{lost, ended}, "none"}
		cells[rotation] = outcome{"502 " + f.answer[len("400 "):], staleOld, f.takes, calls, []string{held}, "old value"}
	case f.lasts:
		// A load that has not ended is no error of Secrets Manager yet.
		cells[firstLoad].Answer, cells[firstLoad].Next = "503 TimeoutError", "503 TimeoutError"
		cells[shutdown] = outcome{"cut off", "", drain, calls, []string{cutOff}, "none"}
	}
	return cells
}

// The looks of a rotation: one to ten fetches of one or of three calls.
var (
	once   = count{1, 10}
	thrice = count{3, 30}
)

// healthy is what is expected where the new value comes, after so many calls.
func healthy(calls int) [phases]outcome {
	c := exactly(calls)
	return [phases]outcome{
		firstLoad: {hitNew, hitNew, 0, c, nil, "new value"},
		withinTTL: {hitOld, hitOld, 0, exactly(0), nil, "old value"},
		pastTTL:   {missNew, hitNew, 0, c, nil, "new value"},
		refresh:   {changed, hitNew, 0, c, nil, "new value"},
		rotation:  {changed, hitNew, 0, c, nil, "new value"},
		shutdown:  {missNew, "", drain, c, nil, "none"},
	}
}

// with changes one cell.
func with(cells [phases]outcome, phase int, o outcome) [phases]outcome {
	cells[phase] = o
	return cells
}

// expired is the read within the TTL where the clock says that it is over.
func expired(cells [phases]outcome) [phases]outcome {
	return with(cells, withinTTL, cells[pastTTL])
}

// fileless is what is expected where the dotenv file cannot be replaced. The endpoint
// and /env serve the new value all the same.
func fileless(atEnd outcome) [phases]outcome {
	cells := healthy(1)
	for phase := range cells {
		if phase != withinTTL {
			cells[phase].Log, cells[phase].File = []string{unwritten}, "old value"
		}
	}
	cells[firstLoad] = outcome{initError, "", 0, exactly(1), []string{unwritten, ended}, "none"}
	cells[shutdown] = atEnd
	return cells
}

// rows are the faults, in the order of the table.
var rows = []struct {
	name, what string
	fault      fault
	want       [phases]outcome
}{
	{
		"500", "Secrets Manager answers InternalServiceError",
		answers(awstest.Fault{Kind: awstest.InternalServiceError}),
		failure{answer: "500 InternalServiceError", attempts: 3, takes: retries, looks: thrice}.cells(),
	},
	{
		"503 HTML", "something before it answers with a page",
		answers(awstest.Fault{Kind: awstest.Unavailable}),
		failure{answer: "503 ServiceUnavailable", attempts: 3, takes: retries, looks: thrice}.cells(),
	},
	{
		"throttle", "it answers ThrottlingException",
		answers(awstest.Fault{Kind: awstest.Throttling}),
		failure{answer: "400 ThrottlingException", attempts: 3, takes: retries, looks: thrice}.cells(),
	},
	{
		"access denied", "it answers AccessDeniedException",
		answers(awstest.Fault{Kind: awstest.AccessDenied}),
		failure{answer: "400 AccessDeniedException", attempts: 1, final: true}.cells(),
	},
	{
		"expired token", "it answers ExpiredTokenException, and the keys in the environment are all there are",
		answers(awstest.Fault{Kind: awstest.ExpiredToken}),
		failure{answer: "400 ExpiredTokenException", attempts: 1, looks: once}.cells(),
	},
	{
		"hang", "it takes the call and never answers",
		answers(awstest.Fault{Kind: awstest.Hang}),
		failure{answer: "504 TimeoutError", attempts: 1, takes: timeout, lasts: true, looks: exactly(2)}.cells(),
	},
	{
		"connection reset", "the connection is reset instead of an answer",
		network(func(s *sandbox, on bool) { s.aws.resets.Store(on) }),
		failure{answer: "502 ConnectionError", attempts: 3, takes: retries, looks: thrice}.cells(),
	},
	{
		"slow drip", "the answer comes in single bytes and would take longer than a fetch may",
		answers(awstest.Fault{Kind: awstest.Drip, Delay: 50 * time.Millisecond}),
		failure{answer: "504 TimeoutError", attempts: 1, takes: timeout, lasts: true, looks: exactly(2)}.cells(),
	},
	{
		"truncated body", "the connection ends inside the answer",
		answers(awstest.Fault{Kind: awstest.Truncated}),
		failure{answer: "502 ConnectionError", attempts: 3, takes: retries, looks: thrice}.cells(),
	},
	{
		"garbage", "status 200 and no JSON",
		answers(awstest.Fault{Kind: awstest.Garbage}),
		failure{answer: "502 ConnectionError", attempts: 1, looks: once}.cells(),
	},
	{
		"empty JSON", "status 200 and {}",
		answers(awstest.Fault{Kind: awstest.Empty}),
		failure{answer: "502 ConnectionError", attempts: 1, looks: once}.cells(),
	},
	{
		"wrong secret", "the answer is that for another secret",
		answers(awstest.Fault{Kind: awstest.AnotherSecret, Other: "other"}),
		failure{answer: "502 ConnectionError", attempts: 1, looks: once}.cells(),
	},
	{
		"DNS failure", "its name is not known",
		names(unknown),
		failure{answer: "502 ConnectionError"}.cells(),
	},
	{
		"connection refused", "nothing listens at its address",
		names(nobody),
		failure{answer: "502 ConnectionError", takes: retries}.cells(),
	},
	{
		"TLS failure", "its certificate is none that AWS_CA_BUNDLE trusts",
		network(func(s *sandbox, on bool) { s.aws.untrusted.Store(on) }),
		failure{answer: "502 ConnectionError"}.cells(),
	},
	{
		"clock +1 h", "the sandbox's clock is an hour ahead, and a signature of that time is refused",
		jumps(time.Hour), expired(healthy(2)),
	},
	{
		"clock -1 h", "it is an hour behind",
		jumps(-time.Hour), healthy(2),
	},
	{
		"freeze of 20 min", "all connections are dead afterwards, and nobody said so",
		frozen(20 * time.Minute),
		with(expired(healthy(1)), firstLoad, outcome{missNew, hitNew, 0, exactly(1), nil, "new value"}),
	},
	{
		"disk full", "no file in /tmp can grow",
		disk((*sandbox).full),
		fileless(outcome{missNew, "", drain, exactly(1), []string{unwritten}, "none"}),
	},
	{
		"read-only folder", "no file can be made, renamed or removed where the dotenv file is",
		disk((*sandbox).readOnly),
		fileless(outcome{missNew, "", drain, exactly(1), []string{unwritten, unremoved}, "old value"}),
	},
	{
		"symlink", "in the place of the dotenv file is a link to a file of somebody else, which must stay as it is",
		linked(),
		with(healthy(1), withinTTL, outcome{hitOld, hitOld, 0, exactly(0), nil, "the link"}),
	},
}
