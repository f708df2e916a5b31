package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// chart is one picture, as the package comment describes it.
type chart struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle"`
	Kind     string   `json:"kind"`
	X        axis     `json:"x"`
	Y        axis     `json:"y"`
	Series   []series `json:"series"`
	Marks    []mark   `json:"marks"`
	Note     string   `json:"note"`
	Values   bool     `json:"values"`
	Width    float64  `json:"width"`
	Height   float64  `json:"height"`
}

type axis struct {
	Label      string    `json:"label"`
	Log        bool      `json:"log"`
	Min        *float64  `json:"min"`
	Max        *float64  `json:"max"`
	Ticks      []float64 `json:"ticks"`
	Categories []string  `json:"categories"`
}

type series struct {
	Name  string    `json:"name"`
	X     []float64 `json:"x"`
	Y     []float64 `json:"y"`
	Color int       `json:"color"`
	Dash  bool      `json:"dash"`
	Dots  bool      `json:"dots"`
}

type mark struct {
	Axis  string  `json:"axis"`
	At    float64 `json:"at"`
	Label string  `json:"label"`
}

const (
	defaultWidth  = 720
	defaultHeight = 400
)

// parse reads a chart and reports all that is wrong with it.
func parse(data []byte) (*chart, error) {
	c := &chart{Width: defaultWidth, Height: defaultHeight}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, err
	}
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Title == "" {
		complain("title: got none")
	}
	if !slices.Contains([]string{"line", "step", "bars", "stacked"}, c.Kind) {
		complain("kind: got %q, want line, step, bars or stacked", c.Kind)
	}
	if c.Width < 200 || c.Height < 150 || c.Width > 4000 || c.Height > 4000 {
		complain("size: got %v × %v, want 200 × 150 to 4000 × 4000", c.Width, c.Height)
	}
	if len(c.Series) == 0 {
		complain("series: got none")
	}
	for _, s := range c.Series {
		if err := c.check(s); err != nil {
			complain("series %q: %w", s.Name, err)
		}
	}
	for _, m := range c.Marks {
		if m.Axis != "x" && m.Axis != "y" {
			complain("mark %q: axis: got %q, want x or y", m.Label, m.Axis)
		}
	}
	for name, a := range map[string]axis{"x": c.X, "y": c.Y} {
		if a.Log && (a.Min != nil && *a.Min <= 0 || a.Max != nil && *a.Max <= 0) {
			complain("%s: a logarithmic axis must begin and end above 0", name)
		}
	}
	if len(errs) == 0 && c.bars() && c.Y.Max != nil && c.highest() > *c.Y.Max {
		complain("y: max: got %v, a bar is as high as %v", *c.Y.Max, c.highest())
	}
	return c, errors.Join(errs...)
}

func (c *chart) bars() bool { return c.Kind == "bars" || c.Kind == "stacked" }

// check wants as many values as there are places for them, each of which can be
// drawn.
func (c *chart) check(s series) error {
	want := len(s.X)
	if c.bars() {
		want = len(c.X.Categories)
		if len(s.X) > 0 {
			return errors.New("x: want none, the axis has the categories")
		}
	}
	switch {
	case len(s.Y) == 0 || len(s.Y) != want:
		return fmt.Errorf("got %d values of y for %d places", len(s.Y), want)
	case s.Color < 0 || s.Color > len(palette):
		return fmt.Errorf("color: got %d, want 1 to %d", s.Color, len(palette))
	case c.X.Log && slices.Min(s.X) <= 0, c.Y.Log && slices.Min(s.Y) <= 0:
		return errors.New("a logarithmic axis shows nothing at 0 and below")
	case c.bars() && slices.Min(s.Y) < 0:
		return errors.New("a bar cannot be less than 0")
	}
	return nil
}

// limits are the ends of both axes.
func (c *chart) limits() (x, y [2]float64) {
	x, y = [2]float64{math.Inf(1), math.Inf(-1)}, [2]float64{math.Inf(1), math.Inf(-1)}
	for _, s := range c.Series {
		widen(&x, s.X...)
		widen(&y, s.Y...)
	}
	if c.bars() {
		x = [2]float64{-0.5, float64(len(c.X.Categories)) - 0.5}
		y[1] = c.highest() * 1.08 // for the values above
	}
	if !c.Y.Log && y[0] > 0 {
		y[0] = 0
	}
	return c.X.over(x), c.Y.over(y)
}

// highest is where the highest bar ends.
func (c *chart) highest() (top float64) {
	sums := make([]float64, len(c.X.Categories))
	for _, s := range c.Series {
		for i, v := range s.Y {
			top = max(top, v)
			sums[i] += v
		}
	}
	if c.Kind == "stacked" {
		top = slices.Max(sums)
	}
	return top
}

func widen(limits *[2]float64, values ...float64) {
	for _, v := range values {
		limits[0], limits[1] = min(limits[0], v), max(limits[1], v)
	}
}

// over is what the axis says of its ends, else what the data say. An axis has a
// length even if all its values are one.
func (a axis) over(data [2]float64) [2]float64 {
	if a.Min != nil {
		data[0] = *a.Min
	}
	if a.Max != nil {
		data[1] = *a.Max
	}
	if data[0] >= data[1] {
		if a.Log {
			return [2]float64{data[0], data[0] * 10}
		}
		return [2]float64{data[0], data[0] + 1}
	}
	return data
}
