package security

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each threat names tests that are there, and that fail when a line is broken which
// keeps what the table says.
func TestTableNamesTests(t *testing.T) {
	doc, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	found := 0
	for line := range strings.Lines(string(doc)) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[3]) == "test" {
			continue
		}
		folder, tests := "", 0
		for _, m := range quoted.FindAllStringSubmatch(cells[3], -1) {
			if !strings.HasPrefix(m[1], "Test") && !strings.HasPrefix(m[1], "Fuzz") {
				folder = m[1]
				continue
			}
			tests++
			if !hasTest(t, folder, m[1]) {
				t.Errorf("no %s in %s", m[1], folder)
			}
			if alone := "| `" + m[1] + "` in `" + folder + "` |"; !strings.Contains(string(rules), alone) {
				t.Errorf("no rule of test/mutants has %s in %s fail", m[1], folder)
			}
		}
		if tests == 0 {
			t.Errorf("no test is named for%s", cells[1])
		}
		found++
	}
	if found < 10 {
		t.Errorf("got %d threats, so the table was not found", found)
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if data, err := os.ReadFile(f); err == nil && strings.Contains(string(data), "func "+name+"(") {
			return true
		}
	}
	return false
}
