package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"

	"github.com/aws-secretsmanager/lambda-extension/runtimeproxy"
)

// A process of Windows cannot become another: it stays until that ends.

func become(argv, env []string) error {
	status, err := wait(argv, env)
	if err == nil {
		os.Exit(status)
	}
	return err
}

func noCoreFile() {}

// supervisor is here the parent of one command that is never replaced.
type supervisor struct {
	log            *slog.Logger
	argv           []string
	group, orphans bool
	starts         int

	environment func(runtimeproxy.Variables) []string
	changed     func(context.Context) (runtimeproxy.Variables, error)
}

func (s *supervisor) run(_ context.Context, v runtimeproxy.Variables) (status int, err error) {
	return wait(s.argv, s.environment(v))
}

func wait(argv, env []string) (status int, err error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode(), nil
	}
	if err != nil {
		return 0, &startError{argv[0], err, env}
	}
	return 0, nil
}
