// Command extension is the binary of the layer: AWS Lambda starts it as an
// external extension beside the function. Without Lambda it is a local agent for
// development, with the same variables, the same endpoint and the same file.
//
// With the argument exec it runs a command with the variables of the secrets: as
// the function's exec wrapper, or by hand.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
)

// name is what the extension registers with. Lambda starts an extension by its
// file and knows it by the file's base name, so the two are the same.
const name = "aws-secretsmanager"

// version is that of the layer, the topmost in CHANGELOG.md.
const version = "0.1.0"

func main() {
	// net/http prints what a peer sends unasked, the first bytes of an answer among
	// it, with the standard logger; they may be a secret's.
	log.SetOutput(io.Discard)
	if len(os.Args) > 1 && os.Args[1] == "exec" {
		os.Exit(execute(context.Background(), os.Args[2:], os.Environ(), os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Environ(), os.Stderr)
	stop()
	if err != nil {
		os.Exit(1)
	}
}
