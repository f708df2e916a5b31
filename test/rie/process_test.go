package rie

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
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

// freePorts returns ports that nobody listens on. Another process may take one meanwhile; the test then fails.
func freePorts(t *testing.T, n int) (ports []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	return ports
}

// output collects what the processes print.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// arch is the layer's name for the machine's architecture.
func arch() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}
