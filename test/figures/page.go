package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/test/chart"
	"github.com/aws-secretsmanager/lambda-extension/test/markdown"
)

// page is a Markdown text with blocks that are made of measurements, and the charts
// that belong to them, by name.
type page struct {
	text   string
	charts map[string]chart.Chart
}

// replace puts a new text between the marks of a block.
func (p *page) replace(block, text string) error {
	page, err := markdown.Replace(p.text, "<!-- "+block+" -->\n", "<!-- /"+block+" -->", "\n"+strings.TrimSpace(text)+"\n\n")
	if err == nil {
		p.text = page
	}
	return err
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

// digits writes three digits of a number, and all of a larger one.
func digits(v float64) string {
	switch {
	case v >= 1000:
		return markdown.Whole(v)
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
