package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// childAttributes give the child a process group of its own, if it is to have one,
// and let it not outlive this process.
func childAttributes(group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group, Pdeathsig: syscall.SIGKILL}
}

// adoptOrphans makes this process the parent of what its children leave behind.
func adoptOrphans() {
	const subreaper = 36 // PR_SET_CHILD_SUBREAPER: prctl(2)
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, subreaper, 1, 0)
}

// endOrphans kills all children of this process, and theirs as they become its own.
func endOrphans() {
	for {
		children := children(os.Getpid())
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for _, pid := range children {
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	}
}

// children looks for the processes whose parent is pid: proc_pid_stat(5).
func children(pid int) (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
