package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const lines = `{"title": "Latency <of> a hit", "subtitle": "made up", "kind": "line", "note": "a note",
 "x": {"label": "microseconds", "log": true}, "y": {"label": "share", "max": 100},
 "series": [{"name": "ours", "x": [10, 100, 4000], "y": [0, 50, 100], "dots": true},
            {"name": "theirs", "x": [20, 200, 2000], "y": [0, 50, 100], "color": 1, "dash": true}],
 "marks": [{"axis": "x", "at": 300, "label": "limit"}, {"axis": "y", "at": 50, "label": "half"}]}`

const stacked = `{"title": "Parts", "kind": "stacked", "x": {"categories": ["one", "two"]}, "y": {"label": "ms"},
 "series": [{"name": "start", "y": [1, 2]}, {"name": "fetch", "y": [30, 40.5]}]}`

func render(t *testing.T, source string) string {
	t.Helper()
	c, err := parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// texts is what a reader sees, in the order of the file.
func texts(t *testing.T, svg string) (words []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	inText := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return words
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				words = append(words, string(token))
			}
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		want         []string
	}{
		{"line", lines, []string{"Latency <of> a hit", "made up", "ours", "theirs", "a note", "microseconds", "share", "10", "1,000", "100", "limit", "half"}},
		{"stacked", stacked, []string{"Parts", "start", "fetch", "one", "two", "ms", "0", "31", "42.5"}},
		{"bars", strings.Replace(stacked, `"stacked"`, `"bars", "values": true`, 1), []string{"1", "2", "30", "40.5"}},
		{"step", strings.Replace(lines, `"line"`, `"step"`, 1), []string{"ours", "theirs"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have := map[string]bool{}
			for _, w := range texts(t, render(t, tt.source)) {
				have[w] = true
			}
			for _, w := range tt.want {
				if !have[w] {
					t.Errorf("%q is not written; there is %v", w, have)
				}
			}
		})
	}
}

func TestStepIsDrawnInSteps(t *testing.T) {
	if render(t, lines) == render(t, strings.Replace(lines, `"line"`, `"step"`, 1)) {
		t.Error("a step chart looks like a line chart")
	}
}

// A chart in the repository changes only when its numbers do.
func TestSameBytes(t *testing.T) {
	for _, source := range []string{lines, stacked} {
		first := render(t, source)
		for range 5 {
			if render(t, source) != first {
				t.Fatal("the same chart was drawn in two ways")
			}
		}
	}
}

func TestWhatIsWrong(t *testing.T) {
	change := func(source, old, new string) string {
		if !strings.Contains(source, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(source, old, new, 1)
	}
	for _, tt := range []struct{ name, source, want string }{
		{"no JSON", "{", "unexpected EOF"},
		{"unknown field", change(lines, `"note"`, `"nota"`), "nota"},
		{"no title", change(lines, "Latency <of> a hit", ""), "title"},
		{"unknown kind", change(lines, `"line"`, `"pie"`), `"pie"`},
		{"no series", `{"title": "t", "kind": "line"}`, "series: got none"},
		{"x and y differ", change(lines, "[0, 50, 100]", "[0, 50]"), "got 2 values of y for 3 places"},
		{"empty series", change(change(lines, "[10, 100, 4000]", "[]"), "[0, 50, 100]", "[]"), "got 0 values"},
		{"a category without a value", change(stacked, "[1, 2]", "[1]"), "got 1 values of y for 2 places"},
		{"x in bars", change(stacked, `"y": [1, 2]`, `"x": [1, 2], "y": [1, 2]`), "the axis has the categories"},
		{"a bar below 0", change(stacked, "[1, 2]", "[-1, 2]"), "less than 0"},
		{"a bar above the end", change(stacked, `"label": "ms"`, `"label": "ms", "max": 42`), "as high as 42.5"},
		{"logarithm of 0", change(lines, "[10, 100", "[0, 100"), "nothing at 0"},
		{"logarithmic axis from 0", change(lines, `"log": true`, `"log": true, "min": 0`), "above 0"},
		{"unknown colour", change(lines, `"color": 1`, `"color": 8`), "want 1 to 7"},
		{"unknown axis", change(lines, `"axis": "x"`, `"axis": "z"`), `"z"`},
		{"too small", change(lines, `"kind"`, `"width": 20, "kind"`), "size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse([]byte(tt.source))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		name      string
		t         ticker
		low, high float64
		want      string
	}{
		{"linear", ticker{}, 0, 100, "0 20 40 60 80 100"},
		{"below 1", ticker{}, 0, 0.31, "0 0.05 0.1 0.15 0.2 0.25 0.3"},
		{"negative", ticker{}, -3000, 1000, "−3,000 −2,000 −1,000 0 1,000"},
		{"large", ticker{}, 0, 6e6, "0 1,000,000 2,000,000 3,000,000 4,000,000 5,000,000 6,000,000"},
		{"two decades", ticker{log: true}, 10, 1000, "10 20 50 100 200 500 1,000"},
		{"many decades", ticker{log: true}, 0.001, 1e4, "0.001 0.01 0.1 1 10 100 1,000 10,000"},
		{"as listed", ticker{at: []float64{1, 300, 9999}}, 0, 600, "1 300"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var labels []string
			for _, tick := range tt.t.Ticks(tt.low, tt.high) {
				if tick.Label != "" {
					labels = append(labels, tick.Label)
				}
			}
			if got := strings.Join(labels, " "); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		x, y         [2]float64
	}{
		{"line", lines, [2]float64{10, 4000}, [2]float64{0, 100}},
		{"stacked", stacked, [2]float64{-0.5, 1.5}, [2]float64{0, 42.5 * 1.08}},
		{"one value", `{"title": "t", "kind": "line", "series": [{"x": [5], "y": [0]}]}`, [2]float64{5, 6}, [2]float64{0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse([]byte(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			x, y := c.limits()
			if x != tt.x || math.Abs(y[1]-tt.y[1]) > 1e-9 || y[0] != tt.y[0] {
				t.Errorf("got %v and %v, want %v and %v", x, y, tt.x, tt.y)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "parts.json")
	if err := os.WriteFile(source, []byte(stacked), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "plots")
	if err := run([]string{out, source}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "parts.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != render(t, stacked) {
		t.Error("the file is not the chart")
	}
	absent := filepath.Join(dir, "absent.json")
	if err := run([]string{out, absent, source}); err == nil || !strings.Contains(err.Error(), absent) {
		t.Errorf("got %v, want an error that names %s", err, absent)
	}
	if err := run([]string{out}); err == nil {
		t.Error("no file to draw is no error")
	}
}
