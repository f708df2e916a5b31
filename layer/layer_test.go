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

func TestLayerHoldsOnlyTheExecutableExtension(t *testing.T) {
	dir := t.TempDir()
	binary, out := filepath.Join(dir, "binary"), filepath.Join(dir, "layer.zip")
	// A mode of the machine, which must not reach the layer.
	if err := os.WriteFile(binary, []byte("ELF of sorts"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	if err := run([]string{binary, out}, &stdout); err != nil {
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
	if len(r.File) != 1 || r.File[0].Name != "extensions/aws-secretsmanager" {
		t.Fatalf("got %d entries, first %q; want extensions/aws-secretsmanager alone", len(r.File), r.File[0].Name)
	}
	if got, want := r.File[0].Mode(), fs.FileMode(0o755); got != want {
		t.Errorf("mode %v, want %v", got, want)
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || string(got) != "ELF of sorts" {
		t.Errorf("contents %q, %v", got, err)
	}
}

func TestSizeLimits(t *testing.T) {
	// Random bytes do not compress: a binary within its own limit can still make the zip too big.
	noise := make([]byte, maxBinary+1)
	rand.NewChaCha8([32]byte{}).Read(noise)
	dir := t.TempDir()
	binary, out := filepath.Join(dir, "binary"), filepath.Join(dir, "layer.zip")
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
		err := run([]string{binary, out}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tc.over) {
			t.Errorf("%d bytes: got error %v, want one with %q", tc.size, err, tc.over)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%d bytes: a zip was written all the same", tc.size)
		}
	}
}
