package fleet

import (
	"fmt"
	"slices"
	"time"
)

// chart is what test/plot draws; its comment tells what the members mean.
type chart struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitempty"`
	Kind     string   `json:"kind"`
	X        axis     `json:"x"`
	Y        axis     `json:"y"`
	Series   []series `json:"series"`
	Marks    []mark   `json:"marks,omitempty"`
	Note     string   `json:"note,omitempty"`
}

type axis struct {
	Label string    `json:"label"`
	Log   bool      `json:"log,omitempty"`
	Min   *float64  `json:"min,omitempty"`
	Max   *float64  `json:"max,omitempty"`
	Ticks []float64 `json:"ticks,omitempty"`
}

type series struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"`
	Dash bool      `json:"dash,omitempty"`
	Dots bool      `json:"dots,omitempty"`
}

type mark struct {
	Axis  string  `json:"axis"`
	At    float64 `json:"at"`
	Label string  `json:"label"`
}

// drawings are the charts of docs/fleet.md by their names.
var drawings = map[string]func(result func(Scenario) Result) chart{
	"fleet-rotation": rotationChart,
	"fleet-ttl":      ttlChart,
	"fleet-burst":    burstChart,
	"fleet-day":      dayChart,
}

func rotationChart(result func(Scenario) Result) chart {
	c := chart{
		Title: "Who still uses the old version after a rotation", Kind: "step",
		Subtitle: "75 invocations a second, TTL 300 s, 12 rotations",
		X:        axis{Label: "seconds after the rotation", Ticks: []float64{0, 60, 120, 180, 240, 300}},
		Y:        axis{Label: "invocations with the old version (%)", Min: new(0.0), Max: new(100.0)},
		Note:     "One event reaches one environment of about a hundred.",
	}
	for _, name := range []string{"TTL alone", "refresh ahead", "and the event", "and one retry", "event, restart of all"} {
		s := series{Name: name, Dash: name == "refresh ahead"}
		for i, share := range result(reference(strategy(ttl, name))).Curve[:66] { // to 330 s, where all are current
			s.X, s.Y = append(s.X, (time.Duration(i)*bin).Seconds()), append(s.Y, 100*share)
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func ttlChart(result func(Scenario) Result) chart {
	c := chart{
		Title: "What a shorter TTL buys", Kind: "line",
		Subtitle: "75 invocations a second, refresh ahead and the event; from the left a TTL of 3600, 900, 300, 60 and 15 s",
		X:        axis{Label: "GetSecretValue calls an hour", Log: true},
		Y:        axis{Label: "seconds after the rotation", Log: true},
	}
	half := series{Name: "by then, half of the uses of the old version are over", Dots: true}
	most := series{Name: "99 of 100", Dots: true}
	rows := slices.Clone(ttlTable().rows[1:]) // without TTL 0
	slices.Reverse(rows)
	for _, r := range rows {
		res := result(r.scenario)
		half.X, half.Y = append(half.X, res.CallsPerHour), append(half.Y, res.StaleUse.P50.Seconds())
		most.X, most.Y = append(most.X, res.CallsPerHour), append(most.Y, res.StaleUse.P99.Seconds())
	}
	c.Series = []series{half, most}
	return c
}

// burstChart leaves out the first minute, whose ten thousand calls in one second
// would hide the rest.
func burstChart(result func(Scenario) Result) chart {
	c := chart{
		Title: "Calls of 10,000 environments that started at once", Kind: "step",
		Subtitle: "each invoked every five seconds, TTL 300 s; the busiest second in every five, without the start",
		X:        axis{Label: "minutes after the start", Min: new(1.0), Max: new(15.0)},
		Y:        axis{Label: "GetSecretValue calls in a second", Min: new(0.0)},
		Note:     fmt.Sprintf("The quota is %s a second for the whole account.", grouped(Quota)),
	}
	for _, r := range burstTable().rows[:3] {
		s := series{Name: r.scenario.Strategy.Name}
		for second, n := range slices.Collect(slices.Chunk(result(r.scenario).CallCurve, int(bin/time.Second))) {
			if at := time.Duration(second) * bin; at >= time.Minute {
				s.X, s.Y = append(s.X, at.Minutes()), append(s.Y, float64(slices.Max(n)))
			}
		}
		c.Series = append(c.Series, s)
	}
	return c
}

func dayChart(result func(Scenario) Result) chart {
	const step = 15 * time.Minute
	c := chart{
		Title: "Calls in a day of much and little traffic", Kind: "step",
		Subtitle: "166 invocations a second of one minute at noon, 4 at midnight; a rotation every two hours",
		X:        axis{Label: "hour of the day", Min: new(0.0), Max: new(24.0), Ticks: []float64{0, 4, 8, 12, 16, 20, 24}},
		Y:        axis{Label: "GetSecretValue calls a second, mean of 15 minutes", Min: new(0.0)},
	}
	for _, r := range dayTable().rows[3:] {
		s := series{Name: r.scenario.Strategy.Name}
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
