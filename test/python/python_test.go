// Package python tests the Python client of the layer against the extension's binary: its unittest suite with a local
// agent, and functions under awslambdaric, the runtime of AWS, in a fake Lambda.
//
// The tests run only when the variables say where Python is, which a script does:
//
//	scripts/test-python
package python

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// canary is part of every secret value here, and must never be seen in what is printed.
	canary = "c4n4ry"
	// patience is how long anything may take before it counts as hanging.
	patience = time.Minute
)

var (
	extension string // the built binary
	layer     string // what is /opt/python in Lambda: no bytecode, and none is written
	runtime   = os.Getenv("PYTHON_RUNTIME")
	// interpreters are those that the suite runs with; the first is the one that has awslambdaric.
	interpreters = strings.Fields(runtime + " " + os.Getenv("PYTHON_OTHERS"))
	ancestor     = os.Getenv("PYTHON_ANCESTOR") // a folder with the package and boto3, for the path
	readme       = os.Getenv("PYTHON_README")   // that of the ancestor
)

func TestMain(m *testing.M) {
	if runtime == "" && ancestor == "" && readme == "" {
		fmt.Println("python: no test was run, because PYTHON_RUNTIME is not set: see scripts/test-python")
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	if runtime == "" || ancestor == "" || readme == "" {
		fmt.Fprintln(os.Stderr, "python: one of PYTHON_RUNTIME, PYTHON_ANCESTOR and PYTHON_README is not set, and another is")
		return 1
	}
	dir, err := os.MkdirTemp("", "python")
	if err != nil {
		fmt.Fprintln(os.Stderr, "python:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	extension, layer = filepath.Join(dir, "aws-secretsmanager"), filepath.Join(dir, "layer")
	if out, err := exec.Command("go", "build", "-o", extension, "../../cmd/extension").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "python: build the extension: %v\n%s", err, out)
		return 1
	}
	if err := copySources("../../layer/python/aws_secretsmanager", filepath.Join(layer, "aws_secretsmanager")); err != nil {
		fmt.Fprintln(os.Stderr, "python:", err)
		return 1
	}
	return m.Run()
}

// copySources leaves out bytecode, which a layer cannot have: it would be that of one version of Python.
func copySources(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
