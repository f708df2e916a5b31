package fleet

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/chart"
	"github.com/aws-secretsmanager/lambda-extension/test/markdown"
)

// drawings are the charts of docs/fleet.md by their names.
var drawings = map[string]func(result func(Scenario) Result) chart.Chart{
	"fleet-rotation": rotationChart,
	"fleet-ttl":      ttlChart,
	"fleet-burst":    burstChart,
	"fleet-day":      dayChart,
}

func rotationChart(result func(Scenario) Result) chart.Chart {
	c := chart.Chart{
		Title: "Who still uses the old version after a rotation", Kind: "step",
		Subtitle: "75 invocations a second, TTL 300 s, 12 rotations",
		X:        chart.Axis{Label: "seconds after the rotation", Ticks: []float64{0, 60, 120, 180, 240, 300}},
		Y:        chart.Axis{Label: "invocations with the old version (%)", Min: new(0.0), Max: new(100.0)},
		Note:     "One event reaches one environment of about a hundred.",
	}
	for _, name := range []string{"TTL alone", "refresh ahead", "and the event", "and one retry", "event, restart of all"} {
		s := chart.Series{Name: name, Dash: name == "refresh ahead"}
		for i, share := range result(reference(strategy(ttl, name))).Curve[:66] { // to 330 s, where all are current
			s.X, s.Y = append(s.X, (time.Duration(i)*bin).Seconds()), append(s.Y, 100*share)
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func ttlChart(result func(Scenario) Result) chart.Chart {
	c := chart.Chart{
		Title: "What a shorter TTL buys", Kind: "line",
		Subtitle: "75 invocations a second, refresh ahead and the event; from the left a TTL of 3600, 900, 300, 60 and 15 s",
		X:        chart.Axis{Label: "GetSecretValue calls an hour", Log: true},
		Y:        chart.Axis{Label: "seconds after the rotation", Log: true},
	}
	half := chart.Series{Name: "by then, half of the uses of the old version are over", Dots: true}
	most := chart.Series{Name: "99 of 100", Dots: true}
	rows := slices.Clone(ttlTable().rows[1:]) // without TTL 0
	slices.Reverse(rows)
	for _, r := range rows {
		res := result(r.scenario)
		half.X, half.Y = append(half.X, res.CallsPerHour), append(half.Y, res.StaleUse.P50.Seconds())
		most.X, most.Y = append(most.X, res.CallsPerHour), append(most.Y, res.StaleUse.P99.Seconds())
	}
	c.Series = []chart.Series{half, most}
	return c
}

// burstChart leaves out the first minute, whose ten thousand calls in one second
// would hide the rest.
func burstChart(result func(Scenario) Result) chart.Chart {
	c := chart.Chart{
		Title: "Calls of 10,000 environments that started at once", Kind: "step",
		Subtitle: "each invoked every five seconds, TTL 300 s; the busiest second in every five, without the start",
		X:        chart.Axis{Label: "minutes after the start", Min: new(1.0), Max: new(15.0)},
		Y:        chart.Axis{Label: "GetSecretValue calls in a second", Min: new(0.0)},
		Note:     fmt.Sprintf("The quota is %s a second for the whole account.", markdown.Whole(Quota)),
	}
	for _, r := range burstTable().rows[:3] {
		s := chart.Series{Name: r.scenario.Strategy.Name}
		for second, n := range slices.Collect(slices.Chunk(result(r.scenario).CallCurve, int(bin/time.Second))) {
			if at := time.Duration(second) * bin; at >= time.Minute {
				s.X, s.Y = append(s.X, at.Minutes()), append(s.Y, float64(slices.Max(n)))
			}
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func dayChart(result func(Scenario) Result) chart.Chart {
	const step = 15 * time.Minute
	c := chart.Chart{
		Title: "Calls in a day of much and little traffic", Kind: "step",
		Subtitle: "166 invocations a second of one minute at noon, 4 at midnight; a rotation every two hours",
		X:        chart.Axis{Label: "hour of the day", Min: new(0.0), Max: new(24.0), Ticks: []float64{0, 4, 8, 12, 16, 20, 24}},
		Y:        chart.Axis{Label: "GetSecretValue calls a second, mean of 15 minutes", Min: new(0.0)},
	}
	for _, r := range dayTable().rows[3:] {
		s := chart.Series{Name: r.scenario.Strategy.Name}
		for i, calls := range slices.Collect(slices.Chunk(result(r.scenario).CallCurve, int(step/time.Second))) {
			sum := 0
			for _, n := range calls {
				sum += n
			}
			s.X, s.Y = append(s.X, (time.Duration(i)*step).Hours()), append(s.Y, float64(sum)/step.Seconds())
		}
		c.Series = append(c.Series, s)
	}
	return c
}
