package main

import (
	"bytes"
	"image/color"
	"io"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// palette is that of Okabe and Ito, which people who see fewer colours tell apart,
// less its black and its yellow. https://jfly.uni-koeln.de/color/
var palette = []color.RGBA{
	{0x00, 0x72, 0xb2, 0xff},
	{0xd5, 0x5e, 0x00, 0xff},
	{0x00, 0x9e, 0x73, 0xff},
	{0xe6, 0x9f, 0x00, 0xff},
	{0x56, 0xb4, 0xe9, 0xff},
	{0xcc, 0x79, 0xa7, 0xff},
	{0x6b, 0x6b, 0x6b, 0xff},
}

var (
	ink   = color.RGBA{0x24, 0x29, 0x2f, 0xff}
	faint = color.RGBA{0x57, 0x60, 0x6a, 0xff}
	grid  = color.RGBA{0xe4, 0xe7, 0xeb, 0xff}
)

const (
	margin = vg.Length(16)
	gap    = vg.Length(8)
)

var dashes = []vg.Length{6, 3}

func (c *chart) color(i int) color.RGBA {
	if n := c.Series[i].Color; n > 0 {
		return palette[n-1]
	}
	return palette[i%len(palette)]
}

func style(size vg.Length, weight bool, clr color.Color) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if weight {
		f.Weight = 3 // bold, of golang.org/x/image/font
	}
	return text.Style{Color: clr, Font: f, YAlign: text.YTop, Handler: plot.DefaultTextHandler}
}

// write draws the chart. Its text names fonts that every reader has: Arial and
// Helvetica are as wide as Liberation Sans, whose measures place it.
func (c *chart) write(w io.Writer) error {
	p, err := c.plot()
	if err != nil {
		return err
	}
	svg := vgsvg.New(vg.Length(c.Width), vg.Length(c.Height))
	canvas := draw.New(svg)
	canvas.SetColor(color.White) // readable on a dark page too
	canvas.Fill(canvas.Rectangle.Path())
	p.Draw(c.frame(canvas))
	var b bytes.Buffer
	if _, err := svg.WriteTo(&b); err != nil {
		return err
	}
	out := bytes.ReplaceAll(b.Bytes(), []byte("Liberation Sans"), []byte("Liberation Sans, Arial, Helvetica, sans-serif"))
	_, err = w.Write(out)
	return err
}

// frame writes what stands around the plot and returns what is left for it.
func (c *chart) frame(canvas draw.Canvas) draw.Canvas {
	left, right := canvas.Min.X+margin, canvas.Max.X-margin
	y := canvas.Max.Y - margin
	line := func(s text.Style, words string) {
		if words == "" {
			return
		}
		canvas.FillText(s, vg.Point{X: left, Y: y}, words)
		y -= s.Font.Size * 1.35
	}
	line(style(16, true, ink), c.Title)
	line(style(11.5, false, faint), c.Subtitle)
	y -= gap / 2
	y = c.legend(canvas, left, right, y)
	bottom := canvas.Min.Y + margin
	if c.Note != "" {
		s := style(10, false, faint)
		s.YAlign = text.YBottom
		canvas.FillText(s, vg.Point{X: left, Y: bottom - 4}, c.Note)
		bottom += s.Font.Size * 1.6
	}
	canvas.Rectangle = vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: right, Y: y - gap/2}}
	return canvas
}

// legend writes the names of the series in rows, and returns where they end. A
// series without a name has none.
func (c *chart) legend(canvas draw.Canvas, left, right, y vg.Length) vg.Length {
	const height = 17
	swatch := vg.Length(22)
	if c.bars() {
		swatch = 14
	}
	s := style(11.5, false, ink)
	s.YAlign = text.YCenter
	x, drawn := left, false
	for i, series := range c.Series {
		if series.Name == "" {
			continue
		}
		width := swatch + 6 + s.Width(series.Name)
		if x > left && x+width > right {
			x, y = left, y-height
		}
		middle := y - height/2
		if c.bars() {
			canvas.FillPolygon(c.color(i), []vg.Point{{X: x, Y: middle - 5}, {X: x + swatch, Y: middle - 5}, {X: x + swatch, Y: middle + 5}, {X: x, Y: middle + 5}})
		} else {
			canvas.StrokeLine2(c.stroke(i), x, middle, x+swatch, middle)
		}
		canvas.FillText(s, vg.Point{X: x + swatch + 6, Y: middle}, series.Name)
		x, drawn = x+width+18, true
	}
	if drawn {
		y -= height
	}
	return y
}

func (c *chart) stroke(i int) draw.LineStyle {
	s := draw.LineStyle{Color: c.color(i), Width: 2}
	if c.Series[i].Dash {
		s.Dashes = dashes
	}
	return s
}

// plot is the part with the axes.
func (c *chart) plot() (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = nil // that of the page is drawn already
	x, y := c.limits()
	c.X.set(&p.X, x)
	c.Y.set(&p.Y, y)
	p.X.Tick.Label.YAlign, p.X.Tick.Label.XAlign = text.YTop, text.XCenter
	p.Y.Tick.Label.YAlign, p.Y.Tick.Label.XAlign = text.YCenter, text.XRight
	p.Y.LineStyle.Width, p.Y.Tick.LineStyle.Width = 0, 0
	lines := plotter.NewGrid()
	lines.Horizontal = draw.LineStyle{Color: grid, Width: 0.75}
	lines.Vertical = lines.Horizontal
	if c.bars() {
		lines.Vertical.Width = 0
		p.X.Tick.Marker = categories(c.X.Categories)
		p.X.Tick.Color = color.White // the labels keep their distance
	}
	p.Add(lines)
	for _, m := range c.Marks {
		p.Add(m)
	}
	if c.bars() {
		return p, c.addBars(p)
	}
	return p, c.addLines(p)
}

func (a axis) set(to *plot.Axis, limits [2]float64) {
	to.Min, to.Max = limits[0], limits[1]
	to.Label.Text = a.Label
	to.Label.TextStyle.Font = style(11.5, false, faint).Font
	to.Label.TextStyle.Color = faint
	to.Label.Padding = 4
	to.Tick.Label.Font = style(10.5, false, ink).Font
	to.Tick.Label.Color = ink
	to.Tick.Length, to.Padding = 4, 0
	to.Tick.Width, to.LineStyle.Width = 0.75, 0.75
	to.Tick.Color, to.LineStyle.Color = faint, faint
	to.Tick.Marker = ticker{at: a.Ticks, log: a.Log}
	if a.Log {
		to.Scale = plot.LogScale{}
	}
}

// categories are the ticks of bars.
type categories []string

func (c categories) Ticks(float64, float64) []plot.Tick {
	ticks := make([]plot.Tick, len(c))
	for i, name := range c {
		ticks[i] = plot.Tick{Value: float64(i), Label: name}
	}
	return ticks
}

// brief is a value above a bar: three digits, or all of a whole number.
func brief(v float64) string {
	if v >= 100 {
		return spell(float64(int64(v + 0.5)))
	}
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return spell(rounded)
}
