// Package runtimeproxy sits between a Lambda runtime and the Runtime API, so that a
// function in any language follows rotation events without code of its own.
//
// A runtime whose AWS_LAMBDA_RUNTIME_API names the proxy works as it did. What it
// sends and gets passes as it is: every path, header, status and trailer, in both
// directions as it comes. Only the answer to its call for the next event is looked
// at. A rotation event never gets to it: the proxy has the secrets refreshed,
// answers the invocation itself, and asks for the next event on the runtime's
// behalf.
//
//	p := runtimeproxy.New(runtimeproxy.Options{API: os.Getenv("AWS_LAMBDA_RUNTIME_API"), Rotate: server.Rotate})
//	err := p.Serve(listener) // and the runtime is started with the listener's address
//
// With [Options.Restart] it also holds the runtime before its next event when
// variables have changed, until the process that started the runtime, told by
// [Client.Changed], has replaced it by one with the new variables.
package runtimeproxy

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Options says what is on either side of the proxy.
type Options struct {
	API string // host:port of the Runtime API

	// Rotate refreshes what a rotation event tells of, and returns the answer to
	// its invocation; nil, when the event is the runtime's. It gets every event of
	// up to 1 MiB, so it must tell quickly. An invocation whose refresh fails ends
	// with its error, for Lambda to try again. The deadline is the invocation's,
	// zero where Lambda names none.
	Rotate func(ctx context.Context, event []byte, deadline time.Time) (answer []byte, err error)

	Restart *Restart     // nil: the runtime is never replaced
	Log     *slog.Logger // nil: nothing is logged
}

// Proxy is one runtime's way to the Runtime API. Make one with [New].
type Proxy struct {
	api      string
	rotate   func(context.Context, []byte, time.Time) ([]byte, error)
	restarts *restarts // nil: none
	log      *slog.Logger
	upstream *http.Transport
	server   http.Server
}

// bufferSize of what is read and written at once: a payload of 6 MB takes 96 turns.
const bufferSize = 64 << 10

// maxHeader is more than the largest header of a runtime, the cause of an error
// for X-Ray, which may have 1 MB.
const maxHeader = 2 << 20

// New returns a proxy that does nothing until [Proxy.Serve].
func New(o Options) *Proxy {
	p := &Proxy{api: o.API, rotate: o.Rotate, log: o.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	if o.Restart != nil {
		p.restarts = newRestarts(*o.Restart)
	}
	// Nothing here has a time-out: the sandbox is frozen while next waits.
	p.upstream = &http.Transport{
		Proxy:              nil, // HTTP_PROXY is for the function's own calls
		DialContext:        (&net.Dialer{KeepAlive: -1}).DialContext,
		DisableCompression: true,
		// Each of the concurrent invocations of a Managed Instance has two.
		MaxIdleConnsPerHost:    256,
		MaxResponseHeaderBytes: maxHeader,
		ReadBufferSize:         bufferSize,
		WriteBufferSize:        bufferSize,
	}
	p.server = http.Server{
		Handler:                      p,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true,
		// net/http would print the content of what panics and of what is malformed.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	return p
}

// Serve takes the runtime's requests from l until [Proxy.Close], and returns nil
// then. It closes l, which must be on a loopback address: like the Runtime API, the
// proxy takes anybody for the runtime.
func (p *Proxy) Serve(l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		_ = l.Close()
		return fmt.Errorf("serve the Runtime API on %s: not a loopback address", a)
	}
	if err := p.server.Serve(l); err != http.ErrServerClosed {
		return fmt.Errorf("serve the Runtime API: %w", err)
	}
	return nil
}

// Close cuts off all requests: a runtime that waits for its next event waits for
// ever. Serve returns.
func (p *Proxy) Close() error {
	err := p.server.Close()
	p.upstream.CloseIdleConnections()
	return err
}

const (
	nextPath      = "/2018-06-01/runtime/invocation/next"
	initErrorPath = "/2018-06-01/runtime/init/error"
	// ownPath is no path of the Runtime API.
	ownPath = "/aws-secretsmanager/variables"
)

// ServeHTTP passes a request on, unless it is one of the few that concern us.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// An answer that comes before the body has ended does not end the body.
		_ = http.NewResponseController(w).EnableFullDuplex()
	}
	switch {
	case r.URL.Path == nextPath && r.Method == http.MethodGet:
		p.next(w, r)
	case p.restarts != nil && r.URL.Path == ownPath:
		p.restarts.serve(w, r)
	case p.restarts != nil && r.URL.Path == initErrorPath && p.restarts.starting():
		p.initError(w, r)
	default:
		p.forward(w, r)
	}
}
