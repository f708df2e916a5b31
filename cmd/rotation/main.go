// Command rotation wires Secrets Manager's rotations to Lambda functions: notify
// publishes one, setup makes the rule, the target and the permission that bring
// them to a function, verify proves that they arrive, teardown takes away what
// setup made.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
