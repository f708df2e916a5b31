package fleet

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/markdown"
)

// column is one figure of a table.
type column struct {
	head string
	cell func(Result) string
}

// row is a line of a table: what it is called and what is simulated for it.
type row struct {
	labels   []string
	scenario Scenario
}

// table is a block of docs/fleet.md.
type table struct {
	name    string // of its place in the page
	heads   []string
	columns []column
	rows    []row
	about   string // what all rows have in common
	seed    uint64 // 0 is that of usual
}

// markdown renders t with the results of its rows.
func (t table) markdown(result func(Scenario) Result) string {
	var b strings.Builder
	heads := append([]string{}, t.heads...)
	for _, c := range t.columns {
		heads = append(heads, c.head)
	}
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, r := range t.rows {
		cells := append([]string{}, r.labels...)
		res := result(r.scenario)
		for _, c := range t.columns {
			cells = append(cells, c.cell(res))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprintf(&b, "\n%s Made by `scripts/fleet-sim`, seed %d.\n", t.about, cmp.Or(t.seed, usual().Seed))
	return b.String()
}

// place puts text between the marks of a name in page.
func place(page, name, text string) (string, error) {
	return markdown.Replace(page, "<!-- fleet: "+name+" -->\n", "<!-- end -->", text)
}

// found returns what place put into page.
func found(page, name string) (string, bool) {
	_, rest, ok := strings.Cut(page, "<!-- fleet: "+name+" -->\n")
	if !ok {
		return "", false
	}
	text, _, ok := strings.Cut(rest, "<!-- end -->")
	return text, ok
}

// The figures.
var (
	environments = column{"environments", func(r Result) string { return markdown.Whole(r.Environments) }}
	oldShare     = column{"old version in the 5 min after", func(r Result) string { return percent(r.StaleShare) }}
	oldUse       = column{"used for p50 · p90 · p99 · max", func(r Result) string { return spreadText(r.StaleUse) }}
	lastUse      = column{"an environment's last use, p50 · p90 · p99 · max", func(r Result) string { return spreadText(r.LastUse) }}
	longest      = column{"old version used for, at most", func(r Result) string { return seconds(r.StaleUse.Max) }}
	refused      = column{"refused per rotation", func(r Result) string { return perRotation(r, r.Refused) }}
	failed       = column{"errors per rotation", func(r Result) string { return perRotation(r, r.Failed) }}
	lastError    = column{"last error after", func(r Result) string { return seconds(r.FailedLast) }}
	calls        = column{"calls an hour", func(r Result) string { return count(r.CallsPerHour) }}
	price        = column{"$ a month", func(r Result) string { return dollars(r.MonthlyPrice()) }}
	peak         = column{"calls in the busiest second", func(r Result) string { return markdown.Whole(r.PeakCalls) }}
	waits        = column{"warm reads that waited", func(r Result) string { return percent(r.WaitShare) }}
	waitTime     = column{"for p50 · p99", func(r Result) string { return millis(r.Waits.P50) + " · " + millis(r.Waits.P99) }}
	coldStarts   = column{"cold starts per rotation", func(r Result) string { return perRotation(r, r.ColdStarts) }}
	reach        = column{"learnt from the event, per rotation", func(r Result) string { return perRotation(r, r.EventReach) }}
	throttled    = column{"calls throttled", func(r Result) string { return markdown.Whole(r.Throttled) }}
	turnedAway   = column{"invocations turned away", func(r Result) string { return markdown.Whole(r.TurnedAway) }}
	valueless    = column{"errors for want of a value", func(r Result) string { return markdown.Whole(r.Unavailable) }}
)

func spreadText(s Spread) string {
	if s.N == 0 {
		return "–"
	}
	text := make([]string, 4)
	for i, d := range []time.Duration{s.P50, s.P90, s.P99, s.Max} {
		text[i] = strings.TrimSuffix(seconds(d), " s")
	}
	return strings.Join(text, " · ") + " s"
}

func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case d == 0:
		return "0 s"
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	default:
		return fmt.Sprintf("%.0f s", s)
	}
}

func millis(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}

func percent(share float64) string {
	switch {
	case share == 0:
		return "0 %"
	case share < 0.0005:
		return "< 0.1 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

func dollars(d float64) string {
	if d > 0 && d < 0.01 {
		return "< 0.01"
	}
	return fmt.Sprintf("%.2f", d)
}

func perRotation(r Result, n int) string {
	if r.Rotations == 0 {
		return "–"
	}
	return count(float64(n) / float64(r.Rotations))
}

// count writes a number as far as anybody wants to know it.
func count(n float64) string {
	switch {
	case n == 0, n >= 9.95:
		return markdown.Whole(int(n + 0.5))
	case n < 0.05:
		return "< 0.1"
	}
	return fmt.Sprintf("%.1f", n)
}
