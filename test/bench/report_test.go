package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
)

func TestSamplesAreBenchmarks(t *testing.T) {
	b := &bench{report: report{Report: record.Report{CPUs: 2, CPU: "made up"}}}
	b.sample("Hit/conns=16", 3200, measure{"ns/op", 20500}, measure{"cpu-ns/op", 9100.25})
	b.sampleAll("Miss", []time.Duration{time.Millisecond, 2 * time.Millisecond})
	file := filepath.Join(t.TempDir(), "samples")
	if err := b.write("", file); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// https://go.dev/design/14313-benchmark-format
	head, rest, _ := strings.Cut(string(got), "cpu: made up\n")
	if !strings.HasPrefix(head, "goos: ") || !strings.Contains(head, "\ngoarch: ") {
		t.Errorf("head: got %q", head)
	}
	want := "BenchmarkHit/conns=16-2\t3200\t20500.0 ns/op\t9100.2 cpu-ns/op\n" +
		"BenchmarkMiss-2\t1\t1000000.0 ns/op\nBenchmarkMiss-2\t1\t2000000.0 ns/op\n"
	if rest != want {
		t.Errorf("got %q, want %q", rest, want)
	}
}

func TestReportHasAVerdictOnEachFigure(t *testing.T) {
	b := &bench{report: newReport(true)}
	b.report.add([]figure{
		{Name: "a", Got: 1, Must: 3, Aim: 2}, {Name: "b", Got: 2.5, Must: 3, Aim: 2}, {Name: "c", Got: 4, Must: 3, Aim: 2}, {Name: "d", Got: 4, told: true},
	})
	file := filepath.Join(t.TempDir(), "report.json")
	if err := b.write(file, ""); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		CPUs    int
		Smoke   bool
		Figures []struct{ Name, Verdict string }
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	var verdicts []string
	for _, f := range got.Figures {
		verdicts = append(verdicts, f.Name+" "+f.Verdict)
	}
	if s := strings.Join(verdicts, ", "); s != "a aim, b must, c missed, d told" || got.CPUs < 1 || !got.Smoke {
		t.Errorf("got %s on %d CPUs, smoke %v", s, got.CPUs, got.Smoke)
	}
}

func TestPercentile(t *testing.T) {
	durations := []time.Duration{5, 1, 4, 2, 3}
	for p, want := range map[int]time.Duration{0: 1, 50: 3, 99: 5, 100: 5} {
		if got := percentile(durations, p); got != want {
			t.Errorf("percentile %d: got %d, want %d", p, got, want)
		}
	}
}

// A busy moment slows both servers of a round, so the ratio is that of the rounds,
// not of the medians.
func TestRatioIsThatOfTheRounds(t *testing.T) {
	ours, bare := []round{{cpu: 10}, {cpu: 200}, {cpu: 30}}, []round{{cpu: 20}, {cpu: 400}, {cpu: 30}}
	f := ratioFigure("CPU", ours, bare, func(r round) time.Duration { return r.cpu })
	if f.Got != 0.5 || !f.told {
		t.Errorf("got %v, told %v, want 0.5 without a limit", f.Got, f.told)
	}
	if f = f.within(1.3, 1.1); f.told || f.Must != 1.3 || f.Aim != 1.1 {
		t.Errorf("got %+v, want a limit", f)
	}
}
