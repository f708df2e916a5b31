// Package rie runs the built layer under AWS's Runtime Interface Emulator, with real Go functions.
//
// The tests need root (for mount namespaces), the layer's zip and the emulator, and run only when the variable RIE
// has the path of the latter; .ci/run sets it. LAYER may name another zip than that of scripts/build-layer:
//
//	scripts/build-layer
//	scripts/test-rie
package rie

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is what all tests share.
var built struct {
	rie   string // the emulator
	opt   string // the unpacked layer
	tasks string // a folder for each function in Go, with its bootstrap: see task
}

// sources are the folders of the functions in Go.
var sources = map[string]string{
	"plain": "./plain", "function": "./function", "languages/go": "./languages/go", "examples/go": "../../examples/go",
}

var building sync.Mutex

// task builds a function, unless an earlier test has, and returns its folder.
func task(t *testing.T, name string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir := filepath.Join(built.tasks, name)
	bootstrap := filepath.Join(dir, "bootstrap")
	if _, err := os.Stat(bootstrap); err == nil {
		return dir
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", bootstrap, sources[name])
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the sandbox cannot run: build %s: %v\n%s", name, err, out)
	}
	return dir
}

func TestMain(m *testing.M) {
	if os.Getenv("RIE") == "" {
		fmt.Println("rie: no test was run, because RIE does not name the emulator: see scripts/test-rie")
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "rie")
	if err != nil {
		fmt.Fprintln(os.Stderr, "rie: no test was run:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, "rie: no test was run:", err)
		return 1
	}
	return m.Run()
}

func prepare(dir string) (err error) {
	if built.rie, err = filepath.Abs(os.Getenv("RIE")); err != nil {
		return err
	}
	if _, err := os.Stat(built.rie); err != nil {
		return err
	}
	layer := os.Getenv("LAYER")
	if layer == "" {
		layer = filepath.Join("..", "..", "build", "layer-"+arch()+".zip")
	}
	built.opt = filepath.Join(dir, "opt")
	if err := unzip(layer, built.opt); err != nil {
		return fmt.Errorf("unpack the layer (scripts/build-layer makes it): %w", err)
	}
	built.tasks = filepath.Join(dir, "tasks")
	return nil
}

// unzip gives files the modes that the zip says, as Lambda does.
func unzip(path, dir string) error {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if err := unzipFile(f, filepath.Join(dir, f.Name)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipFile(f *zip.File, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
