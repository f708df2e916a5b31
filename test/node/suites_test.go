package node

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/reserved"
)

// The suites run against an endpoint of their own, which does what the real one cannot be made to do.
func TestSuites(t *testing.T) {
	files, err := filepath.Glob("suites/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no suites: %v", err)
	}
	env := []string{"RESERVED=" + reserved.Names(t, "../..")}
	each(t, 0, 0, func(t *testing.T, n node) { runSuites(t, n, env, files...) })
}

// runSuites runs files with Node's own test runner.
func runSuites(t *testing.T, n node, env []string, files ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.binary(), append([]string{"--test", "--test-reporter=spec"}, files...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "MIDDY=" + n.middy()}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, line := range strings.Split(string(bytes.ReplaceAll(out, []byte("\u2139"), nil)), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "skipped "); ok && rest != "0" {
			t.Errorf("%s tests were skipped", rest)
		}
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "pass "); ok && rest == "0" {
			t.Error("no test was run")
		}
	}
}
