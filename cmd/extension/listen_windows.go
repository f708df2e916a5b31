package main

import "syscall"

// errTaken is why nothing can listen on a port that another process has. That of
// package syscall is not the one that Windows returns.
// https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2
const errTaken = syscall.Errno(10048) // WSAEADDRINUSE
