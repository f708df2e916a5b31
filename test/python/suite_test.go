package python

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
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
				"RESERVED=" + reserved(t),
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

// reserved returns, as JSON, the names that the extension sets no variable of, and one name of each family.
func reserved(t *testing.T) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../variables/reserved.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for variable, suffix := range map[string]string{"reservedNames": "", "reservedFamilies": "X"} {
		object := file.Scope.Lookup(variable)
		if object == nil {
			t.Fatalf("there is no %s any more", variable)
		}
		ast.Inspect(object.Decl.(ast.Node), func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				name, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name+suffix)
			}
			return true
		})
	}
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return string(list)
}
