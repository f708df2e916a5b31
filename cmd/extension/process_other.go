//go:build unix && !linux

package main

import "syscall"

// Lambda is Linux: elsewhere a command is run by hand, and nothing starts it anew.

func childAttributes(group bool) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: group}
}

func adoptOrphans() {}

func endOrphans() {}
