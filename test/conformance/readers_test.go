package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// installed is where scripts/conformance puts what the machine lacks.
const installed = "../../.cache/conformance"

// reader is a program that reads dotenv files.
type reader struct {
	name string
	// command reads the file at a path and prints the variables: as JSON or, if it
	// is a shell, with a NUL after each. An error says what is not installed.
	command func(path string) (*exec.Cmd, error)
	// loses reports whether the reader does not get a value back that is written
	// like this. Of all other values it gets every byte.
	loses func(value, written string) bool
}

var readers = []reader{
	{"bash", shell("bash"), never},
	{"dash", shell("dash"), never},
	{"systemd", systemd, never},
	{"docker compose", compose, composeLoses},
	{"python-dotenv", pythonDotenv, pythonLoses},
	{"node", node, nodeLoses},
}

// find returns the command, or fails the test if the reader has to be there.
func (r reader) find(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd, err := r.command(path)
	switch {
	case err == nil:
		return cmd
	case os.Getenv("CONFORMANCE") == "1" || r.name == "bash":
		t.Fatalf("%s is missing: %v", r.name, err)
	}
	t.Skipf("%s is missing, scripts/conformance installs it: %v", r.name, err)
	return nil
}

// read returns what the reader finds in a file.
func (r reader) read(t *testing.T, path string) map[string]string {
	t.Helper()
	cmd := r.find(t, path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s does not read the file: %v\n%s", r.name, err, &stderr)
	}
	vars := map[string]string{}
	if !strings.HasPrefix(string(out), "{") {
		for assignment := range strings.SplitSeq(string(out), "\x00") {
			name, value, _ := strings.Cut(assignment, "=")
			vars[name] = value
		}
	} else if err := json.Unmarshal(out, &vars); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	return vars
}

func shell(name string) func(string) (*exec.Cmd, error) {
	return func(path string) (*exec.Cmd, error) {
		program, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		env, err := exec.LookPath("env")
		if err != nil {
			return nil, err
		}
		// No PATH: a value that is run instead of assigned is an error.
		cmd := exec.Command(program, "-c", `set -eua; . "$1"; PATH=; exec "$2" -0`, name, path, env)
		cmd.Env = []string{"PATH=/nonexistent"}
		return cmd, nil
	}
}

func pythonDotenv(path string) (*exec.Cmd, error) {
	python, err := file(installed + "/python/bin/python")
	return exec.Command(python, "testdata/python-dotenv.py", path), err
}

func compose(path string) (*exec.Cmd, error) {
	program, err := file(installed + "/compose")
	return exec.Command(program, path), err
}

func node(path string) (*exec.Cmd, error) {
	program, err := file(installed + "/node")
	if err != nil {
		program, err = exec.LookPath("node")
	}
	return exec.Command(program, "--env-file="+path, "-e", "console.log(JSON.stringify(process.env))"), err
}

func systemd(path string) (*exec.Cmd, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, err
	}
	for _, pattern := range []string{
		"/usr/lib/*/systemd/libsystemd-shared-*.so", "/usr/lib/systemd/libsystemd-shared-*.so",
		installed + "/systemd/usr/lib/*/systemd/libsystemd-shared-*.so",
	} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			library, err := filepath.Abs(found[0])
			return exec.Command(python, "testdata/systemd.py", library, path), err
		}
	}
	return nil, fmt.Errorf("no libsystemd-shared")
}

func file(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(abs)
	}
	return abs, err
}
