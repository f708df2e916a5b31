//go:build linux

package faults

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// The headings of the tables: what is asked for, and by whom.
var headings = [phases]string{
	firstLoad: "The fault is there when the environment starts. *Answer* is that to the first read, *next* that to a second one at once.",
	withinTTL: "The value is held and current. *Answer* is that to a read, *next* that to a second one.",
	pastTTL:   "The value is held and past its TTL. *Answer* is that to a read, *next* that to a second one at once.",
	refresh:   "`POST /refresh`, as code does that was refused with the value it had. *Next* is a read after it.",
	rotation:  "`POST /rotation`, as the clients and the proxy do when the event reaches the function. *Next* is a read after it, in the next invocation.",
	shutdown:  "The value is past its TTL, and a read of it is under way or has just been answered when the environment is shut down. *Answer* is that to the read. The extension exits with status 0.",
}

// markdown is the tables of docs/faults.md.
func markdown(cells [][phases]outcome) string {
	var b strings.Builder
	b.WriteString("## All at once\n\nThe first answer in each phase.\n\n| fault |")
	for _, name := range phaseNames {
		fmt.Fprintf(&b, " %s |", name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", phases) + "\n")
	for i, row := range rows {
		fmt.Fprintf(&b, "| **%s**: %s |", row.name, row.what)
		for _, o := range cells[i] {
			fmt.Fprintf(&b, " %s |", o.Answer)
		}
		b.WriteString("\n")
	}
	for phase, name := range phaseNames {
		fmt.Fprintf(&b, "\n## %s%s\n\n%s\n\n", strings.ToUpper(name[:1]), name[1:], headings[phase])
		b.WriteString("| fault | answer | waits at most | next | calls | logged, once each | dotenv file |\n|---|---|---|---|---|---|---|\n")
		for i, row := range rows {
			o := cells[i][phase]
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.name, o.Answer, wait(o.Took),
				cmp.Or(o.Next, "–"), o.Calls, cmp.Or(strings.Join(o.Log, "<br>"), "–"), o.File)
		}
	}
	return b.String()
}

func wait(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

// The page says what the cells want, which is what TestFaults saw.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	var want [][phases]outcome
	for _, row := range rows {
		want = append(want, row.want)
	}
	_, got, found := strings.Cut(string(page), "\n## All at once\n")
	if diff := gocmp.Diff(markdown(want), "## All at once\n"+got); !found || diff != "" {
		t.Errorf("docs/faults.md is another table: run scripts/fault-table --update\n-want +got\n%s", diff)
	}
}
