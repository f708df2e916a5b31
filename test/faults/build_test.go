//go:build linux

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// name is the base name of the layer's binary.
const name = "aws-secretsmanager"

// The variables that lead the changed standard library to the test's world.
const (
	worldVariable = "FAULTS_WORLD" // a file of three 64-bit integers: see world
	hostsVariable = "FAULTS_HOSTS" // what it takes for /etc/hosts
)

// patch is a change of a file of the standard library.
type patch struct {
	file     string
	old, new string // old stands in file once
	more     string // goes to its end
}

// The test rules the wall clock and the monotonic one, whose difference is a freeze or
// a step; timers alone run as they do. It fills the disk for every regular file, and
// says what a name resolves to. A name that ends in .onion is looked for in the file of
// hosts and nowhere else (RFC 7686), so that no name server is ever asked.
var patches = []patch{
	{
		file: "time/time.go", old: "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {\n		return Time{uint64(nsec), sec + unixToInternal, Local}",
		new: "	sec, nsec, mono := runtimeNow()\n	sec += syscall.WorldStep()\n	if mono == 0 {\n		return Time{uint64(nsec), sec + unixToInternal, Local}",
	},
	{file: "time/time.go", old: "	mono -= startNano\n", new: "	mono -= startNano - syscall.WorldPassed()\n"},
	{file: "time/time.go", old: "subMono(runtimeNano()-startNano, t.ext)", new: "subMono(runtimeNano()-startNano+syscall.WorldPassed(), t.ext)"},
	{file: "time/time.go", old: "subMono(t.ext, runtimeNano()-startNano)", new: "subMono(t.ext, runtimeNano()-startNano+syscall.WorldPassed())"},
	{file: "time/time.go", old: "	\"math/bits\"\n", new: "	\"math/bits\"\n	\"syscall\"\n"},
	{file: "syscall/syscall_unix.go", old: "		n, err = write(fd, p)\n", new: "		if err = worldFull(fd); err == nil {\n			n, err = write(fd, p)\n		}\n"},
	{file: "syscall/syscall_linux.go", more: `
var world = mapWorld()

func mapWorld() *[3]int64 {
	name, found := Getenv("` + worldVariable + `")
	if !found {
		panic("` + worldVariable + ` is not set")
	}
	fd, err := Open(name, O_RDONLY|O_CLOEXEC, 0)
	if err != nil {
		panic(name + ": " + err.Error())
	}
	defer Close(fd)
	b, err := mapper.Mmap(fd, 0, 24, PROT_READ, MAP_SHARED)
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return (*[3]int64)(unsafe.Pointer(&b[0]))
}

func WorldStep() int64 { return world[0] }

func WorldPassed() int64 { return world[2] }

func worldFull(fd int) error {
	var st Stat_t
	if world[1] != 0 && Fstat(fd, &st) == nil && st.Mode&S_IFMT == S_IFREG {
		return ENOSPC
	}
	return nil
}
`},
	{file: "net/hook_unix.go", old: `hostsFilePath = "/etc/hosts"`, new: `hostsFilePath, _ = syscall.Getenv("` + hostsVariable + `")`},
	{file: "net/hosts.go", old: "cacheMaxAge = 5 * time.Second", new: "cacheMaxAge = 0 * time.Second"},
}

// build makes the extension's binary, in dir, against the changed library.
func build(dir string) error {
	replaced, err := inherited()
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	changed, err := patched(filepath.Join(strings.TrimSpace(string(root)), "src"), dir)
	if err != nil {
		return err
	}
	maps.Copy(replaced, changed)
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-overlay="+file, "-trimpath", "-tags", "nethttpomithttp2", "-o", filepath.Join(dir, name), "../../cmd/extension")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		// In the words of go test, which tell a broken rule from a program that is none.
		return fmt.Errorf("[build failed] %w\n%s", err, out)
	}
	return nil
}

// inherited is the overlay that GOFLAGS names: there is one at a time, so this one is
// taken over.
func inherited() (map[string]string, error) {
	o := struct{ Replace map[string]string }{map[string]string{}}
	for flag := range strings.FieldsSeq(os.Getenv("GOFLAGS")) {
		file, is := strings.CutPrefix(strings.TrimLeft(flag, "-"), "overlay=")
		if !is {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &o); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return o.Replace, nil
}

// patched writes the changed files into dir, and returns which file each stands for.
func patched(src, dir string) (map[string]string, error) {
	text := map[string]string{}
	var errs []error
	for _, p := range patches {
		if text[p.file] == "" {
			b, err := os.ReadFile(filepath.Join(src, p.file))
			if err != nil {
				return nil, err
			}
			text[p.file] = string(b)
		}
		if n := strings.Count(text[p.file], p.old); p.old != "" && n != 1 {
			errs = append(errs, fmt.Errorf("%s of %s has %q %d times, want once: this version of Go needs another patch", p.file, runtime.Version(), p.old, n))
		}
		if p.old != "" {
			text[p.file] = strings.Replace(text[p.file], p.old, p.new, 1)
		}
		text[p.file] += p.more
	}
	replaced := map[string]string{}
	for file, content := range text {
		changed := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		errs = append(errs, os.WriteFile(changed, []byte(content), 0o600))
		replaced[filepath.Join(src, file)] = changed
	}
	return replaced, errors.Join(errs...)
}
