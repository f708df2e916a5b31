package main

import "syscall"

// Why nothing can listen: the port is taken, or there is no IPv6. Those of package
// syscall are not the ones that Windows returns.
// https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2
const (
	errTaken     = syscall.Errno(10048) // WSAEADDRINUSE
	errNoAddress = syscall.Errno(10049) // WSAEADDRNOTAVAIL
	errNoFamily  = syscall.Errno(10047) // WSAEAFNOSUPPORT
)
