package rie

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// freeze stops the extension and the function, as Lambda does between invocations, and returns what wakes them.
func (s *sandbox) freeze() (thaw func()) {
	s.t.Helper()
	pids := s.children()
	if len(pids) != 2 {
		s.t.Fatalf("the emulator has the children %v, want the extension and the function", pids)
	}
	signal := func(sig syscall.Signal) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, sig); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGCONT) }
}

// children are the processes that the emulator started.
func (s *sandbox) children() []int { return s.childrenOf(s.cmd.Process.Pid) }

// descendants are all that runs beside the emulator.
func (s *sandbox) descendants(pid int) (pids []int) {
	for _, child := range s.childrenOf(pid) {
		pids = append(append(pids, child), s.descendants(child)...)
	}
	return pids
}

// childrenOf asks every thread of a process for the processes that it started.
func (s *sandbox) childrenOf(parent int) (pids []int) {
	s.t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, field := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				s.t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}

// arch is the layer's name for the machine's architecture.
func arch() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}
