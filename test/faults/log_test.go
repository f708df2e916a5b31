//go:build linux

package faults

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// logged is the lines so far, as "LEVEL message".
func (s *sandbox) logged() (lines []string) {
	for line := range strings.SplitSeq(strings.TrimSpace(s.out.String()), "\n") {
		_, line, _ = strings.Cut(line, "{")
		var l struct{ Level, Message string }
		switch err := json.Unmarshal([]byte("{"+line), &l); {
		case line == "":
		case err != nil || l.Level == "":
			lines = append(lines, "no log line: "+line)
		default:
			lines = append(lines, l.Level+" "+l.Message)
		}
	}
	return lines
}

// These lines tell of the end of a fault.
const (
	fetchedAgain = "INFO secret can be fetched again"
	writtenAgain = "INFO dotenv file is written again"
)

// endOf returns the line that tells of the end of what line tells of, "" for none.
func endOf(line string) string {
	switch line {
	case held, lost:
		return fetchedAgain
	case unwritten:
		return writtenAgain
	}
	return ""
}

// waitForLog gives the lines that are expected time to come through the pipe.
func (a *attempt) waitForLog() {
	n := len(a.want.Log)
	for _, line := range a.want.Log {
		if endOf(line) != "" {
			n++
		}
	}
	for deadline := time.Now().Add(2 * time.Second); len(a.logged()) < n && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
}

// logs sorts the lines of the whole life, which has ended: those of the fault, and
// those of its end, of which there is one for each thing that was told to fail.
func (a *attempt) logs() {
	a.t.Helper()
	var ends, wantEnds []string
	for _, line := range a.logged() {
		if line == fetchedAgain || line == writtenAgain {
			ends = append(ends, line)
			continue
		}
		a.seen.Log = append(a.seen.Log, line)
		if end := endOf(line); end != "" {
			wantEnds = append(wantEnds, end)
		}
	}
	if a.recovers && !slices.Equal(ends, wantEnds) {
		a.t.Errorf("logged after the fault: %q, want %q", ends, wantEnds)
	}
}
