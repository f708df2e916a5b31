package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is for the tests of one rule. A broken rule may well hang them, which
// is red too; go test then says so itself.
const patience = 3 * time.Minute

type verdict string

const (
	red     verdict = "red"
	green   verdict = "GREEN"   // nobody has seen it
	invalid verdict = "INVALID" // it does not compile, or names no test
)

type result struct {
	verdict verdict
	detail  string // of what is not red: the end of the output
}

// run tries m in a folder of its own.
func (m mutant) run(ctx context.Context, root string) result {
	overlay, remove, err := m.overlay(root)
	if err != nil {
		return result{invalid, err.Error() + "\n"}
	}
	defer remove()
	out, err := test(ctx, root, overlay, m.Package, m.Tests, m.Args)
	switch {
	case bytes.Contains(out, []byte("[build failed]")), bytes.Contains(out, []byte("[setup failed]")), bytes.Contains(out, []byte("no tests to run")):
		return result{invalid, tail(out)}
	case err == nil:
		return result{green, tail(out)}
	case fails(out):
		return result{red, ""}
	}
	return result{invalid, tail(out)}
}

// fails tells a test that failed from a command that could not run it.
func fails(out []byte) bool {
	for _, sign := range []string{"--- FAIL", "panic: ", "fatal error: ", "DATA RACE", "test timed out"} {
		if bytes.Contains(out, []byte(sign)) {
			return true
		}
	}
	return false
}

// overlay writes the broken file, and the JSON that lays it over the whole one.
func (m mutant) overlay(root string) (file string, remove func(), err error) {
	changed, err := m.mutate(root)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	broken := filepath.Join(dir, filepath.Base(m.File))
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.File): broken}})
	if err != nil {
		remove()
		return "", nil, err
	}
	file = filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(broken, changed, 0o600), os.WriteFile(file, replace, 0o600)); err != nil {
		remove()
		return "", nil, err
	}
	return file, remove, nil
}

// test runs tests of one package, with an overlay if there is one.
func test(ctx context.Context, root, overlay, pkg, tests, args string) ([]byte, error) {
	arguments := []string{"test", "-count=1", "-timeout", patience.String(), "-run", "^(" + tests + ")$", pkg}
	if args != "" {
		arguments = append(append(arguments, "-args"), strings.Fields(args)...)
	}
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = root
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	return cmd.CombinedOutput()
}

// sound wants every test that is named to pass while nothing is broken: else its
// failure would prove nothing.
func sound(ctx context.Context, root string, chosen []mutant) error {
	type suite struct{ pkg, args string }
	named := map[suite][]string{}
	var order []suite
	for _, m := range chosen {
		s := suite{m.Package, m.Args}
		if named[s] == nil {
			order = append(order, s)
		}
		named[s] = append(named[s], m.Tests)
	}
	for _, s := range order {
		if out, err := test(ctx, root, "", s.pkg, strings.Join(named[s], "|"), s.args); err != nil {
			return fmt.Errorf("%s fails as it is: %w\n%s", s.pkg, err, tail(out))
		}
	}
	return nil
}

func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[max(0, len(lines)-15):]
	return "    " + strings.Join(lines, "\n    ") + "\n"
}
