package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/cache/awssm"
	"github.com/aws-secretsmanager/lambda-extension/localhttp"
	"github.com/aws-secretsmanager/lambda-extension/runtimeproxy"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// agent is the parts that serve secrets, wired together. Both lifecycles, that of
// an extension and that of a local agent, drive one.
type agent struct {
	cfg       config
	log       *slog.Logger
	cache     *cache.Cache
	variables *variables.Set
	server    *localhttp.Server
	proxy     *runtimeproxy.Proxy // nil: there is none
	tokenMade bool                // nobody gave a token, as only outside Lambda
	deadline  atomic.Int64        // of the invocation under way, in Unix ms; 0 for none

	restoring sync.Once // the first invocation after a SnapStart snapshot
	restored  error     // why it found no secrets
}

func newAgent(cfg config, log *slog.Logger) (*agent, error) {
	options := cfg.AWS
	options.UserAgent = name + "/" + version
	var err error
	if options.Credentials, err = awssm.Credentials(cfg.Credentials); err != nil {
		return nil, err
	}
	client, err := awssm.New(options)
	if err != nil {
		return nil, err
	}
	a := &agent{cfg: cfg, log: log}
	if cfg.Token == "" {
		a.cfg.Token, a.tokenMade = rand.Text(), true
	}
	a.cache = cache.New(client.Fetch, cache.Options{
		TTL: cfg.TTL, MaxStale: cfg.MaxStale, Timeout: cfg.FetchTimeout, Size: cfg.CacheSize,
		Named: variables.IDs(cfg.References), Log: log,
		// A write that failed is logged by Publish, which tries again the next time.
		Changed: func() { _ = a.variables.Publish() },
	})
	a.variables = variables.New(cfg.References, a.cache, variables.Options{
		Path: cfg.DotenvPath, PathRequired: cfg.DotenvRequired, Strict: cfg.Strict, Log: log,
	})
	a.server = localhttp.NewServer(localhttp.Options{
		Cache: a.cache, Variables: a.variables, Matcher: cfg.Matcher, Token: a.cfg.Token,
		Deadline: a.invocationEnds, Invoked: func(ctx context.Context) { _ = a.restore(ctx) }, Log: log,
	})
	if cfg.inLambda() && cfg.ProxyPort != 0 {
		a.proxy = a.newProxy()
	}
	return a, nil
}

func (a *agent) newProxy() *runtimeproxy.Proxy {
	o := runtimeproxy.Options{API: a.cfg.RuntimeAPI, Rotate: a.server.Rotate, Log: a.log}
	if a.cfg.Restart {
		o.Restart = &runtimeproxy.Restart{Load: a.firstVariables, Current: a.current, Token: a.cfg.Token}
	}
	return runtimeproxy.New(o)
}

// firstVariables are those to start the runtime with, which it waits for as any
// read does.
func (a *agent) firstVariables(ctx context.Context) (runtimeproxy.Variables, error) {
	before := a.current()
	e, err := a.variables.Env(ctx)
	if err != nil {
		return runtimeproxy.Variables{}, err
	}
	// Others than those published belong to an earlier moment, or to none.
	after := a.current()
	if maps.Equal(e.Vars, after.Values) {
		return after, nil
	}
	return runtimeproxy.Variables{Values: e.Vars, Change: before.Change}, nil
}

// current returns the variables as the file has them.
func (a *agent) current() runtimeproxy.Variables {
	vars, changes := a.variables.Published()
	return runtimeproxy.Variables{Values: vars, Change: changes}
}

func (a *agent) invocationEnds() time.Time {
	if ms := a.deadline.Load(); ms > 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

// listen opens the endpoint on 127.0.0.1 and, where there is one, on [::1]: what
// "localhost" means depends on the runtime's resolver. On a port that another
// process has on one of them, that would get requests with our token.
func (a *agent) listen() ([]net.Listener, error) {
	const variable = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
	v4, err := listenOn(a.cfg.Port, variable)
	if err != nil {
		return nil, err
	}
	v6, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(a.cfg.Port)))
	switch {
	case errors.Is(err, errTaken):
		_ = v4.Close()
		return nil, notListening(err, a.cfg.Port, variable)
	case err != nil: // there is no IPv6
		return []net.Listener{v4}, nil
	}
	return []net.Listener{v4, v6}, nil
}

// listenOn listens on 127.0.0.1. The variable is the one that sets the port.
func listenOn(port int, variable string) (net.Listener, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, notListening(err, port, variable)
	}
	return l, nil
}

func notListening(err error, port int, variable string) error {
	if errors.Is(err, errTaken) {
		return fmt.Errorf("port %d of localhost is taken by another process: set %s to a free one", port, variable)
	}
	return fmt.Errorf("listen on port %d of localhost (%s): %w", port, variable, err)
}

// load fetches what SECRET names, within the time box of the start.
func (a *agent) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.InitTimeout)
	defer cancel()
	return a.variables.Load(ctx)
}

// restore ends the time of a SnapStart snapshot and loads what that must not hold.
// Nothing tells an extension of the restore itself: the first sign of an invocation
// does.
func (a *agent) restore(ctx context.Context) error {
	if a.cfg.Initialization != snapStart {
		return nil
	}
	a.restoring.Do(func() {
		a.cache.Restore()
		a.restored = a.load(ctx)
	})
	return a.restored
}

// close stops the endpoint, lets the requests under way end while ctx lasts, and
// removes the dotenv file.
func (a *agent) close(ctx context.Context) {
	if err := a.server.Shutdown(ctx); err != nil {
		a.log.Warn("requests were cut off at the end", "error", err.Error())
	}
	if err := a.variables.Close(); err != nil {
		a.log.Warn("dotenv file cannot be removed", "error", err.Error())
	}
}
