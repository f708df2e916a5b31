//go:build linux

package faults

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	only  = flag.String("cells", "", "only the cells whose FAULT/PHASE matches this regular expression")
	table = flag.String("table", "", "write the tables of docs/faults.md to this file, from what was seen")
)

// extension is the binary.
var extension string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	syscall.Umask(0o022) // another user runs and reads what is made here
	dir, err := os.MkdirTemp("", "faults-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	extension = filepath.Join(dir, name)
	// Most cells wait most of the time, for time-outs that are the defaults.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	return m.Run()
}

// Every fault in every phase: what the caller gets, and when; what it costs; what is
// logged, once; what the dotenv file has. Afterwards everything is as it should be.
func TestFaults(t *testing.T) {
	if err := build(filepath.Dir(extension)); err != nil {
		t.Fatal(err)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	seen, n := make([][phases]outcome, len(rows)), 0
	// The cells that last longest begin first.
	for _, phase := range []int{rotation, firstLoad, pastTTL, refresh, shutdown, withinTTL} {
		for i, row := range rows {
			cell := row.name + "/" + phaseNames[phase]
			if !pattern.MatchString(cell) {
				continue
			}
			n++
			t.Run(cell, func(t *testing.T) {
				t.Parallel()
				want := row.want[phase]
				got := row.fault.cell(t, phase, want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				seen[i][phase] = got
			})
		}
	}
	if n == 0 {
		t.Fatalf("-cells %q matches none", *only)
	}
	t.Cleanup(func() {
		if *table == "" || t.Failed() || n < len(rows)*int(phases) {
			return
		}
		if err := os.WriteFile(*table, []byte(markdown(seen)), 0o644); err != nil {
			t.Error(err)
		}
	})
}

// slack is what the machine may need for what it does without waiting for anything.
const slack = 2 * time.Second

// cell runs one cell, and again where the machine was too busy for the order that the
// cell is about. Of what is a bound it returns the bound, if it was kept.
func (f *fault) cell(t *testing.T, phase int, want outcome) outcome {
	t.Helper()
	for tries := 1; ; tries++ {
		a := f.attempt(t, phase, want)
		got := a.seen
		if n := got.Calls.Most; want.Calls.Least <= n && n <= want.Calls.Most {
			got.Calls = want.Calls
		}
		late := got.Took > want.Took+slack
		if !late {
			got.Took = want.Took
		}
		if !late && !a.hurried || late && tries > 1 || tries == 5 {
			return got
		}
	}
}

// attempt is one life of a sandbox.
func (f *fault) attempt(t *testing.T, phase int, want outcome) *attempt {
	t.Helper()
	a := &attempt{sandbox: newSandbox(t), fault: f, want: want}
	a.aws.Put("other", value(9))
	a.run(phase)
	f.end(a.sandbox)
	if a.recovers {
		a.recover()
		a.waitForLog()
	}
	a.lambda.Close()
	a.logs()
	if strings.Contains(a.out.String(), canary) {
		t.Error("a secret value was printed")
	}
	return a
}
