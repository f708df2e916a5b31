package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func zipped(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeZip(&b, entries); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestZipIsTheSameEveryTime(t *testing.T) {
	a := entry{name: "a", mode: 0o644, data: []byte("one")}
	b := entry{name: "b/c", mode: 0o755, data: []byte("two")}
	first := zipped(t, []entry{a, b})
	if !bytes.Equal(first, zipped(t, []entry{b, a})) {
		t.Error("the order in which entries are given changes the bytes")
	}
	r, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.File {
		if !f.Modified.Equal(epoch) {
			t.Errorf("%s: time %v, want %v", f.Name, f.Modified, epoch)
		}
	}
}

// papers is a folder as layer/inventory writes it.
func papers(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "share", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "share", "x", "NOTICES"), []byte("terms"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources is a folder with what a layer is made of, and what it is not.
func sources(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for path, mode := range map[string]fs.FileMode{
		"secrets-wrapper":        0o600, // a mode of the machine, which must not reach the layer
		"main.go":                0o644,
		"templates/sam.yaml":     0o644,
		"python/pkg/__init__.py": 0o755,
		"python/pkg/py.typed":    0o600,

		"python/pkg/__pycache__/x.cpython-313.pyc": 0o644,
		"python/pkg/old.pyc":                       0o644,
		"python/pkg/.coverage":                     0o644,
		"python/.ruff_cache/x":                     0o644,
		"python/tests/test_pkg.py":                 0o644,
		"nodejs/node_modules/pkg/index.js":         0o644,
		"nodejs/node_modules/pkg/index.js~":        0o644,
		"nodejs/node_modules/pkg/test/index.js":    0o644,
		"nodejs/node_modules/.package-lock.json":   0o644,
	} {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte("content of "+path), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLayerHoldsWhatFunctionsUseAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	binary, out := filepath.Join(dir, "binary"), filepath.Join(dir, "layer.zip")
	if err := os.WriteFile(binary, []byte("ELF of sorts"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	if err := run([]string{binary, sources(t), papers(t), out}, &stdout); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(stdout.String(), "\n"); got != 1 || !strings.Contains(stdout.String(), "sha256 ") {
		t.Errorf("printed %q, want one line with the sha256", stdout.String())
	}

	r, err := zip.OpenReader(out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	type file struct {
		Mode    fs.FileMode
		Content string
	}
	got := map[string]file{}
	for _, f := range r.File {
		content, err := fs.ReadFile(r, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = file{f.Mode(), string(content)}
	}
	want := map[string]file{
		"extensions/aws-secretsmanager":    {0o755, "ELF of sorts"},
		"secrets-wrapper":                  {0o755, "content of secrets-wrapper"},
		"python/pkg/__init__.py":           {0o644, "content of python/pkg/__init__.py"},
		"python/pkg/py.typed":              {0o644, "content of python/pkg/py.typed"},
		"nodejs/node_modules/pkg/index.js": {0o644, "content of nodejs/node_modules/pkg/index.js"},
		"share/x/NOTICES":                  {0o644, "terms"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestIncompleteSources(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(binary, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, missing := range []string{"secrets-wrapper", "python", "nodejs"} {
		dir := sources(t)
		if err := os.RemoveAll(filepath.Join(dir, missing)); err != nil {
			t.Fatal(err)
		}
		err := run([]string{binary, dir, papers(t), filepath.Join(dir, "layer.zip")}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without %s: error %v", missing, err)
		}
	}
	err := run([]string{binary, sources(t), t.TempDir(), filepath.Join(t.TempDir(), "layer.zip")}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "share") {
		t.Errorf("without papers: error %v", err)
	}
	dir := sources(t)
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "python", "link.py")); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{binary, dir, papers(t), filepath.Join(dir, "layer.zip")}, io.Discard); err == nil || !strings.Contains(err.Error(), "python/link.py") {
		t.Errorf("with a symbolic link: error %v", err)
	}
}

// The kernel runs the wrapper only if its first line is exactly this one, and that
// has room for 127 bytes: execve(2).
func TestWrapperIsOneLineForTheKernel(t *testing.T) {
	got, err := os.ReadFile("secrets-wrapper")
	if want := "#!/opt/extensions/aws-secretsmanager exec\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestSizeLimits(t *testing.T) {
	// Random bytes do not compress: a binary within its own limit can still make the zip too big.
	noise := make([]byte, maxBinary+1)
	rand.NewChaCha8([32]byte{}).Read(noise)
	dir := t.TempDir()
	binary, out, folder := filepath.Join(dir, "binary"), filepath.Join(dir, "layer.zip"), sources(t)
	for _, tc := range []struct {
		size int
		over string
	}{
		{maxBinary + 1, "binary: 8.50 MB"},
		{maxZip + 1, "layer.zip: 3.60 MB"},
	} {
		if err := os.WriteFile(binary, noise[:tc.size], 0o600); err != nil {
			t.Fatal(err)
		}
		err := run([]string{binary, folder, papers(t), out}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tc.over) {
			t.Errorf("%d bytes: got error %v, want one with %q", tc.size, err, tc.over)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%d bytes: a zip was written all the same", tc.size)
		}
	}
}
