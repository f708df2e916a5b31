//go:build linux

// Package soak runs the layer's binary through a day in minutes: reads of every
// shape over kept connections, rotations, evictions, and all that can go wrong on
// the way to Secrets Manager and pass again. Every answer is compared with what is
// known of the secret, and the process at the end with the process at the start.
//
// A TTL is one second instead of 300, so the 1,000,000 reads of a full run take the
// 288 seconds that have as many TTLs as a day. go test takes 20,000 of them, at the
// same pace; scripts/soak takes all.
package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

var (
	extension string // the built binary

	requests = flag.Int("requests", 20_000, "how many reads there are")
	seed     = flag.Uint64("seed", 0, "of all that is drawn; 0 takes one of the clock, and prints it")
	report   = flag.String("report", "", "write the figures to this file too, as JSON")
)

const (
	readers    = 16
	rotators   = 4
	warmup     = 10_000 // reads before the memory is first taken
	compressed = 300    // a second stands for so many
	// A full run has as many TTLs as a day.
	perSecond = 1_000_000 / (24 * 3600 / compressed)
	// readsPerRotation makes 10,000 rotations of a full run: one of a secret every 24
	// minutes of that day.
	readsPerRotation = 100
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	extension = filepath.Join(dir, "aws-secretsmanager")
	// Built as the layer's is, for its size in memory is looked at.
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", extension, "../../cmd/extension")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "soak: build the extension: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func TestSoak(t *testing.T) {
	if *requests < warmup {
		t.Fatalf("-requests: got %d, want at least the %d of the warm-up", *requests, warmup)
	}
	if err := process.NoteSources("../.."); err != nil {
		t.Fatal(err)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	w := newWorld(t)
	began := time.Now()
	start := w.settled()
	warm := w.soak()
	end := w.finish()
	f := w.figures(time.Since(began), start, warm, end)
	f.write(t)
	f.check(t)
	w.lambda.Close()
	if v := w.lambda.Violations(); len(v) > 0 {
		t.Errorf("Lambda complains: %q", v)
	}
}

// soak runs everything side by side until the last read has its answer. It returns
// the state of the process after the warm-up.
func (w *world) soak() (warm state) {
	var (
		reads, events sync.WaitGroup
		left          atomic.Int64
		over          = make(chan struct{})
	)
	left.Store(int64(*requests))
	began := time.Now()
	for i := range readers {
		reads.Go(func() {
			r := w.newReader(rand.New(rand.NewPCG(*seed, uint64(i))))
			defer r.client.CloseIdleConnections()
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				done := *requests - int(n) - 1
				pace(began, done)
				if done == warmup {
					warm = w.measure() // within the load, and none of the reads before it is left
				}
				if done%(*requests/100) == 0 {
					w.sample()
				}
				r.read()
			}
		})
	}
	rotations := atomic.Int64{}
	rotations.Store(int64(*requests / readsPerRotation))
	for i := range rotators {
		reads.Go(func() {
			r := w.newRotator(rand.New(rand.NewPCG(*seed, uint64(1000+i))))
			defer r.client.CloseIdleConnections()
			for n := rotations.Add(-1); n >= 0; n = rotations.Add(-1) {
				pace(began, *requests-int(n)*readsPerRotation)
				r.rotate()
			}
		})
	}
	events.Go(func() { w.invoke(over) })
	events.Go(func() { w.breakThings(over) })
	reads.Wait()
	close(over)
	events.Wait()
	return warm
}

// pace waits until it is time for the read with that number. Who is late does not
// wait, and goes on.
func pace(began time.Time, number int) {
	time.Sleep(time.Until(began.Add(time.Duration(number) * time.Second / perSecond)))
}

// finish looks for what a rotation left behind, and returns the state of the process
// when everything is quiet.
func (w *world) finish() state {
	w.upstream.aws.Heal()
	r := w.newRotator(rand.New(rand.NewPCG(*seed, 1)))
	for _, secret := range w.names {
		if err := r.settle(secret); err != nil {
			w.truth.complain("at the end: %v", err)
		}
	}
	r.client.CloseIdleConnections()
	return w.settled()
}
