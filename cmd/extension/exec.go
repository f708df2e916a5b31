package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const usage = `usage: aws-secretsmanager exec [--] COMMAND [ARGUMENT...]
Runs COMMAND with the variables that SECRET stands for. As AWS_LAMBDA_EXEC_WRAPPER=/opt/secrets-wrapper it takes them
from the extension beside it; elsewhere it loads them, and serves the endpoint to COMMAND.
`

// launch is one command to run with the variables of the secrets.
type launch struct {
	cfg     config
	log     *slog.Logger
	argv    []string
	environ []string // of this process
	ran     bool     // the command ran, and another is to follow it
}

// execute runs a command as the last thing this process does: where it can, this
// process becomes the command. It returns the exit status.
func execute(ctx context.Context, args, environ []string, stderr io.Writer) int {
	getenv := lookUpIn(environ)
	argv := command(args, getenv("SECRETS_NEXT_WRAPPER"))
	if len(argv) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	l := &launch{argv: argv, environ: environ}
	status, err := l.run(ctx, getenv, stderr)
	if err == nil {
		return status
	}
	// Why there is no command is logged at every level, "none" included.
	newLogger(stderr, slog.LevelError, l.cfg.LogFormat).Error("the command is not run", "command", argv[0], "error", err.Error())
	if l.cfg.inLambda() && !l.ran {
		l.reportInitError(ctx, err) // last: Lambda may end this process at once
	}
	if e, ok := errors.AsType[*startError](err); ok {
		return e.status()
	}
	return 1
}

func (l *launch) run(ctx context.Context, getenv func(string) string, stderr io.Writer) (status int, err error) {
	if getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		l.cfg, err = parseWrapperConfig(getenv)
	} else {
		l.cfg, err = parseConfig(getenv, os.ReadFile)
	}
	l.log = newLogger(stderr, l.cfg.LogLevel, l.cfg.LogFormat)
	switch {
	case err != nil:
		return 0, err
	case l.cfg.inLambda():
		return l.inLambda(ctx)
	}
	return l.locally(ctx)
}

// command returns what is to be run, of what follows "exec". The kernel puts the
// path of the wrapper first, which is how it runs a file that begins with
// "#!/opt/extensions/aws-secretsmanager exec": run again, it would run itself for
// ever.
func command(args []string, nextWrapper string) []string {
	if len(args) > 0 && filepath.Base(args[0]) == filepath.Base(ourWrapper) {
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) > 0 && nextWrapper != "" {
		args = append([]string{nextWrapper}, args...)
	}
	return args
}

// environment returns that of this process with each of over in the place of what
// has its name; the later ones win. No name is in it twice: it is the first that
// counts to most runtimes, and the last to bash.
func (l *launch) environment(over ...map[string]string) []string {
	env := make([]string, 0, len(l.environ)+16)
	seen := make(map[string]bool, cap(env))
	add := func(name, entry string) {
		if !seen[name] {
			seen[name] = true
			env = append(env, entry)
		}
	}
	for _, vars := range slices.Backward(over) {
		for name, value := range vars {
			add(name, name+"="+value)
		}
	}
	for _, entry := range l.environ {
		name, _, _ := strings.Cut(entry, "=")
		add(name, entry)
	}
	return env
}

// lookUpIn is os.Getenv for environ.
func lookUpIn(environ []string) func(string) string {
	return func(name string) string {
		for _, entry := range environ {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
}
