// Command layer writes the zip of the Lambda layer around a built extension.
//
// It promises that the same binary always gives the same bytes: entries are sorted, carry a fixed time and Unix
// modes, and nothing of the machine, the user or the clock goes in. A binary or a zip over its size limit is an
// error, so that growth is noticed where it happens. scripts/build-layer is its one caller:
//
//	go run ./layer BINARY SOURCES PAPERS ZIP
//
// SOURCES is this folder: the wrapper and the packages for Python and Node.js. PAPERS
// has what layer/inventory wrote about the binary.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

// What the layer may weigh, in bytes: every one is downloaded and unpacked at each cold start.
const (
	maxBinary = 8_500_000
	maxZip    = 3_600_000
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "layer:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	if len(args) != 4 {
		return fmt.Errorf("got %d arguments, wanted 4: BINARY SOURCES PAPERS ZIP", len(args))
	}
	out := args[3]
	binary, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	if err := limit(args[0], len(binary), maxBinary); err != nil {
		return err
	}
	entries, err := contents(binary, os.DirFS(args[1]), os.DirFS(args[2]))
	if err != nil {
		return err
	}
	var zipped bytes.Buffer
	if err := writeZip(&zipped, entries); err != nil {
		return err
	}
	if err := limit(out, zipped.Len(), maxZip); err != nil {
		return err
	}
	if err := os.WriteFile(out, zipped.Bytes(), 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s  %.2f MB (binary %.2f MB)  sha256 %x\n",
		out, megabytes(zipped.Len()), megabytes(len(binary)), sha256.Sum256(zipped.Bytes()))
	return err
}

func limit(path string, got, most int) error {
	if got > most {
		return fmt.Errorf("%s: %.2f MB, wanted at most %.2f MB", path, megabytes(got), megabytes(most))
	}
	return nil
}

func megabytes(n int) float64 { return float64(n) / 1e6 }
