package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws-secretsmanager/lambda-extension/test/chart"
	"github.com/aws-secretsmanager/lambda-extension/test/markdown"
)

// ages is the JSON of TestAgeAfterRotation.
type ages struct {
	Name string
	Old  []float64 // for how many seconds each environment had the old value, sorted
}

// ageEnd is where the pictures end, in seconds; a line has a point for each.
const ageEnd = 330

func (p *page) addAges(all []ages) error {
	share := chart.Chart{
		Title: "Who still sees the old value after a rotation", Subtitle: "a TTL of 300 s each, an invocation every 3 s on average; the event arrives after 1 s",
		Kind: "line", X: chart.Axis{Label: "seconds after the rotation", Max: new(float64(ageEnd))}, Y: chart.Axis{Label: "share of environments (%)", Max: new(100.0)},
		Note: "Measured with the layer's own cache in virtual time.",
	}
	age := chart.Chart{
		Title: "Age of the value that a function sees after a rotation", Subtitle: "for how long the value that is read has been out of date, mean of all environments",
		Kind: "line", X: share.X, Y: chart.Axis{Label: "seconds out of date"}, Note: share.Note,
	}
	rows := [][]string{{"", "mean", "half of the environments within", "90 % within", "all within"}}
	for _, a := range all {
		if len(a.Old) == 0 {
			return errors.New("no measurement of " + a.Name)
		}
		shares, means := a.lines()
		share.Series = append(share.Series, shares)
		age.Series = append(age.Series, means)
		sum := 0.0
		for _, old := range a.Old {
			sum += old
		}
		seconds := func(v float64) string { return digits(v) + " s" }
		at := func(p int) string { return seconds(a.Old[min(len(a.Old)*p/100, len(a.Old)-1)]) }
		rows = append(rows, []string{a.Name, seconds(sum / float64(len(a.Old))), at(50), at(90), at(100)})
	}
	p.charts["rotation-share"], p.charts["rotation-age"] = share, age
	return p.replace("rotation", table(rows))
}

// lines are how many of the environments have the old value at a time, and for how
// long it has been out of date then: not at all where the new one is seen.
func (a ages) lines() (share, mean chart.Series) {
	share, mean = chart.Series{Name: a.Name}, chart.Series{Name: a.Name}
	for i := range ageEnd + 1 {
		x, old := float64(i), 0
		for _, until := range a.Old {
			if until > x {
				old++
			}
		}
		part := float64(old) / float64(len(a.Old))
		if i == 0 {
			part = 1 // nobody can know of the rotation yet
		}
		share.X, share.Y = append(share.X, x), append(share.Y, 100*part)
		mean.X, mean.Y = append(mean.X, x), append(mean.Y, x*part)
	}
	return share, mean
}

// soak is the JSON of scripts/soak.
type soak struct {
	Reads                             int
	Seconds                           float64
	Answers, Totals                   map[string]int
	Rotations, Redelivered, NotHeld   int
	Invocations, Faults, Calls, Wrong int
	MemoryWarm, MemoryEnd, MemoryMost float64 // bytes
	Memory                            []float64
	Goroutines, Descriptors           [2]int
	Entries, CacheSize                int
}

func (p *page) addSoak(s soak) error {
	if s.Reads < 1_000_000 || len(s.Memory) < 2 {
		return fmt.Errorf("got %d reads, want those of a full run", s.Reads)
	}
	n := func(v int) string { return markdown.Whole(v) }
	mb := func(v float64) string { return fmt.Sprintf("%.1f MB", v/1e6) }
	memory := chart.Series{Name: "resident memory"}
	for i, v := range s.Memory {
		memory.X = append(memory.X, 24*float64(i)/float64(len(s.Memory)-1))
		memory.Y = append(memory.Y, v/1e6)
	}
	p.charts["soak-memory"] = chart.Chart{
		Title: "Resident memory over a day", Subtitle: fmt.Sprintf("%s reads, %s rotations and %s faults in %.0f s; a second stands for 300", n(s.Reads), n(s.Rotations), n(s.Faults), s.Seconds),
		Kind: "line", X: chart.Axis{Label: "hours", Max: new(24.0), Ticks: []float64{0, 4, 8, 12, 16, 20, 24}},
		Y: chart.Axis{Label: "MB", Max: new(max(1.3*s.MemoryWarm, slices.Max(s.Memory)) / 1e6)}, Series: []chart.Series{memory},
		Marks: []chart.Mark{{Axis: "y", At: 1.2 * s.MemoryWarm / 1e6, Label: "1.2 × that after 10,000 reads: the limit"}},
	}
	return p.replace("soak", table([][]string{
		{"what", "figure"},
		{"reads, over 16 kept connections", n(s.Reads)},
		{"wrong answers", n(s.Wrong)},
		{"hits · misses · stale · 304 · errors that a fault explains", fmt.Sprintf("%s · %s · %s · %s · %s", n(s.Answers["hit"]), n(s.Answers["miss"]), n(s.Answers["stale"]), n(s.Answers["hit, 304"]+s.Answers["miss, 304"]+s.Answers["stale, 304"]), n(s.Answers["error"]))},
		{"rotations that arrived, of as many", n(s.Rotations)},
		{"events that came again after a fault", n(s.Redelivered)},
		{"faults, on six secrets each · INVOKE events · calls to Secrets Manager", fmt.Sprintf("%s · %s · %s", n(s.Faults), n(s.Invocations), n(s.Calls))},
		{"resident memory after 10,000 reads · at the end · at most", fmt.Sprintf("%s · %s (%.2f×) · %s", mb(s.MemoryWarm), mb(s.MemoryEnd), s.MemoryEnd/s.MemoryWarm, mb(s.MemoryMost))},
		{"goroutines at the start · at the end", fmt.Sprintf("%d · %d", s.Goroutines[0], s.Goroutines[1])},
		{"open descriptors at the start · at the end", fmt.Sprintf("%d · %d", s.Descriptors[0], s.Descriptors[1])},
		{"time", fmt.Sprintf("%.0f s", s.Seconds)},
	}))
}
