// Command inventory tells what the layer is made of, and under which licences.
//
//	go run ./layer/inventory share BINARY DIR   # the bill of materials and the notices that go into a zip
//	go run ./layer/inventory page               # docs/licenses.md: every module of the repository
//
// It trusts what the go command and the binary say of themselves, and wants them to
// agree. A licence that it does not know, or that is not allowed where the module is
// used, is an error: whoever adds a module reads its licence.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "inventory:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "share":
		return share(args[1], args[2])
	case len(args) == 1 && args[0] == "page":
		return page(stdout)
	}
	return errors.New("wanted: share BINARY DIR, or page")
}

// folder is where the files are in the zip: not in extensions, of which Lambda
// starts all that it finds.
const folder = "share/aws-secretsmanager"

// share writes what belongs to a binary below dir.
func share(binary, dir string) error {
	b, err := readBinary(binary)
	if err != nil {
		return err
	}
	mods, err := list(b.flags(), false, layerPackage)
	if err != nil {
		return err
	}
	if err := errors.Join(b.agrees(mods), allow(mods, inLayer)); err != nil {
		return err
	}
	sbom, err := b.sbom(mods)
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, filepath.FromSlash(folder))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "sbom.cdx.json"), sbom, 0o644),
		os.WriteFile(filepath.Join(dir, "THIRD_PARTY_NOTICES"), notices(mods), 0o644),
	)
}
