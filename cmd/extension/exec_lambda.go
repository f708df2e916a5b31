package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/runtimeproxy"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

const (
	// Lambda gives an init ten seconds: the reason why it fails must be told before
	// they are over. A load may be allowed more where an init may take more.
	wrapperPatience = 9 * time.Second
	// What may be spent on telling it.
	reportPatience = time.Second
)

// inLambda runs the runtime with the variables of the extension beside it.
func (l *launch) inLambda(ctx context.Context) (status int, err error) {
	v, err := l.variables(ctx)
	if err != nil && l.cfg.Strict {
		return 0, err
	}
	if err != nil {
		l.log.Warn("the runtime starts without the variables of the secrets", "error", err.Error())
	}
	var api map[string]string
	// A proxy that is not there would be the end of a function that may go on.
	if l.cfg.ProxyPort != 0 && !errors.Is(err, errNoExtension) {
		api = map[string]string{"AWS_LAMBDA_RUNTIME_API": l.proxy()}
	}
	if !l.cfg.Restart || err != nil {
		return 0, become(l.argv, l.environment(v.Values, api))
	}
	s := &supervisor{log: l.log, argv: l.argv, group: true, orphans: true}
	s.environment = func(v runtimeproxy.Variables) []string { return l.environment(v.Values, api) }
	s.changed = runtimeproxy.Client{Addr: l.proxy(), Token: l.cfg.Token}.Changed
	status, err = s.run(ctx, v)
	l.ran = s.starts > 0
	return status, err
}

func (l *launch) proxy() string { return "127.0.0.1:" + strconv.Itoa(l.cfg.ProxyPort) }

// errNoExtension is part of the error when nobody answers.
var errNoExtension = errors.New("cannot reach the secrets extension; is its layer attached to the function?")

// variables asks for those to start the runtime with. The extension answers when
// it has loaded them, or knows why it cannot.
func (l *launch) variables(ctx context.Context) (v runtimeproxy.Variables, err error) {
	ctx, cancel := context.WithTimeout(ctx, max(wrapperPatience, min(l.cfg.InitTimeout+l.cfg.FetchTimeout, time.Hour)+time.Second))
	defer cancel()
	endpoint := client.New(client.Options{URL: "http://127.0.0.1:" + strconv.Itoa(l.cfg.Port), Token: l.cfg.Token})
	if l.cfg.Restart {
		v, err = runtimeproxy.Client{Addr: l.proxy(), Token: l.cfg.Token}.Variables(ctx)
	} else {
		v.Values, _, err = endpoint.Env(ctx)
	}
	if err == nil {
		return v, nil
	}
	_, answered := errors.AsType[*client.Error](err)
	_, refused := errors.AsType[*runtimeproxy.RefusedError](err)
	if answered || refused {
		return v, l.explain(ctx, endpoint, err)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w %w", errNoExtension, err)
	}
	return v, fmt.Errorf("no variables of %s: %w", quoted(variables.IDs(l.cfg.References)), err)
}

// explain asks for the secrets one by one: the error about all of them does not
// name the one that cannot be had.
func (l *launch) explain(ctx context.Context, endpoint *client.Client, all error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportPatience)
	defer cancel()
	ids := variables.IDs(l.cfg.References)
	errs := make([]error, len(ids))
	var reads sync.WaitGroup
	for i, id := range ids {
		reads.Go(func() { _, errs[i] = endpoint.Get(ctx, id) })
	}
	reads.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return fmt.Errorf("no variables of %s: %w", quoted(ids), all)
}

func quoted(ids []string) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Quote(id)
	}
	return strings.Join(words, ", ")
}

// reportInitError reports a failure as the runtime would, so that whoever invokes
// the function sees the reason.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror
func (l *launch) reportInitError(ctx context.Context, cause error) {
	const kind = "Runtime.SecretsUnavailable"
	ctx, cancel := context.WithTimeout(ctx, reportPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.cfg.RuntimeAPI+"/2018-06-01/runtime/init/error",
		bytes.NewReader(runtimeproxy.ErrorBody(kind, cause.Error())))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Lambda-Runtime-Function-Error-Type", kind)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err == nil { // and if not, the end of this process tells of it
		_ = res.Body.Close()
	}
}
