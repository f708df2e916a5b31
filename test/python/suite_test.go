package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/reserved"
)

// TestSuite runs the client's own tests with every interpreter that there is.
func TestSuite(t *testing.T) {
	for _, python := range interpreters {
		t.Run(versionOf(t, python), func(t *testing.T) {
			aws := awstest.New()
			t.Cleanup(aws.Close)
			cmd := exec.CommandContext(t.Context(), python, "-W", "error", "-m", "unittest", "discover", "-s", "suite", "-t", "suite")
			cmd.Env = []string{
				"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONPATH=" + layer, "PYTHONDONTWRITEBYTECODE=1",
				"CONTROL=" + control(t, aws).URL, "ANCESTOR_README=" + readme, "EXAMPLES=" + absolute(t, "../../examples/python"),
				"RESERVED=" + reserved.Names(t, "../.."),
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); lines[len(lines)-1] != "OK" {
				t.Errorf("the last line is %q, want OK: no test is skipped\n%s", lines[len(lines)-1], out)
			}
		})
	}
}

func versionOf(t *testing.T, python string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), python, "-c", "import platform; print(platform.python_version())").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}
