package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is what a run leaves for others: pages and pictures are made of its JSON.
type report struct {
	Go      string    `json:"go"`
	Arch    string    `json:"arch"`
	CPUs    int       `json:"cpus"`
	CPU     string    `json:"cpu"` // model
	Time    time.Time `json:"time"`
	Smoke   bool      `json:"smoke"`
	Figures []line    `json:"figures"`
	Hits    []hits    `json:"hits"`
	Starts  []start   `json:"starts"`

	samples []sample
}

type line struct {
	figure
	Verdict string `json:"verdict"` // aim, must or missed; told where there is no limit
}

// hits are reads of a held secret over that many connections.
type hits struct {
	Connections int        `json:"connections"`
	Ours        throughput `json:"ours"`
	Bare        throughput `json:"bare"`
}

// throughput is how one server answers a number of clients that ask as fast as
// they can. Each number is the median of the rounds.
type throughput struct {
	P50    float64 `json:"p50"` // µs
	P99    float64 `json:"p99"`
	CPU    float64 `json:"cpu"`    // µs for each request
	Second float64 `json:"second"` // requests
	// Latency has the percentiles of all rounds together, 0 to 100 in steps of a
	// half, in µs.
	Latency []float64 `json:"latency"`
}

// start is one with that many secrets, split into its parts. Each is the median of
// the starts, in milliseconds.
type start struct {
	Secrets int     `json:"secrets"`
	Before  float64 `json:"before"`  // from exec to the arrival of the first call at Secrets Manager
	Calls   float64 `json:"calls"`   // until its last answer
	Publish float64 `json:"publish"` // until the registration
	Ready   float64 `json:"ready"`   // until the extension asks for its first event
	All     float64 `json:"all"`     // the median of the whole
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
	return report{Go: runtime.Version(), Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), CPU: cpuModel(), Time: time.Now().UTC().Truncate(time.Second), Smoke: smoke}
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
		verdict := "missed"
		switch {
		case f.told:
			verdict = "told"
		case f.meets(f.Aim):
			verdict = "aim"
		case f.meets(f.Must):
			verdict = "must"
		}
		r.Figures = append(r.Figures, line{f, verdict})
	}
}

func (r *report) writeJSON(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
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
