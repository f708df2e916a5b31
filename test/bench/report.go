package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
)

// report is what is written of a run.
type report struct {
	record.Report
	samples []sample
}

// sample is one measurement, as benchstat takes it.
type sample struct {
	name  string // without Benchmark
	n     int    // how many operations the values are the mean of
	value []measure
}

type measure struct {
	unit  string
	value float64
}

func perOp(d time.Duration) []measure { return []measure{{"ns/op", float64(d)}} }

func (b *bench) sample(name string, n int, value ...measure) {
	b.report.samples = append(b.report.samples, sample{name, n, value})
}

// sampleAll is sample for durations of single operations.
func (b *bench) sampleAll(name string, durations []time.Duration) {
	for _, d := range durations {
		b.sample(name, 1, perOp(d)...)
	}
}

func newReport(smoke bool) report {
	return report{Report: record.Report{Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), CPU: cpuModel(), Time: time.Now().UTC().Truncate(time.Second), Smoke: smoke}}
}

// cpuModel is what proc_cpuinfo(5) calls the processor; "" where it does not tell.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for text := range strings.Lines(string(data)) {
		if name, model, _ := strings.Cut(text, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return ""
}

func (r *report) add(figures []figure) {
	for _, f := range figures {
		verdict := record.Missed
		switch {
		case f.told:
			verdict = record.Told
		case f.meets(f.Aim):
			verdict = record.Aim
		case f.meets(f.Must):
			verdict = record.Must
		}
		r.Figures = append(r.Figures, record.Figure{Name: f.Name, Got: f.Got, Unit: f.Unit, Must: f.Must, Aim: f.Aim, Detail: f.Detail, Verdict: verdict})
	}
}

func (r *report) writeJSON(file string) error {
	data, err := json.MarshalIndent(r.Report, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// writeSamples writes what benchstat reads.
// https://go.dev/design/14313-benchmark-format
func (r *report) writeSamples(file string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/aws-secretsmanager/lambda-extension\ncpu: %s\n",
		runtime.GOOS, runtime.GOARCH, cmp.Or(r.CPU, "unknown"))
	for _, s := range r.samples {
		fmt.Fprintf(&b, "Benchmark%s-%d\t%d", s.name, r.CPUs, s.n)
		for _, m := range s.value {
			fmt.Fprintf(&b, "\t%.1f %s", m.value, m.unit)
		}
		b.WriteByte('\n')
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
