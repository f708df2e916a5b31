package wiring

import (
	"os/exec"
	"testing"
)

// A shell must read one word, the one that was meant.
func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"prod/db": "prod/db", "a@b+c=d_e.f-g": "a@b+c=d_e.f-g",
		"": "''", "two words": "'two words'", "it's": `'it'\''s'`, "''": `''\'''\'''`, "$(x) `y` \"z\" \\": `'$(x) ` + "`y`" + ` "z" \'`, "*": "'*'", "~": "'~'", "#a": "'#a'",
	} {
		got := Quote(in)
		if got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+got).Output()
		if err != nil || string(out) != in {
			t.Errorf("%s: a shell reads %q, %v", in, out, err)
		}
	}
}
