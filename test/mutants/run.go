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
	invalid verdict = "INVALID" // it does not compile, names no test, or its test cannot run here
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
	case cannotRun(out):
		return result{invalid, tail(out)}
	case err == nil:
		return result{green, tail(out)}
	case fails(out):
		return result{red, ""}
	}
	return result{invalid, tail(out)}
}

const noRun = "no test was run" // test/rie says it too

// cannotRun tells tests that were not run from those that were.
func cannotRun(out []byte) bool {
	for _, sign := range []string{"[build failed]", "[setup failed]", "no tests to run", noRun, "the sandbox cannot run"} {
		if bytes.Contains(out, []byte(sign)) {
			return true
		}
	}
	return false
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
	arguments := []string{"test", "-count=1", "-timeout", patience.String(), "-run", pattern(tests), pkg}
	if args != "" {
		arguments = append(append(arguments, "-args"), strings.Fields(args)...)
	}
	cmd := exec.CommandContext(ctx, "go", arguments...)
	cmd.Dir = root
	cmd.Env = os.Environ()
	if overlay != "" {
		cmd.Env = append(cmd.Env, strings.TrimSpace("GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay))
	}
	if pkg == emulated {
		dir, err := os.MkdirTemp("", "mutant-layer-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		variables, out, err := layer(ctx, root, dir, cmd.Env)
		if err != nil {
			return fmt.Appendf(out, "%v: %s\n", err, noRun), err
		}
		cmd.Env = append(cmd.Env, variables...)
	}
	return cmd.CombinedOutput()
}

// pattern is what -run wants for tests, or for one subtest.
func pattern(tests string) string {
	name, sub, ok := strings.Cut(tests, "/")
	if !ok {
		return "^(" + tests + ")$"
	}
	return "^" + name + "$/^" + sub + "$"
}

// emulated has the tests of the built layer under AWS's emulator. They need root.
const emulated = "./test/rie"

// layer builds a layer of this machine's architecture in dir, with the overlay of env, and
// returns what tells the tests where it and the emulator are. It does what
// scripts/build-layer does, which takes no GOFLAGS, but for the licences and the sums.
func layer(ctx context.Context, root, dir string, env []string) (variables []string, out []byte, err error) {
	rie := os.Getenv("RIE")
	binary, papers, zip := filepath.Join(dir, "extension"), filepath.Join(dir, "papers"), filepath.Join(dir, "layer.zip")
	if err := os.MkdirAll(filepath.Join(papers, "share"), 0o700); err != nil {
		return nil, nil, err
	}
	commands := [][]string{
		{"go", "build", "-trimpath", "-buildvcs=false", "-tags", "nethttpomithttp2", "-ldflags", "-s -w -buildid=", "-o", binary, "./cmd/extension"},
		{"go", "run", "./layer", binary, "layer", papers, zip},
	}
	if rie == "" {
		commands = append(commands, []string{"scripts/fetch-rie"})
	}
	for _, command := range commands {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Dir, cmd.Env = root, append(env[:len(env):len(env)], "CGO_ENABLED=0")
		if out, err = cmd.CombinedOutput(); err != nil {
			return nil, out, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
		}
	}
	if rie == "" {
		rie = strings.TrimSpace(string(out))
	}
	return []string{"RIE=" + rie, "LAYER=" + zip}, nil, nil
}

// sound wants every test that is named to pass while nothing is broken: else its
// failure would prove nothing. It returns what the packages print whose tests cannot
// run here.
func sound(ctx context.Context, root string, chosen []mutant) (idle map[string][]byte, err error) {
	idle = map[string][]byte{}
	type suite struct{ pkg, args string }
	named := map[suite][]string{}
	var order []suite
	for _, m := range chosen {
		s := suite{m.Package, m.Args}
		if named[s] == nil {
			order = append(order, s)
		}
		name, _, _ := strings.Cut(m.Tests, "/")
		named[s] = append(named[s], name)
	}
	for _, s := range order {
		out, err := test(ctx, root, "", s.pkg, strings.Join(named[s], "|"), s.args)
		switch {
		case cannotRun(out):
			idle[s.pkg] = out
		case err != nil:
			return nil, fmt.Errorf("%s fails as it is: %w\n%s", s.pkg, err, tail(out))
		}
	}
	return idle, nil
}

func tail(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[max(0, len(lines)-15):]
	return "    " + strings.Join(lines, "\n    ") + "\n"
}
