//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// become runs a command in the place of this process: its process id, descriptors,
// signals and exit status are the command's own. It returns only if that fails.
func become(argv, env []string) error {
	path, err := exec.LookPath(argv[0])
	if err == nil {
		err = syscall.Exec(path, argv, env)
	}
	return &startError{argv[0], err, env}
}

// spawn runs a command as a child that has the descriptors of this process.
func spawn(argv, env []string, group bool) (pid int, err error) {
	path, err := exec.LookPath(argv[0])
	if err == nil {
		pid, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
			Env: env, Files: []uintptr{0, 1, 2}, Sys: childAttributes(group),
		})
	}
	if err != nil {
		return 0, &startError{argv[0], err, env}
	}
	return pid, nil
}

// noCoreFile keeps a crash from writing the memory, and with it the secrets, to a
// file. It does not hold where the kernel pipes it to a program: core(5).
func noCoreFile() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) == nil {
		limit.Cur = 0
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
	}
}
