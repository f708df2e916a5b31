//go:build linux

package soak

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// A day may cost so much more memory than the first 10,000 reads.
	maxGrowth = 1.2
	// Entries beyond the size may be those that SECRET names and those with a fetch
	// under way.
	maxEntries = cacheSize + namedSecrets
)

// figures are those of a whole run.
type figures struct {
	Seed         uint64         `json:"seed"`
	Reads        int            `json:"reads"`
	Seconds      float64        `json:"seconds"`
	Answers      map[string]int `json:"answers"`
	Rotations    int64          `json:"rotations"`
	Redelivered  int64          `json:"redelivered"`
	NotHeld      int64          `json:"notHeld"`
	Invocations  int64          `json:"invocations"`
	Faults       int64          `json:"faults"`
	Calls        int64          `json:"calls"`
	Wrong        int            `json:"wrong"`
	MemoryWarm   float64        `json:"memoryWarm"` // bytes, as all memory
	MemoryEnd    float64        `json:"memoryEnd"`
	MemoryMost   float64        `json:"memoryMost"`
	Memory       []float64      `json:"memory"`     // in equal steps
	Goroutines   [2]int         `json:"goroutines"` // at the start, at the end
	Descriptors  [2]int         `json:"descriptors"`
	Entries      int            `json:"entries"`
	CacheSize    int            `json:"cacheSize"`
	Totals       map[string]int `json:"totals"` // of /stats
	complaints   []string
	wantRotation int64
}

func (w *world) figures(took time.Duration, start, warm, end state) figures {
	_, most := w.resident()
	w.mu.Lock()
	defer w.mu.Unlock()
	f := figures{
		Seed: *seed, Reads: *requests, Seconds: took.Seconds(), Answers: w.answers,
		Rotations: w.rotated.Load(), Redelivered: w.redelivered.Load(), NotHeld: w.unheld.Load(),
		Invocations: w.invocations.Load(), Faults: w.faults.Load(), Calls: w.upstream.calls.Load(),
		MemoryWarm: warm.memory, MemoryEnd: end.memory, MemoryMost: most, Memory: w.memory,
		Goroutines: [2]int{start.goroutines, end.goroutines}, Descriptors: [2]int{start.files, end.files},
		Entries: end.entries, CacheSize: cacheSize, Totals: w.stats().Totals,
		wantRotation: int64(*requests / readsPerRotation),
	}
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	f.Wrong, f.complaints = w.truth.wrongs, w.truth.wrong
	return f
}

// write prints the figures, one line each.
func (f figures) write(t *testing.T) {
	t.Helper()
	var answers []string
	for _, what := range slices.Sorted(maps.Keys(f.Answers)) {
		answers = append(answers, fmt.Sprintf("%s %d", what, f.Answers[what]))
	}
	t.Logf("%d reads in %.0f s: %s", f.Reads, f.Seconds, strings.Join(answers, " · "))
	t.Logf("%d wrong answers", f.Wrong)
	t.Logf("%d rotations arrived of %d, %d events sent again after a fault, %d of secrets that were not held", f.Rotations, f.wantRotation, f.Redelivered, f.NotHeld)
	t.Logf("%d faults on %d secrets each, %d invocations, %d calls to Secrets Manager", f.Faults, faultsAtOnce, f.Invocations, f.Calls)
	t.Logf("cache: %v; %d entries at the end, size %d and %d named", f.Totals, f.Entries, f.CacheSize, namedSecrets)
	t.Logf("resident memory: %.1f MB after %d reads, %.1f MB at the end (%.2f×), %.1f MB at most", f.MemoryWarm/1e6, warmup, f.MemoryEnd/1e6, f.MemoryEnd/f.MemoryWarm, f.MemoryMost/1e6)
	t.Logf("goroutines: %d at the start, %d at the end; descriptors: %d, %d", f.Goroutines[0], f.Goroutines[1], f.Descriptors[0], f.Descriptors[1])
	if *report == "" {
		return
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = os.WriteFile(*report, append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// check is what a day must not leave behind.
func (f figures) check(t *testing.T) {
	t.Helper()
	for _, c := range f.complaints {
		t.Error(c)
	}
	if f.Wrong > len(f.complaints) {
		t.Errorf("and %d more", f.Wrong-len(f.complaints))
	}
	if f.Rotations != f.wantRotation {
		t.Errorf("%d rotations arrived of %d", f.Rotations, f.wantRotation)
	}
	if f.MemoryEnd > maxGrowth*f.MemoryWarm {
		t.Errorf("resident memory grew from %.0f to %.0f bytes, want at most %.1f times as much", f.MemoryWarm, f.MemoryEnd, maxGrowth)
	}
	if f.Goroutines[1] > f.Goroutines[0] {
		t.Errorf("%d goroutines at the end, %d at the start", f.Goroutines[1], f.Goroutines[0])
	}
	if f.Descriptors[1] > f.Descriptors[0] {
		t.Errorf("%d open descriptors at the end, %d at the start", f.Descriptors[1], f.Descriptors[0])
	}
	if f.Entries > maxEntries {
		t.Errorf("%d entries in a cache of %d beside %d named ones", f.Entries, f.CacheSize, namedSecrets)
	}
	// A run in which nothing happened proves nothing.
	for what, n := range map[string]int64{
		"hits": int64(f.Answers["hit"]), "misses": int64(f.Answers["miss"]), "stale answers": int64(f.Answers["stale"]),
		"304s": int64(f.Answers["hit, 304"]), "errors": int64(f.Answers["error"]), "kinds of faults that come last": f.Faults - int64(len(passing)) + 1,
		"invocations": f.Invocations,
	} {
		if n <= 0 {
			t.Errorf("there were no %s", what)
		}
	}
}
