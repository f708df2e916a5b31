package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
)

// figure is one line of the table. Less is better, but for counts, which must be
// met exactly.
type figure struct {
	Name      string
	Got       float64
	Unit      string
	Must, Aim float64 // the same where there is no Aim
	Detail    string
	timing    bool // may be off on a busy machine
	told      bool // has no limit: neither Must nor Aim
}

// count is the unit of what must be met exactly.
const count = record.Calls

func (f figure) meets(limit float64) bool {
	if f.Unit == count {
		return f.Got == limit
	}
	return f.told || f.Got <= limit
}

func (f figure) verdict(smoke bool) string {
	switch {
	case f.told:
		return ""
	case f.meets(f.Aim):
		return "aim met"
	case f.meets(f.Must):
		return "must met"
	case smoke && f.timing:
		return "missed (busy machine?)"
	}
	return "**missed**"
}

func (f figure) spell(v float64) string {
	switch f.Unit {
	case count:
		return fmt.Sprintf("%.0f", v)
	case "×":
		return fmt.Sprintf("%.2f×", v)
	}
	return fmt.Sprintf("%.2f %s", v, f.Unit)
}

// printTable writes the figures as a table that is Markdown, and aligned.
func printTable(w io.Writer, figures []figure, smoke bool) {
	rows := [][]string{{"figure", "here", "must", "aim", "", "behind it"}}
	for _, f := range figures {
		must, aim := f.spell(f.Must), f.spell(f.Aim)
		if f.told {
			must = ""
		}
		if f.Aim == f.Must {
			aim = ""
		}
		rows = append(rows, []string{f.Name, f.spell(f.Got), must, aim, f.verdict(smoke), f.Detail})
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	rule := make([]string, len(width))
	for i := range rule {
		rule[i] = strings.Repeat("-", width[i])
	}
	for _, row := range slices.Insert(rows, 1, rule) {
		for i, cell := range row {
			fmt.Fprintf(w, "| %-*s ", width[i], cell)
		}
		fmt.Fprintln(w, "|")
	}
}

// missed is the error of figures that had to be met.
func missed(figures []figure, smoke bool) error {
	var names []string
	for _, f := range figures {
		if !f.meets(f.Must) && !(smoke && f.timing) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("missed: %s", strings.Join(names, "; "))
}

// ratio is the middle of the ratios of the rounds: a machine that becomes busy in
// between changes both sides of a round. It need not be the ratio of the medians.
func ratio(ours, theirs []time.Duration) float64 {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = float64(ours[i]) / float64(theirs[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// median is the middle of what was measured. It sorts durations.
func median(durations []time.Duration) time.Duration { return percentile(durations, 50) }

// percentile is the duration that p of a hundred do not exceed. It sorts durations.
func percentile(durations []time.Duration, p int) time.Duration {
	slices.Sort(durations)
	return durations[min(len(durations)*p/100, len(durations)-1)]
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
