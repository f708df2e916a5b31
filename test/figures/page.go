package main

import (
	"fmt"
	"strconv"
	"strings"
)

// page is a Markdown text with blocks that are made of measurements, and the charts
// that belong to them, by name.
type page struct {
	text   string
	charts map[string]chart
}

// chart is what test/plot draws.
type chart struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitempty"`
	Kind     string   `json:"kind"`
	X        axis     `json:"x"`
	Y        axis     `json:"y"`
	Series   []series `json:"series"`
	Marks    []mark   `json:"marks,omitempty"`
	Note     string   `json:"note,omitempty"`
	Values   bool     `json:"values,omitempty"`
}

type axis struct {
	Label      string    `json:"label"`
	Log        bool      `json:"log,omitempty"`
	Min        *float64  `json:"min,omitempty"`
	Max        *float64  `json:"max,omitempty"`
	Ticks      []float64 `json:"ticks,omitempty"`
	Categories []string  `json:"categories,omitempty"`
}

type series struct {
	Name  string    `json:"name,omitempty"`
	X     []float64 `json:"x,omitempty"`
	Y     []float64 `json:"y"`
	Color int       `json:"color,omitempty"`
	Dash  bool      `json:"dash,omitempty"`
}

type mark struct {
	Axis  string  `json:"axis"`
	At    float64 `json:"at"`
	Label string  `json:"label"`
}

// replace puts a new text between the marks of a block.
func (p *page) replace(block, text string) error {
	begin, end := "<!-- "+block+" -->\n", "<!-- /"+block+" -->"
	before, rest, found := strings.Cut(p.text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("the page has no block %q", block)
	}
	p.text = before + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + after
	return nil
}

// table writes rows as Markdown, the first one as its head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for j := range row {
			row[j] = strings.ReplaceAll(row[j], "|", `\|`)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}

// whole writes a number with its thousands apart.
func whole(v float64) string {
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// digits writes three digits of a number, and all of a larger one.
func digits(v float64) string {
	switch {
	case v >= 1000:
		return whole(v)
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
