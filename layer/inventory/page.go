package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// layerBuild is that of scripts/build-layer. Both architectures have the same
// modules, or share fails for one.
var layerBuild = build{tags: "nethttpomithttp2", env: []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"}}

// groups are the headings of the page.
var groups = []struct {
	title, about string
	use          use
	build        build
	tests        bool
	packages     []string
}{
	{
		title: "In the layer",
		about: "They are linked into the extension. The zip has their texts in `" + folder + "/THIRD_PARTY_NOTICES` and a bill of materials (CycloneDX) beside it.",
		use:   inLayer, build: layerBuild, packages: []string{layerPackage},
	},
	{
		title: "In the operator's command, the Go packages and the examples",
		about: "None of them reaches a function through the layer.",
		use:   inOthers, packages: []string{"./cmd/...", "./shim/...", "./rotation/...", "./examples/..."},
	},
	{
		title: "In tests alone",
		about: "They are handed to nobody.",
		use:   inTests, tests: true, packages: []string{"./..."},
	},
}

// page writes the licences of all modules that are used, each under the first
// heading that it belongs to.
func page(w io.Writer) error {
	fmt.Fprint(w, "# Licences\n\nWritten by `scripts/licenses`; `scripts/licenses --check` fails when it is out of date, or when a licence is not among those that are allowed.\n"+
		"The project itself is under the [MIT licence](../LICENSE). Its Python and Node packages need no other package.\n")
	seen := map[string]bool{}
	var errs []error
	for _, g := range groups {
		mods, err := list(g.build, g.tests, g.packages...)
		if err != nil {
			return err
		}
		var rows []*module
		for _, m := range mods {
			if !seen[m.path] {
				seen[m.path] = true
				rows = append(rows, m)
			}
		}
		errs = append(errs, allow(rows, g.use))
		fmt.Fprintf(w, "\n## %s\n\n%s Allowed: %s.\n\n| module | version | licence |\n|---|---|---|\n", g.title, g.about, strings.Join(allowed[g.use], ", "))
		for _, m := range rows {
			name, version := m.path, m.version
			if m.path == standard {
				name, version = "the standard library of Go", goVersion
			}
			fmt.Fprintf(w, "| %s | %s | %s |\n", name, version, strings.Join(m.licenses(), " and "))
		}
	}
	return errors.Join(errs...)
}

// goVersion stands for the version that runs this, which need not be the one that
// scripts/build-layer takes.
const goVersion = "as in `scripts/build-layer`"
