package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/cache/awssm"
	"github.com/aws-secretsmanager/lambda-extension/localhttp"
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
	tokenMade bool         // nobody gave a token, as only outside Lambda
	deadline  atomic.Int64 // of the invocation under way, in Unix ms; 0 for none
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
		Deadline: a.invocationEnds, Log: log,
	})
	return a, nil
}

func (a *agent) invocationEnds() time.Time {
	if ms := a.deadline.Load(); ms > 0 {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

// listen opens the endpoint on 127.0.0.1 and, where there is one, on [::1]: what
// "localhost" means depends on the runtime's resolver.
func (a *agent) listen() ([]net.Listener, error) {
	port := strconv.Itoa(a.cfg.Port)
	v4, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %s of localhost is taken by another process: set PARAMETERS_SECRETS_EXTENSION_HTTP_PORT to a free one", port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on port %s of localhost (PARAMETERS_SECRETS_EXTENSION_HTTP_PORT): %w", port, err)
	}
	listeners := []net.Listener{v4}
	if v6, err := net.Listen("tcp6", net.JoinHostPort("::1", port)); err == nil {
		listeners = append(listeners, v6)
	}
	return listeners, nil
}

// load fetches what SECRET names, within the time box of the start.
func (a *agent) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.InitTimeout)
	defer cancel()
	return a.variables.Load(ctx)
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
