package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// run is the whole program: it returns when the environment is shut down or, as a
// local agent, when ctx ends. Its error has been logged, and Lambda has been told.
func run(ctx context.Context, args []string, getenv func(string) string, environ []string, stderr io.Writer) error {
	cfg, err := parseConfig(getenv, os.ReadFile)
	if len(args) > 0 {
		err = fmt.Errorf("unknown argument %q: the only one is exec, the configuration is in environment variables", args[0])
	}
	if err != nil && cfg.inLambda() {
		err = failInit(ctx, cfg, errConfig, err)
	}
	if err == nil {
		err = start(ctx, cfg, unknownVariables(environ, getenv("SECRETS_KEY")), stderr)
	}
	if err != nil {
		// Why it ended is logged at every level, "none" included.
		newLogger(stderr, slog.LevelError, cfg.LogFormat).Error("the extension ended", "error", err.Error())
	}
	return err
}

func start(ctx context.Context, cfg config, warnings []string, stderr io.Writer) error {
	noCoreFile()
	log := newLogger(stderr, cfg.LogLevel, cfg.LogFormat)
	for _, warning := range append(cfg.Warnings, warnings...) {
		log.Warn(warning)
	}
	a, err := newAgent(cfg, log)
	switch {
	case err != nil && cfg.inLambda():
		return failInit(ctx, cfg, errConfig, err)
	case err != nil:
		return err
	case cfg.inLambda():
		return a.runInLambda(ctx)
	}
	return a.runLocally(ctx, stderr)
}
