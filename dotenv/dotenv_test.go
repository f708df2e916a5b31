package dotenv

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLadder(t *testing.T) {
	const pem = "-----BEGIN KEY-----\nMIIE+/==\n-----END KEY-----\n"
	tests := []struct {
		value, want string
		portable    bool
	}{
		// Bare.
		{"", "", true},
		{"prod", "prod", true},
		{"AZaz09_./:@%+,!?*^{}[]-", "AZaz09_./:@%+,!?*^{}[]-", true},
		{"MIIE+/==", "MIIE+/==", true},
		// Single quotes.
		{"=x", "'=x'", true},
		{"a:=b", "'a:=b'", true},
		{" ", "' '", true},
		{"~/x", "'~/x'", true},
		{"a#b", "'a#b'", true},
		{`$HOME ${x} $(id)` + "`id`", `'$HOME ${x} $(id)` + "`id`'", true},
		{`a\nb`, `'a\nb'`, true},
		{`say "hi"`, `'say "hi"'`, true},
		{"Büro", "'Büro'", true},
		{"\ttab\x01\x7f", "'\ttab\x01\x7f'", true},
		// Double quotes.
		{"it's", `"it's"`, true},
		{"'", `"'"`, true},
		{pem, `"` + pem + `"`, true},
		{"it's 5 $, 10% $", `"it's 5 $, 10% $"`, true},
		// Single quotes over several lines.
		{"a\n\"$x\"", "'a\n\"$x\"'", true},
		{"a\\b\nc", "'a\\b\nc'", true},
		// Double quotes that not every reader takes off as a shell does.
		{`it's "x"`, `"it's \"x\""`, false},
		{`it's $x`, `"it's \$x"`, false},
		{`it's $x and $`, `"it's \$x and $"`, false},
		{"it's `x`", "\"it's \\`x\\`\"", false},
		{`it's a\n`, `"it's a\\n"`, false},
		{`it's C:\Users`, `"it's C:\Users"`, false},
		{`it's "C:\Users"`, `"it's \"C:\\Users\""`, false},
		{`it's $$`, `"it's \$$"`, false},
		{`a\`, `"a\\"`, false},
		{"a\n\\", "\"a\n\\\\\"", false},
		{"a\r\nb", "\"a\r\nb\"", false},
		{"\ufdd0", "'\ufdd0'", false},
		{"\U0010ffff", "'\U0010ffff'", false},
	}
	for _, tt := range tests {
		got, r := Encode(map[string]string{"NAME": tt.value})
		if want := "NAME=" + tt.want + "\n"; string(got) != want {
			t.Errorf("%q: got %q, want %q", tt.value, got, want)
		}
		if portable := len(r.NotPortable) == 0; portable != tt.portable {
			t.Errorf("%q: got portable %v, want %v", tt.value, portable, tt.portable)
		}
	}
}

func TestEncode(t *testing.T) {
	vars := map[string]string{
		"b": "2", "B": "1", "_A9": "3", "Z": "it's `x`", "Y": "\r",
		"NUL": "a\x00b", "LATIN1": "caf\xe9",
		"": "x", "9A": "x", "A-B": "x", "A B": "x", "A\nB": "x", "Ä": "x", "A=B": "x", "A;id": "x",
	}
	got, r := Encode(vars)
	if want := "B=1\nY=\"\r\"\nZ=\"it's \\`x\\`\"\n_A9=3\nb=2\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := Report{
		Refused:     []string{"", "9A", "A\nB", "A B", "A-B", "A;id", "A=B", "LATIN1", "NUL", "Ä"},
		NotPortable: []string{"Y", "Z"},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if got, r := Encode(nil); len(got) != 0 || r.Refused != nil || r.NotPortable != nil {
		t.Errorf("of nothing: got %q and %v", got, r)
	}
}

func TestShell(t *testing.T) {
	got, r := Shell(map[string]string{
		"B": "it's", "A": "", "C": "$x\\\r\n`id`", "D": "caf\xe9", "E": "a\x00", "$(id)": "x",
	})
	if want := "A=''\nB='it'\\''s'\nC='$x\\\r\n`id`'\nD='caf\xe9'\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if diff := cmp.Diff(Report{Refused: []string{"$(id)", "E"}}, r); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestReportHasNoValues(t *testing.T) {
	_, r := Encode(map[string]string{"A": "canary\x00", "9": "canary", "B": "'canary`"})
	if all := strings.Join(append(r.Refused, r.NotPortable...), " "); strings.Contains(all, "canary") {
		t.Errorf("got a value: %s", all)
	}
}
