package main

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// entry is one file of the layer.
type entry struct {
	name string // path below /opt
	mode fs.FileMode
	data []byte
}

// packages are the folders that runtimes look for code in, below /opt:
// https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
var packages = []string{"python", "nodejs"}

// contents lists all that the layer holds. Lambda starts every plain file in /opt/extensions, so one that is not an
// extension breaks every function that uses the layer:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
func contents(binary []byte, sources, papers fs.FS) ([]entry, error) {
	wrapper, err := fs.ReadFile(sources, "secrets-wrapper")
	if err != nil {
		return nil, err
	}
	entries := []entry{
		{name: "extensions/aws-secretsmanager", mode: 0o755, data: binary},
		{name: "secrets-wrapper", mode: 0o755, data: wrapper},
	}
	for _, folder := range packages {
		more, err := files(sources, folder)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	// The licences of what is linked want to go where the binary goes.
	more, err := files(papers, "share")
	return append(entries, more...), err
}

// files are those of a folder that are of use to a function.
func files(from fs.FS, folder string) (entries []entry, err error) {
	err = fs.WalkDir(from, folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case leftOut(d.Name()) && d.IsDir():
			return fs.SkipDir
		case leftOut(d.Name()), d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s: neither a file nor a folder", path)
		}
		data, err := fs.ReadFile(from, path)
		entries = append(entries, entry{name: path, mode: 0o644, data: data})
		return err
	})
	return entries, err
}

// leftOut reports whether a file or folder is of no use to a function: what tools leave behind, and tests.
func leftOut(name string) bool {
	switch name {
	case "__pycache__", "test", "tests":
		return true
	}
	return name[0] == '.' || strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".pyc")
}

// epoch is the earliest time that a zip can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func writeZip(w io.Writer, entries []entry) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for _, e := range sorted {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: epoch}
		h.SetMode(e.mode)
		f, err := z.CreateHeader(h)
		if err != nil {
			return fmt.Errorf("zip %s: %w", e.name, err)
		}
		if _, err := f.Write(e.data); err != nil {
			return fmt.Errorf("zip %s: %w", e.name, err)
		}
	}
	return z.Close()
}
