// Package record is what a run of scripts/bench leaves for others: the pages and
// pictures of docs are made of its JSON.
package record

import "time"

// Report is one run.
type Report struct {
	Go      string    `json:"go"` // that built the layer, and what it is compared with
	Arch    string    `json:"arch"`
	CPUs    int       `json:"cpus"`
	CPU     string    `json:"cpu"` // model
	Time    time.Time `json:"time"`
	Smoke   bool      `json:"smoke"`
	Figures []Figure  `json:"figures"`
	Hits    []Hits    `json:"hits"`
	Starts  []Start   `json:"starts"`
}

// Figure is one line of the table.
type Figure struct {
	Name    string  `json:"name"`
	Got     float64 `json:"got"`
	Unit    string  `json:"unit"`
	Must    float64 `json:"must"`
	Aim     float64 `json:"aim"` // the same as Must where there is none
	Detail  string  `json:"detail"`
	Verdict Verdict `json:"verdict"`
}

// Verdict is what a figure meets.
type Verdict string

// The verdicts.
const (
	Aim    Verdict = "aim"
	Must   Verdict = "must"
	Missed Verdict = "missed"
	Told   Verdict = "told" // there is no limit
)

// Calls is the unit of what must be met exactly.
const Calls = "calls"

// Hits are reads of a held secret over that many connections.
type Hits struct {
	Connections int        `json:"connections"`
	Ours        Throughput `json:"ours"`
	Bare        Throughput `json:"bare"`
	Ratio       Ratio      `json:"ratio"`
}

// Throughput is how one server answers a number of clients that ask as fast as
// they can. Each number is the median of the rounds.
type Throughput struct {
	P50    float64 `json:"p50"` // µs
	P99    float64 `json:"p99"`
	CPU    float64 `json:"cpu"`    // µs for each request
	Second float64 `json:"second"` // requests
	// Latency has the percentiles of all rounds together, 0 to 100 in steps of a
	// half, in µs.
	Latency []float64 `json:"latency"`
}

// Ratio is ours to the bare handler's. Each is the median of the ratios of the
// rounds, and not the ratio of the medians: a machine that becomes busy in between
// changes both sides of a round.
type Ratio struct {
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	CPU    float64 `json:"cpu"`
	Second float64 `json:"second"`
}

// Start is one with that many secrets, split into its parts. Each is the median of
// the starts, in milliseconds.
type Start struct {
	Secrets int     `json:"secrets"`
	Before  float64 `json:"before"`  // from exec to the arrival of the first call at Secrets Manager
	Calls   float64 `json:"calls"`   // until its last answer
	Publish float64 `json:"publish"` // until the registration
	Ready   float64 `json:"ready"`   // until the extension asks for its first event
	All     float64 `json:"all"`     // the median of the whole
}
