package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aws-secretsmanager/lambda-extension/extension"
)

const (
	// An invocation ends when the extension asks for the next event, so work on
	// account of one stops this long before its deadline.
	invokeMargin = 500 * time.Millisecond
	// Lambda kills what is left two seconds after SHUTDOWN.
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
	shutdownMargin = 500 * time.Millisecond
	shutdownGrace  = 1500 * time.Millisecond
)

// The error types that Lambda shows for a failed start.
const (
	errConfig  = "Extension.ConfigInvalid"
	errInit    = "Extension.SecretsUnavailable"
	errRuntime = "Extension.Failed"
)

// runInLambda is the life of the extension: listen, load, register, follow events.
// Lambda starts the runtime when all extensions have registered, so what its
// import-time code may read, the file and the wrapper's variables, is loaded first.
func (a *agent) runInLambda(ctx context.Context) error {
	listeners, err := a.listen()
	var runtime net.Listener
	if err == nil && a.proxy != nil {
		// Before the registration, for the runtime is started after it.
		runtime, err = listenOn(a.cfg.ProxyPort, "SECRETS_RUNTIME_PROXY_PORT")
	}
	if err != nil {
		return failInit(ctx, a.cfg, errConfig, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		g.Go(func() error { return a.server.Serve(l) })
	}
	if runtime != nil {
		g.Go(func() error { return a.proxy.Serve(runtime) })
	}
	g.Go(func() error {
		defer cancel() // the end of the event loop, orderly or not, ends the rest
		return a.follow(ctx)
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.grace())
		defer cancel()
		a.close(grace)
		if a.proxy != nil {
			return a.proxy.Close() // last: its calls for the next event never end by themselves
		}
		return nil
	})
	if a.cfg.Initialization == managedInstances {
		g.Go(func() error { return a.refreshOnTimer(ctx) })
	}
	return g.Wait()
}

// follow loads, registers, and works through the events until SHUTDOWN.
func (a *agent) follow(ctx context.Context) error {
	snapshot := a.cfg.Initialization == snapStart
	early := !snapshot && (a.cfg.DotenvPath != "" || a.cfg.Wrapper)
	if snapshot {
		a.cache.Snapshot()
	}
	var loadErr error
	if early {
		loadErr = a.load(ctx)
	}
	s, err := a.register(ctx)
	if err != nil {
		return err
	}
	if !early && !snapshot {
		loadErr = a.load(ctx)
	}
	if loadErr != nil {
		return report(ctx, s.InitError, errInit, loadErr)
	}
	if err := a.handleEvents(ctx, s); err != nil {
		return report(ctx, s.ExitError, errRuntime, err)
	}
	return nil
}

func (a *agent) register(ctx context.Context) (*extension.Session, error) {
	s, err := extension.Register(ctx, extension.Options{
		API: a.cfg.RuntimeAPI, Name: name, Events: extension.EventsFor(string(a.cfg.Initialization)),
	})
	if err != nil {
		return nil, err
	}
	if s.AccountID != "" {
		a.cache.SetAccount(s.AccountID)
	}
	a.log.Debug("registered", "function", s.FunctionName, "functionVersion", s.FunctionVersion, "version", version)
	return s, nil
}

// handleEvents works through the events until SHUTDOWN.
func (a *agent) handleEvents(ctx context.Context, s *extension.Session) error {
	for {
		e, err := s.Next(ctx)
		if err != nil {
			return err
		}
		switch e.Type {
		case extension.Shutdown:
			a.log.Debug("shutdown", "reason", e.ShutdownReason)
			deadline := e.Deadline
			if time.Since(deadline) > time.Minute {
				// Nobody is told that late: the clock is wrong, and Lambda's two seconds begin now.
				deadline = time.Now().Add(shutdownMargin + shutdownGrace)
			}
			a.deadline.Store(deadline.UnixMilli())
			return nil
		case extension.Invoke:
			if err := a.invocation(ctx, e); err != nil {
				return err
			}
		}
	}
}

// invocation does what is due while the handler runs: after it returns the sandbox
// may freeze, and a fetch under way would wake up with a dead connection.
func (a *agent) invocation(ctx context.Context, e *extension.Event) error {
	a.deadline.Store(e.Deadline.UnixMilli())
	ctx, cancel := context.WithDeadline(ctx, e.Deadline.Add(-invokeMargin))
	defer cancel()
	if err := a.restore(ctx); err != nil {
		return err
	}
	a.cache.RefreshAhead(ctx)
	return nil
}

// refreshOnTimer refreshes ahead where no event tells of invocations and nothing
// freezes: on Lambda Managed Instances.
func (a *agent) refreshOnTimer(ctx context.Context) error {
	ticker := time.NewTicker(min(max(a.cfg.TTL/20, time.Second), time.Minute))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			a.cache.RefreshAhead(ctx)
		}
	}
}

// grace is how long the requests under way may take at the end.
func (a *agent) grace() time.Duration {
	left := time.Until(a.invocationEnds()) - shutdownMargin
	return max(min(left, shutdownGrace), 0)
}

// failInit reports a failure from before the registration: Lambda takes a report
// only from an extension that has registered.
func failInit(ctx context.Context, cfg config, errorType string, cause error) error {
	s, err := extension.Register(ctx, extension.Options{
		API: cfg.RuntimeAPI, Name: name, Events: extension.EventsFor(string(cfg.Initialization)),
	})
	if err != nil {
		return fmt.Errorf("%w (and it could not be reported: %w)", cause, err)
	}
	return report(ctx, s.InitError, errorType, cause)
}

// report tells Lambda why the extension ends, and returns cause, for the log.
func report(ctx context.Context, call func(context.Context, string, error) error, errorType string, cause error) error {
	if err := call(ctx, errorType, cause); err != nil {
		return fmt.Errorf("%w (and it could not be reported: %w)", cause, err)
	}
	return cause
}
