//go:build unix

package lambdatest

import (
	"os/exec"
	"syscall"
)

// group makes what cmd starts the first of a process group, so that its children
// get its signals.
func group(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}

// send acts on the group of a process that was started; terminate on it alone.
func send(cmd *exec.Cmd, s signal) {
	switch pid := cmd.Process.Pid; s {
	case freeze:
		_ = syscall.Kill(-pid, syscall.SIGSTOP)
	case thaw:
		_ = syscall.Kill(-pid, syscall.SIGCONT)
	case terminate:
		_ = cmd.Process.Signal(syscall.SIGTERM)
	case kill:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
}
