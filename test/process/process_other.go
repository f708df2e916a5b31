//go:build !linux

package process

import "os/exec"

func dieWithTest(*exec.Cmd) {}
