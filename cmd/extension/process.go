package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// startError is why a command could not be started.
type startError struct {
	command string
	err     error
	env     []string
}

func (e *startError) Unwrap() error { return e.err }

// Error names the large variables where there is too much of them. Their values
// are nobody's business.
func (e *startError) Error() string {
	if !errors.Is(e.err, syscall.E2BIG) {
		return fmt.Sprintf("run %s: %v", e.command, e.err)
	}
	const most = 5
	total := 0
	for _, entry := range e.env {
		total += len(entry) + 1
	}
	largest := slices.SortedFunc(slices.Values(e.env), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var names []string
	for _, entry := range largest[:min(len(largest), most)] {
		name, value, _ := strings.Cut(entry, "=")
		names = append(names, fmt.Sprintf("%s (%d bytes)", name, len(value)))
	}
	return fmt.Sprintf("run %s: the environment is too large for a process: %d bytes in %d variables, and Linux takes 131,071 of one with its name; the largest are %s",
		e.command, total, len(e.env), strings.Join(names, ", "))
}

// status is what env(1) and shells exit with.
func (e *startError) status() int {
	if errors.Is(e.err, exec.ErrNotFound) || errors.Is(e.err, fs.ErrNotExist) {
		return 127
	}
	return 126
}
