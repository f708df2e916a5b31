package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// run is the whole program: it returns when the environment is shut down or, as a
// local agent, when ctx ends. The error is for the log; Lambda has been told.
func run(ctx context.Context, args []string, getenv func(string) string, environ []string, stderr io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q: it takes none, its configuration is in environment variables", args[0])
	}
	cfg, err := parseConfig(getenv, os.ReadFile)
	tell := func(errorType string, cause error) error { return cause }
	if cfg.inLambda() {
		tell = func(errorType string, cause error) error { return failInit(ctx, cfg, errorType, cause) }
	}
	if err != nil {
		return tell(errConfig, err)
	}
	log := newLogger(stderr, cfg.LogLevel, cfg.LogFormat)
	for _, warning := range append(cfg.Warnings, unknownVariables(environ, getenv("SECRETS_KEY"))...) {
		log.Warn(warning)
	}
	a, err := newAgent(cfg, log)
	if err != nil {
		return tell(errConfig, err)
	}
	if cfg.inLambda() {
		return a.runInLambda(ctx)
	}
	return a.runLocally(ctx, stderr)
}
