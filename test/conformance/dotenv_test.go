// Package conformance reads with the programs of others what the project writes.
//
// A reader that is not installed is skipped; with CONFORMANCE=1 it is a failure.
// scripts/conformance installs all of them and sets that.
package conformance

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

func never(string, string) bool { return false }

// composeLoses: it keeps the backslash before a backtick.
func composeLoses(_, written string) bool {
	return strings.HasPrefix(written, `"`) && strings.Contains(written, "\\`")
}

// substitution is what python-dotenv replaces, between single quotes too.
var substitution = regexp.MustCompile(`\$\{[^}:]*(:-[^}]*)?\}`)

// pythonLoses: it reads CR as a line break, takes two backslashes between single
// quotes for one, and keeps the backslash before a backtick or dollar.
func pythonLoses(value, written string) bool {
	switch {
	case strings.Contains(value, "\r"), substitution.MatchString(value):
		return true
	case strings.HasPrefix(written, "'"):
		return strings.Contains(value, `\\`)
	}
	return strings.HasPrefix(written, `"`) && (strings.Contains(written, "\\`") || escapesDollar(written))
}

func escapesDollar(written string) bool {
	return strings.Contains(strings.ReplaceAll(written, `\\`, ""), `\$`)
}

// nodeLoses: it reads CR as a line break, and keeps backslashes between double
// quotes, where a quote ends the value in any case.
func nodeLoses(value, written string) bool {
	return strings.Contains(value, "\r") || strings.HasPrefix(written, `"`) && written != `"`+value+`"`
}

// rung tells how a value is written.
func rung(value, written string, portable bool) int {
	switch multiline := strings.Contains(value, "\n"); {
	case written == "" || written[0] != '\'' && written[0] != '"':
		return 1
	case !portable:
		return 5
	case written[0] == '"':
		return 3
	case multiline:
		return 4
	}
	return 2
}

// TestDotenv writes random secrets and wants every reader to get them back, but
// for those that it is known to lose.
func TestDotenv(t *testing.T) {
	batches := batched(t, secrets())
	if len(batches) != 3 {
		t.Fatalf("got %d batches, want 3", len(batches))
	}
	for _, r := range readers {
		t.Run(r.name, func(t *testing.T) {
			for _, batch := range batches {
				for rung, n := range r.check(t, batch) {
					if 0 < n.all && n.all < 20 {
						t.Errorf("rung %d: only %d values", rung, n.all)
					}
				}
			}
		})
	}
}

// batch is what goes into one file.
type batch struct {
	secrets map[string]secret // by variable
	// loose is set where a value may swallow the next ones: node ends it at the first
	// double quote, and takes its other lines for variables of their own.
	loose bool
}

// batched has rungs 1 to 4 in one file, for none may harm another.
func batched(t *testing.T, values []string) map[string]batch {
	batches := map[string]batch{}
	for i, value := range values {
		variable := fmt.Sprintf("SECRET_%04d", i)
		s := encode(t, variable, value)
		name, loose := "rungs 1 to 4", false
		if s.rung == 5 {
			name = "rung 5"
			if strings.ContainsAny(value, "\r\n") {
				name, loose = "rung 5, several lines", true
			}
		}
		if batches[name].secrets == nil {
			batches[name] = batch{map[string]secret{}, loose}
		}
		batches[name].secrets[variable] = s
	}
	return batches
}

// count is how many values there were of a rung, and how many came back.
type count struct{ right, all int }

// check writes a file and reads it back.
func (r reader) check(t *testing.T, b batch) (rungs [6]count) {
	t.Helper()
	vars := map[string]string{}
	for name, s := range b.secrets {
		vars[name] = s.value
	}
	got := r.read(t, writeFile(t, vars))
	for name, s := range b.secrets {
		rungs[s.rung].all++
		value, there := got[name]
		switch {
		case there && value == s.value:
			rungs[s.rung].right++
		case !(r.name == "node" && b.loose) && !r.loses(s.value, s.written):
			t.Errorf("rung %d, written %s: got %s, want %s", s.rung, short(s.written), short(value), short(s.value))
		}
	}
	for rung, n := range rungs {
		if n.all > 0 {
			t.Logf("rung %d: %d of %d", rung, n.right, n.all)
		}
	}
	return rungs
}

// secret is a value and how it is written.
type secret struct {
	value, written string
	rung           int
}

func encode(t *testing.T, name, value string) secret {
	t.Helper()
	line, report := dotenv.Encode(map[string]string{name: value})
	if len(report.Refused) > 0 {
		t.Fatalf("%s is refused", short(value))
	}
	written := strings.TrimSuffix(strings.TrimPrefix(string(line), name+"="), "\n")
	return secret{value, written, rung(value, written, len(report.NotPortable) == 0)}
}

// TestRungs wants losses only where the ladder has them: rungs 1 and 3 have none,
// 2 and 4 those of python-dotenv, and shells and systemd have none at all.
func TestRungs(t *testing.T) {
	for _, value := range secrets() {
		s := encode(t, "A", value)
		for _, r := range readers {
			if s.rung == 5 || !r.loses(s.value, s.written) {
				continue
			}
			if s.rung%2 == 1 || r.name != "python-dotenv" {
				t.Errorf("rung %d: %s loses %s", s.rung, r.name, short(s.written))
			}
		}
	}
}

// TestShellFormat is exact in every shell, whatever the value.
func TestShellFormat(t *testing.T) {
	vars := map[string]string{"BYTES": "\xff\x01\x80'\xfe\r\n"}
	for i, value := range secrets() {
		vars[fmt.Sprintf("SECRET_%04d", i)] = value
	}
	data, report := dotenv.Shell(vars)
	if len(report.Refused) > 0 {
		t.Fatalf("refused: %v", report.Refused)
	}
	path := filepath.Join(t.TempDir(), "secrets.sh")
	if err := dotenv.WriteFile(path, data); err != nil {
		t.Fatal(err)
	}
	for _, r := range readers[:2] {
		t.Run(r.name, func(t *testing.T) {
			got := r.read(t, path)
			for name, want := range vars {
				if value, ok := got[name]; !ok || value != want {
					t.Errorf("got %s, want %s", short(value), short(want))
				}
			}
		})
	}
}

// TestNoncharacters is about valid UTF-8 that systemd refuses, and with it the
// file. The report says so, and all others read it.
func TestNoncharacters(t *testing.T) {
	vars := map[string]string{"A": "\ufdd0", "B": "it's \U0001fffe", "C": "c"}
	if _, report := dotenv.Encode(vars); !slices.Equal(report.NotPortable, []string{"A", "B"}) {
		t.Errorf("not portable: got %q, want A and B", report.NotPortable)
	}
	path := writeFile(t, vars)
	for _, r := range readers {
		if r.name == "systemd" {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			got := r.read(t, path)
			for name, want := range vars {
				if got[name] != want {
					t.Errorf("%s: got %q, want %q", name, got[name], want)
				}
			}
		})
	}
}

func writeFile(t *testing.T, vars map[string]string) string {
	t.Helper()
	data, _ := dotenv.Encode(vars)
	path := filepath.Join(t.TempDir(), "secrets.env")
	if err := dotenv.WriteFile(path, data); err != nil {
		t.Fatal(err)
	}
	return path
}

func short(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%.200q… (%d bytes)", s, len(s))
	}
	return fmt.Sprintf("%q", s)
}
