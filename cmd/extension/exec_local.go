package main

import (
	"context"
	"net"
	"os"

	"github.com/aws-secretsmanager/lambda-extension/runtimeproxy"
)

// locally loads the secrets as the local agent does, but for the file, and runs
// the command with the variables and, where its port is free, beside the endpoint.
func (l *launch) locally(ctx context.Context) (status int, err error) {
	cfg := l.cfg
	cfg.DotenvPath = ""
	for _, warning := range cfg.Warnings {
		l.log.Warn(warning)
	}
	a, err := newAgent(cfg, l.log)
	if err != nil {
		return 0, err
	}
	listeners, busy := a.listen()
	defer func() {
		for _, listener := range listeners {
			_ = listener.Close() // for those that were never served
		}
	}()
	vars, err := l.load(ctx, a)
	if err != nil {
		return 0, err
	}
	if busy != nil {
		l.log.Info("the command gets the variables, and no endpoint of its own", "reason", busy.Error())
		return 0, become(l.argv, l.environment(vars))
	}
	return l.beside(ctx, a, listeners, vars)
}

// load waits for the secrets as a read does.
func (l *launch) load(ctx context.Context, a *agent) (map[string]string, error) {
	err := a.load(ctx)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, min(l.cfg.InitTimeout+l.cfg.FetchTimeout, forever))
		defer cancel()
		var v runtimeproxy.Variables
		if v, err = a.firstVariables(ctx); err == nil {
			return v.Values, nil
		}
	}
	if l.cfg.Strict {
		return nil, err
	}
	l.log.Warn("the command starts without the variables of the secrets", "error", err.Error())
	return nil, nil
}

// beside runs the command while this process serves the endpoint.
func (l *launch) beside(ctx context.Context, a *agent, listeners []net.Listener, vars map[string]string) (int, error) {
	for _, listener := range listeners {
		go func() {
			if err := a.server.Serve(listener); err != nil {
				l.log.Warn("the endpoint ended", "error", err.Error())
			}
		}()
	}
	token := map[string]string{}
	if a.tokenMade {
		token["AWS_TOKEN"] = a.cfg.Token
	}
	s := &supervisor{log: l.log, argv: l.argv, group: !onTerminal()}
	s.environment = func(v runtimeproxy.Variables) []string { return l.environment(v.Values, token) }
	status, err := s.run(ctx, runtimeproxy.Variables{Values: vars})
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	a.close(grace)
	return status, err
}

// onTerminal reports whether there is a terminal to send signals to this process
// and the command at once.
func onTerminal() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}
