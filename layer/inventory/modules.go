package main

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
)

const (
	self         = "github.com/aws-secretsmanager/lambda-extension"
	layerPackage = self + "/cmd/extension"
	// standard is the name that package URLs have for the standard library.
	standard = "std"
)

// module is one that is used, with the texts that its use obliges to.
type module struct {
	path, version string
	sum           string // as in go.sum; "" for the standard library
	texts         []text
}

// binary is what a program says of its own making.
type binary struct {
	info *debug.BuildInfo
	data []byte
}

func readBinary(path string) (*binary, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if info.Path != layerPackage {
		return nil, fmt.Errorf("%s: got the program %s, wanted %s", path, info.Path, layerPackage)
	}
	return &binary{info, data}, nil
}

func (b *binary) setting(key string) string {
	for _, s := range b.info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// flags has the go command list the packages that went into b.
func (b *binary) flags() build {
	return build{tags: b.setting("-tags"), env: []string{
		"GOOS=" + b.setting("GOOS"), "GOARCH=" + b.setting("GOARCH"), "CGO_ENABLED=" + b.setting("CGO_ENABLED"),
	}}
}

// agrees wants the modules to be those of b, to the last byte of their sources.
func (b *binary) agrees(mods []*module) error {
	linked := map[string]string{standard: b.info.GoVersion}
	for _, m := range b.info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced by %s, whose licence is not looked at", m.Path, m.Replace.Path)
		}
		linked[m.Path] = m.Version + " " + m.Sum
	}
	var errs []error
	for _, m := range mods {
		if got := linked[m.path]; got != strings.TrimSpace(m.version+" "+m.sum) {
			errs = append(errs, fmt.Errorf("%s: the binary has %q, the sources have %q", m.path, got, m.version+" "+m.sum))
		}
		delete(linked, m.path)
	}
	for path := range linked {
		errs = append(errs, fmt.Errorf("%s is in the binary, and not in the sources", path))
	}
	return errors.Join(errs...)
}

// build is what decides which packages are used. The zero value is this machine's.
type build struct {
	tags string
	env  []string
}

// listed is what is asked of go list.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct{ Path, Version, Sum, Dir string }
}

// list returns the modules behind packages, the standard library among them, sorted
// by their paths. Tests are those of the packages.
func list(b build, tests bool, packages ...string) ([]*module, error) {
	args := []string{"list", "-deps", "-json=Dir,Standard,Module", "-tags", b.tags}
	if tests {
		args = append(args, "-test")
	}
	cmd := exec.Command("go", append(args, packages...)...)
	cmd.Env = append(os.Environ(), b.env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	std, err := standardLibrary()
	if err != nil {
		return nil, err
	}
	mods := map[string]*module{standard: std}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Standard || p.Module == nil || p.Module.Path == self {
			continue
		}
		m := mods[p.Module.Path]
		if m == nil {
			m = &module{path: p.Module.Path, version: p.Module.Version, sum: p.Module.Sum}
			mods[m.path] = m
		}
		if err := m.read(p.Dir, p.Module.Dir); err != nil {
			return nil, err
		}
	}
	var all []*module
	for _, m := range mods {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *module) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

func standardLibrary() (*module, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	m := &module{path: standard, version: version}
	return m, m.read(root, root)
}
