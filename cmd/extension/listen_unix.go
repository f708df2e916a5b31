//go:build unix

package main

import "syscall"

// errTaken is why nothing can listen on a port that another process has.
const errTaken = syscall.EADDRINUSE
