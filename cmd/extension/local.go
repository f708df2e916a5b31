package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
)

// runLocally serves a developer's functions and scripts until ctx ends. Who gets
// through to the endpoint finds the file written: connections wait for the load.
func (a *agent) runLocally(ctx context.Context, stderr io.Writer) error {
	listeners, err := a.listen()
	if err != nil {
		return err
	}
	if err := a.load(ctx); err != nil {
		return errors.Join(err, a.variables.Close())
	}
	a.greet(stderr)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		g.Go(func() error { return a.server.Serve(l) })
	}
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		a.close(grace)
		return nil
	})
	return g.Wait()
}

// greet says where the endpoint is and how to be let in.
func (a *agent) greet(w io.Writer) {
	fmt.Fprintf(w, "%s: serving secrets on http://localhost:%d until Ctrl-C\n", name, a.cfg.Port)
	if a.cfg.DotenvPath != "" && len(a.cfg.References) > 0 {
		if _, err := os.Stat(a.cfg.DotenvPath); err == nil {
			fmt.Fprintf(w, "  its variables are in %s\n", a.cfg.DotenvPath)
		} else {
			fmt.Fprintf(w, "  nothing is loaded yet, see above; its variables will be in %s\n", a.cfg.DotenvPath)
		}
	}
	if a.tokenMade {
		fmt.Fprintf(w, "  in the shell of your function: export AWS_TOKEN=%s\n", a.cfg.Token)
		fmt.Fprintf(w, "  every request carries it: curl -H \"X-Aws-Parameters-Secrets-Token: $AWS_TOKEN\" 'http://localhost:%d/secretsmanager/get?secretId=NAME'\n", a.cfg.Port)
	}
}
