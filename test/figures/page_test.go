package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/chart"
)

const emptyPage = `# Figures
<!-- machine -->
<!-- /machine -->
<!-- figures -->
| old | table |
<!-- /figures -->
between
<!-- hits -->
<!-- /hits -->
<!-- starts -->
<!-- /starts -->
<!-- rotation -->
<!-- /rotation -->
<!-- soak -->
<!-- /soak -->
the end
`

const (
	benchJSON = `{"go": "go1.26", "arch": "amd64", "cpus": 2, "cpu": "made up", "time": "2026-01-02T03:04:05Z", "figures": [
  {"name": "CPU time per hit, 1 connection", "got": 0.5, "unit": "×", "must": 1.3, "aim": 1.1, "detail": "1 µs against 2 µs", "verdict": "aim"},
  {"name": "hit, p99, 1 connection", "got": 0.5, "unit": "×", "verdict": "told"},
  {"name": "exec to ready, 5 secrets of 10 ms", "got": 25.94, "unit": "ms", "verdict": "told"},
  {"name": "calls | counted", "got": 1, "unit": "calls", "must": 1, "aim": 1, "verdict": "aim"}],
 "hits": [{"connections": 1, "ours": {"p50": 10, "p99": 1500, "cpu": 9, "second": 40000, "latency": [5, 10, 20]},
           "bare": {"p50": 20, "p99": 3000, "cpu": 18, "second": 20000, "latency": [6, 20, 40]},
           "ratio": {"p50": 0.55, "p99": 0.6, "cpu": 0.45, "second": 2.1}}],
 "starts": [{"secrets": 1, "before": 5, "calls": 10.5, "publish": 1, "ready": 0.25, "all": 16.7}]}`
	ageJSON  = `[{"name": "ours", "old": [0.5, 1]}, {"name": "theirs", "old": [100, 300]}]`
	soakJSON = `{"reads": 1000000, "seconds": 289.4, "wrong": 0, "rotations": 10000, "memoryWarm": 15000000, "memoryEnd": 16500000,
 "memory": [15000000, 16000000, 16500000], "goroutines": [11, 11], "descriptors": [13, 12], "answers": {"hit": 7, "hit, 304": 2, "miss, 304": 1}}`
)

// make runs the command over these sources and returns the page and the charts.
func makePage(t *testing.T, page string, sources map[string]string) (string, map[string]chart.Chart, error) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-page", filepath.Join(dir, "page.md"), "-charts", filepath.Join(dir, "charts")}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("page.md", page)
	for name, text := range sources {
		write(name, text)
		args = append(args, "-"+name, filepath.Join(dir, name))
	}
	err := run(args)
	text, readErr := os.ReadFile(filepath.Join(dir, "page.md"))
	if readErr != nil {
		t.Fatal(readErr)
	}
	charts := map[string]chart.Chart{}
	files, _ := filepath.Glob(filepath.Join(dir, "charts", "*.json"))
	for _, file := range files {
		var c chart.Chart
		if err := read(file, &c); err != nil {
			t.Fatal(err)
		}
		charts[strings.TrimSuffix(filepath.Base(file), ".json")] = c
	}
	return string(text), charts, err
}

func TestPage(t *testing.T) {
	all := map[string]string{"bench": benchJSON, "age": ageJSON, "soak": soakJSON}
	text, charts, err := makePage(t, emptyPage, all)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Measured on 2 January 2026 with go1.26 on linux/amd64: 2 CPUs, made up.",
		"| CPU time per hit, 1 connection | 0.50× | 1.30× | 1.10× | 1 µs against 2 µs |",
		"| exec to ready, 5 secrets of 10 ms | 25.9 ms |  |  |  |",
		`| calls \| counted | 1 | 1 |  |  |`,
		"| 1 | this layer | 10.0 µs | 1,500 µs | 40,000 | 9.00 µs |",
		"|  | ratio | **0.55×** | **0.60×** | **2.10×** | **0.45×** |",
		"| 1 | 5.00 ms | 10.5 ms | 1.00 ms | 0.25 ms | 16.7 ms |",
		"| theirs | 200 s | 300 s | 300 s | 300 s |",
		"| resident memory after 10,000 reads · at the end · at most | 15.0 MB · 16.5 MB (1.10×) · 0.0 MB |",
		"7 · 0 · 0 · 3 · 0",
		"between", "the end",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
	for _, not := range []string{"old | table", "hit, p99"} {
		if strings.Contains(text, not) {
			t.Errorf("the page still has %q", not)
		}
	}
	for _, name := range []string{"hit-latency", "hit-cpu", "cold-start", "rotation-age", "rotation-share", "soak-memory"} {
		if charts[name].Title == "" || len(charts[name].Series) == 0 {
			t.Errorf("there is no chart %s", name)
		}
	}
	again, _, err := makePage(t, text, all)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, again); diff != "" {
		t.Errorf("a second run changes the page:\n%s", diff)
	}
}

func TestTablesWithoutANewMeasurementStay(t *testing.T) {
	text, _, err := makePage(t, emptyPage, map[string]string{"age": ageJSON})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "| old | table |") || !strings.Contains(text, "| theirs |") {
		t.Errorf("got %s", text)
	}
}

// The age of what is read grows with the time until the new value is there.
func TestLinesOfARotation(t *testing.T) {
	var a []ages
	if err := json.Unmarshal([]byte(ageJSON), &a); err != nil {
		t.Fatal(err)
	}
	share, mean := a[1].lines()
	for second, want := range map[int][2]float64{0: {100, 0}, 50: {100, 50}, 200: {50, 100}, 301: {0, 0}} {
		if got := [2]float64{share.Y[second], mean.Y[second]}; got != want || share.X[second] != float64(second) {
			t.Errorf("after %d s: got %v at %v, want %v", second, got, share.X[second], want)
		}
	}
}

func TestWhatIsNoMeasurement(t *testing.T) {
	for _, tt := range []struct{ name, source, text, want string }{
		{"smoke", "bench", strings.Replace(benchJSON, `{"go"`, `{"smoke": true, "go"`, 1), "--smoke"},
		{"empty benchmark", "bench", "{}", "no figures"},
		{"no JSON", "bench", "none", "invalid character"},
		{"short soak", "soak", `{"reads": 20000}`, "full run"},
		{"empty ages", "age", `[{"name": "ours"}]`, "ours"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, _, err := makePage(t, emptyPage, map[string]string{tt.source: tt.text})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if text != emptyPage {
				t.Error("the page was changed")
			}
		})
	}
	if _, _, err := makePage(t, "no blocks", map[string]string{"age": ageJSON}); err == nil {
		t.Error("a page without blocks is no error")
	}
}

// The page of the repository takes every table.
func TestRepositoryPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/figures.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := makePage(t, string(text), map[string]string{"bench": benchJSON, "age": ageJSON, "soak": soakJSON}); err != nil {
		t.Error(err)
	}
}
