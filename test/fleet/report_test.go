package fleet

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	page   = flag.String("page", "", "rewrite the tables of this page, with all scenarios")
	charts = flag.String("charts", "", "with -page: write what test/plot draws into this folder")
	out    = flag.String("out", "", "write the table of one fleet to this file; the flags below describe the fleet")

	seed        = flag.Uint64("seed", 1, "of the simulation's chance")
	rate        = flag.Float64("rate", 5, "invocations per second")
	swing       = flag.Float64("swing", 0, "0 is steady traffic, 1 leaves nothing of it at midnight")
	duration    = flag.Duration("duration", 200*time.Millisecond, "of an invocation")
	lifetime    = flag.Duration("ttl", ttl, "SECRETS_MANAGER_TTL")
	every       = flag.Duration("every", 30*time.Minute, "between rotations")
	alternating = flag.Bool("alternating", false, "two users in turn, so that the old login works until the next rotation")
	gap         = flag.Duration("gap", 0, "from the change at the server to the one at Secrets Manager")
	idle        = flag.Duration("idle", 10*time.Minute, "after which an unused environment is gone")
	window      = flag.Duration("window", 2*time.Hour, "that is simulated after half an hour of warming up")
)

// described is the fleet that the flags describe.
func described() Scenario {
	s := usual()
	s.Seed, s.Window = *seed, *window
	s.Traffic = Traffic{Rate: *rate, Swing: *swing, Duration: *duration}
	s.Lambda.Idle = *idle
	s.Secret.Every, s.Secret.SingleUser, s.Secret.Gap = *every, !*alternating, *gap
	s.Strategy.TTL = *lifetime
	return s
}

// TestReport makes the tables and charts of docs/fleet.md, or the table of one fleet:
// without flags, of a small one. scripts/fleet-sim gives it the flags.
func TestReport(t *testing.T) {
	if *page != "" {
		rewrite(t, *page, *charts)
		return
	}
	if *rate <= 0 || *swing < 0 || *swing > 1 || *window <= 0 || *duration < 0 || *lifetime < 0 || *gap < 0 {
		t.Fatal("want a rate and a window above 0, a swing from 0 to 1, and no negative time")
	}
	if *every > *window {
		t.Fatalf("a rotation every %v does not fit into a window of %v", *every, *window)
	}
	fleet := own(described())
	result := runs(t, fleet)
	text := fleet.markdown(result)
	if *out != "" {
		if err := os.WriteFile(*out, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(text, "NaN") || strings.Count(text, "\n| ") != len(fleet.rows) {
		t.Errorf("not a whole table:\n%s", text)
	}
	for _, r := range fleet.rows {
		if got, bound := result(r.scenario).StaleUse.Max, *lifetime+r.scenario.Secret.Settle; got > bound {
			t.Errorf("%s: the old version was used for %v, longer than %v", r.labels, got, bound)
		}
	}
}

// rewrite simulates everything.
func rewrite(t *testing.T, page, charts string) {
	all := tables()
	result := runs(t, all...)
	b, err := os.ReadFile(page) // now: it may have been edited meanwhile
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, table := range all {
		if text, err = place(text, table.name, table.markdown(result)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, draw := range drawings {
		b, err := json.Marshal(draw(result))
		if err == nil {
			err = os.WriteFile(filepath.Join(charts, name+".json"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// runs simulates the scenarios of tables, each once, on all processors.
func runs(t *testing.T, tables ...table) func(Scenario) Result {
	var mu sync.Mutex
	results := map[string]Result{}
	key := func(s Scenario) string { return fmt.Sprintf("%+v", s) }
	t.Run("runs", func(t *testing.T) {
		begun := map[string]bool{}
		for _, table := range tables {
			for _, r := range table.rows {
				k := key(r.scenario)
				if begun[k] {
					continue
				}
				begun[k] = true
				t.Run(table.name, func(t *testing.T) {
					t.Parallel()
					began := time.Now()
					res := simulate(t, r.scenario)
					t.Logf("%v: %d invocations in %v", r.labels, res.Invocations, time.Since(began))
					mu.Lock()
					results[k] = res
					mu.Unlock()
				})
			}
		}
	})
	return func(s Scenario) Result { return results[key(s)] }
}

// The page has the tables that the catalogue describes, and the figures of the one
// that is made quickly.
func TestPageIsUpToDate(t *testing.T) {
	b, err := os.ReadFile("../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	nothing := func(Scenario) Result { return Result{} }
	for _, table := range tables() {
		got, ok := found(text, table.name)
		if !ok {
			t.Errorf("docs/fleet.md has no table %q", table.name)
			continue
		}
		n := len(table.heads)
		if got, want := labels(got, n), labels(table.markdown(nothing), n); got != want {
			t.Errorf("table %q: got\n%swant\n%srun scripts/fleet-sim", table.name, got, want)
		}
	}
	rare := rareTable()
	got, _ := found(text, rare.name)
	if want := rare.markdown(runs(t, rare)); !alike(got, want) {
		t.Errorf("table %q: got\n%swant\n%srun scripts/fleet-sim", rare.name, got, want)
	}
	for name := range drawings {
		if _, err := os.Stat("../../docs/plots/" + name + ".svg"); err != nil || !strings.Contains(text, "(plots/"+name+".svg)") {
			t.Errorf("docs/fleet.md shows no plots/%s.svg, or there is none: %v", name, err)
		}
	}
}

// labels keeps the head and the first n cells of every line of a table.
func labels(table string, n int) string {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		if cells := strings.Split(line, " | "); i > 0 && len(cells) > n {
			lines[i] = strings.Join(cells[:n], " | ")
		}
	}
	return strings.Join(lines, "\n")
}

var numbers = regexp.MustCompile(`[0-9][0-9,]*(\.[0-9]+)?`)

// alike compares two texts, whose numbers may differ by a tenth: processors do not
// agree on the last digit of a logarithm.
func alike(a, b string) bool {
	if numbers.ReplaceAllString(a, "#") != numbers.ReplaceAllString(b, "#") {
		return false
	}
	inB := numbers.FindAllString(b, -1)
	for i, text := range numbers.FindAllString(a, -1) {
		x, errX := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
		y, errY := strconv.ParseFloat(strings.ReplaceAll(inB[i], ",", ""), 64)
		if errX != nil || errY != nil || math.Abs(x-y) > 0.1*max(x, y)+0.05 {
			return false
		}
	}
	return true
}

func TestAlike(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"| 1,000 | 5 s |", "| 1,050 | 5 s |", true},
		{"| 1,000 | 5 s |", "| 1,200 | 5 s |", false},
		{"| 1,000 | 5 s |", "| 1,000 | 5 ms |", false},
		{"| 1 | 5 |", "| 1 |", false},
	} {
		if got := alike(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}
