//go:build unix

package main

import "syscall"

// Why nothing can listen: the port is taken, or there is no IPv6.
const (
	errTaken     = syscall.EADDRINUSE
	errNoAddress = syscall.EADDRNOTAVAIL
	errNoFamily  = syscall.EAFNOSUPPORT
)
