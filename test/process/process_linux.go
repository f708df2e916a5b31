package process

import (
	"os/exec"
	"syscall"
)

// dieWithTest has the kernel end the process when the test's thread ends, even by a
// time-out of go test.
func dieWithTest(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
