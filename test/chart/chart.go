// Package chart is what test/plot draws, as the JSON that it takes. The comment of
// test/plot tells what the members mean.
//
// test/plot is a module of its own and has its own types: with these it would have
// the versions that this module needs, and its pictures would change with them.
package chart

// Chart is one picture.
type Chart struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitempty"`
	Kind     string   `json:"kind"` // line, step, bars or stacked
	X        Axis     `json:"x"`
	Y        Axis     `json:"y"`
	Series   []Series `json:"series"`
	Marks    []Mark   `json:"marks,omitempty"`
	Note     string   `json:"note,omitempty"`
	Values   bool     `json:"values,omitempty"`
}

// Axis has Categories where bars stand on it.
type Axis struct {
	Label      string    `json:"label"`
	Log        bool      `json:"log,omitempty"`
	Min        *float64  `json:"min,omitempty"`
	Max        *float64  `json:"max,omitempty"`
	Ticks      []float64 `json:"ticks,omitempty"`
	Categories []string  `json:"categories,omitempty"`
}

// Series has one Y for each X, or for each category of the axis.
type Series struct {
	Name  string    `json:"name,omitempty"`
	X     []float64 `json:"x,omitempty"`
	Y     []float64 `json:"y"`
	Color int       `json:"color,omitempty"`
	Dash  bool      `json:"dash,omitempty"`
	Dots  bool      `json:"dots,omitempty"`
}

// Mark is a line across the chart.
type Mark struct {
	Axis  string  `json:"axis"` // x or y
	At    float64 `json:"at"`
	Label string  `json:"label"`
}
