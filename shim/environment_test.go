package shim

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func unset(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		t.Setenv(name, "") // puts it back when the test ends
		if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	type vars = map[string]string
	for _, test := range []struct {
		name     string
		before   vars
		apply    []vars
		meddle   vars   // set by the function before the last apply
		want     string // the value of NAME at the end
		wantGone bool
	}{
		{name: "set", apply: []vars{{"NAME": "a"}}, want: "a"},
		{name: "empty", apply: []vars{{"NAME": ""}}, want: ""},
		{name: "changed", apply: []vars{{"NAME": "a"}, {"NAME": "b"}}, want: "b"},
		{name: "gone", apply: []vars{{"NAME": "a"}, {}}, wantGone: true},
		{name: "gone and back", apply: []vars{{"NAME": "a"}, {}, {"NAME": "a"}}, want: "a"},
		{name: "over the configuration", before: vars{"NAME": "mine"}, apply: []vars{{"NAME": "a"}}, want: "a"},
		{name: "back to the configuration", before: vars{"NAME": "mine"}, apply: []vars{{"NAME": "a"}, {"NAME": "b"}, {}}, want: "mine"},
		{name: "back to the empty configuration", before: vars{"NAME": ""}, apply: []vars{{"NAME": "a"}, {}}, want: ""},
		{name: "set by the wrapper", before: vars{"NAME": "a"}, apply: []vars{{"NAME": "a"}, {"NAME": "b"}, {}}, wantGone: true},
		{name: "never ours", before: vars{"NAME": "mine"}, apply: []vars{{"OTHER": "a"}, {}}, want: "mine"},
		{name: "made the function's own, then gone", apply: []vars{{"NAME": "a"}, {}}, meddle: vars{"NAME": "own"}, want: "own"},
		{name: "made the function's own, secret as before", apply: []vars{{"NAME": "a"}, {"NAME": "a"}}, meddle: vars{"NAME": "own"}, want: "own"},
		{name: "made the function's own, secret changed", apply: []vars{{"NAME": "a"}, {"NAME": "b"}}, meddle: vars{"NAME": "own"}, want: "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			unset(t, "NAME", "OTHER")
			for name, value := range test.before {
				t.Setenv(name, value)
			}
			var e environment
			for i, v := range test.apply {
				if i == len(test.apply)-1 {
					for name, value := range test.meddle {
						t.Setenv(name, value)
					}
				}
				if err := e.apply(e.turn(), v); err != nil {
					t.Fatal(err)
				}
			}
			got, ok := os.LookupEnv("NAME")
			if got != test.want || ok == test.wantGone {
				t.Errorf("NAME is %q, set %t; want %q, set %t", got, ok, test.want, !test.wantGone)
			}
		})
	}
}

func TestOlderVariablesNeverReplaceNewerOnes(t *testing.T) {
	unset(t, "NAME")
	var e environment
	older, newer := e.turn(), e.turn()
	for _, a := range []struct {
		turn  uint64
		value string
	}{{newer, "new"}, {older, "old"}} {
		if err := e.apply(a.turn, map[string]string{"NAME": a.value}); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := e.lookup("NAME"); got != "new" || os.Getenv("NAME") != "new" {
		t.Errorf("NAME is %q here and %q in the process, want new", got, os.Getenv("NAME"))
	}
}

func TestVariableThatCannotBeSetIsNamedOnly(t *testing.T) {
	unset(t, "NAME")
	var e environment
	vars := map[string]string{"NAME": "canary", "OTHER": "canary\x00"}
	for i := range 30 { // in whatever order, the bad one is not the last
		vars[fmt.Sprint("NAME_", i)] = "canary"
	}
	err := e.apply(e.turn(), vars)
	if err == nil || !strings.Contains(err.Error(), `"OTHER"`) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error with the name and without the value", err)
	}
	for name := range vars {
		if name != "OTHER" && os.Getenv(name) != "canary" {
			t.Errorf("a bad variable kept %s away", name)
		}
	}
	if err := e.apply(e.turn(), nil); err != nil {
		t.Fatal(err)
	}
}
