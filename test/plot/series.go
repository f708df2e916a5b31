package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func (c *chart) addLines(p *plot.Plot) error {
	for i, s := range c.Series {
		points := make(plotter.XYs, len(s.Y))
		for j := range points {
			points[j] = plotter.XY{X: s.X[j], Y: s.Y[j]}
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.LineStyle = c.stroke(i)
		if c.Kind == "step" {
			line.StepStyle = plotter.PostStep
		}
		p.Add(line)
		if !s.Dots {
			continue
		}
		dots, err := plotter.NewScatter(points)
		if err != nil {
			return err
		}
		dots.GlyphStyle = draw.GlyphStyle{Color: c.color(i), Radius: 3.2, Shape: draw.CircleGlyph{}}
		p.Add(dots)
	}
	return nil
}

// addBars puts the series of each category beside or upon each other.
func (c *chart) addBars(p *plot.Plot) error {
	beside := len(c.Series)
	if c.Kind == "stacked" {
		beside = 1
	}
	// Two thirds of a category are bars, and none is wider than looks well.
	width := min(vg.Length(c.Width-120)/vg.Length(len(c.X.Categories))*2/3/vg.Length(beside), 72)
	sums := make(plotter.Values, len(c.X.Categories))
	var below *plotter.BarChart
	for i, s := range c.Series {
		bars, err := plotter.NewBarChart(plotter.Values(s.Y), width)
		if err != nil {
			return err
		}
		bars.Color = c.color(i)
		bars.LineStyle = draw.LineStyle{Color: color.White, Width: 0.75}
		if c.Kind == "stacked" {
			if below != nil {
				bars.StackOn(below)
			}
			below = bars
		} else {
			bars.Offset = width * (vg.Length(i) - vg.Length(beside-1)/2)
			if c.Values {
				p.Add(tops{s.Y, bars.Offset})
			}
		}
		for j, v := range s.Y {
			sums[j] += v
		}
		p.Add(bars)
	}
	if c.Kind == "stacked" {
		p.Add(tops{sums, 0})
	}
	return nil
}

// tops writes values above bars.
type tops struct {
	values plotter.Values
	offset vg.Length
}

func (t tops) Plot(canvas draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&canvas)
	s := style(10.5, false, ink)
	s.XAlign, s.YAlign = text.XCenter, text.YBottom
	for i, v := range t.values {
		canvas.FillText(s, vg.Point{X: x(float64(i)) + t.offset, Y: y(v) + 3}, brief(v))
	}
}

// Plot draws the mark and puts its label inside the chart, where there is room.
func (m mark) Plot(canvas draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&canvas)
	line := draw.LineStyle{Color: faint, Width: 1, Dashes: []vg.Length{2, 3}}
	s := style(10.5, false, faint)
	if m.Axis == "y" {
		at := y(m.At)
		if at < canvas.Min.Y || at > canvas.Max.Y {
			return
		}
		canvas.StrokeLine2(line, canvas.Min.X, at, canvas.Max.X, at)
		s.XAlign, s.YAlign = text.XRight, text.YBottom
		if at+s.Font.Size*1.3 > canvas.Max.Y {
			s.YAlign = text.YTop
		}
		canvas.FillText(s, vg.Point{X: canvas.Max.X - 4, Y: at + 2}, m.Label)
		return
	}
	at := x(m.At)
	if at < canvas.Min.X || at > canvas.Max.X {
		return
	}
	canvas.StrokeLine2(line, at, canvas.Min.Y, at, canvas.Max.Y)
	s.XAlign, s.YAlign = text.XLeft, text.YTop
	side := vg.Length(4)
	if at+side+s.Width(m.Label) > canvas.Max.X {
		s.XAlign, side = text.XRight, -side
	}
	canvas.FillText(s, vg.Point{X: at + side, Y: canvas.Max.Y - 3}, m.Label)
}
