package main

import (
	"archive/zip"
	"cmp"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"
)

// entry is one file of the layer.
type entry struct {
	name string // path below /opt
	mode fs.FileMode
	data []byte
}

// contents lists all that the layer holds. Lambda starts every plain file in /opt/extensions, so one that is not an
// extension breaks every function that uses the layer:
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
func contents(binary []byte) []entry {
	return []entry{
		{name: "extensions/aws-secretsmanager", mode: 0o755, data: binary},
	}
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
