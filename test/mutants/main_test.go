package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every rule still stands where it is said to, and names tests that are there.
func TestRules(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) == 0 {
		t.Fatal("there is no rule")
	}
	if err := check(root, mutants); err != nil {
		t.Error(err)
	}
	said := map[string]bool{}
	for _, m := range mutants {
		if m.Rule == "" || m.Old == m.New || said[m.Rule] {
			t.Errorf("%s: %q says nothing of its own", m.File, m.Rule)
		}
		said[m.Rule] = true
		have := testsIn(t, filepath.Join(root, m.Package))
		for name := range strings.SplitSeq(m.Tests, "|") {
			if name, _, _ = strings.Cut(name, "/"); !have[name] {
				t.Errorf("%s: there is no %s in %s", m.Rule, name, m.Package)
			}
		}
	}
}

func TestPageIsUpToDate(t *testing.T) {
	page, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	if err := run(t.Context(), []string{"-list"}, &rules); err != nil {
		t.Fatal(err)
	}
	if rules.String() != string(page) {
		t.Error("docs/rules.md is out of date: go run ./test/mutants -list > docs/rules.md")
	}
}

var function = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)

func testsIn(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllSubmatch(b, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}
