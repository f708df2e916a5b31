// Package lambdatest runs a Lambda function and its extensions without Lambda.
//
// It is a strict fake of the Extensions API and the Runtime API on one port of
// 127.0.0.1: it keeps Lambda's order of start, invocation, freeze and shutdown,
// answers a mistake as Lambda would, and reports it to the test with the rule
// that was broken. A test of an extension's binary is
//
//	l := lambdatest.New(lambdatest.Options{TB: t})
//	defer l.Close()
//	l.StartExtension(exec.Command("./my-extension"))
//	l.StartHandler(func(ctx context.Context, event []byte) ([]byte, error) { return event, nil })
//	res, err := l.Invoke(t.Context(), []byte(`{}`)) // then l.Shutdown(ctx, lambdatest.Spindown)
//
// [Lambda.StartRuntime] starts a real function instead, [Lambda.GoExtension] and
// [Lambda.GoRuntime] run either of them within the test. What calls the API
// without having been started here takes part too, if [Options.ExtensionNames]
// has its name. Nothing is restarted after a failure: start the parts anew.
//
// Windows has no signals: there the processes that are started are neither frozen
// nor told by SIGTERM, and what they have started themselves may outlive them.
package lambdatest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// TB is what the fake needs of a *testing.T. Without one, mistakes are still
// kept: see [Lambda.Violations].
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// The values of [Options.InitializationType].
const (
	OnDemand               = "on-demand"
	ProvisionedConcurrency = "provisioned-concurrency"
	SnapStart              = "snap-start"
	ManagedInstances       = "lambda-managed-instances"
)

// The reasons of a shutdown. Lambda spells them in several ways.
const (
	Spindown = "SPINDOWN"
	Timeout  = "TIMEOUT"
	Failure  = "FAILURE"
)

// Options says what function there is. The zero value is an on-demand function
// named "function" with Lambda's own limits.
type Options struct {
	TB TB // told of mistakes and of the output of processes; may be nil

	Function           string   // "" = function
	Region             string   // "" = us-east-1
	AccountID          string   // "" = 123456789012
	InitializationType string   // "" = OnDemand
	ExtensionNames     []string // external extensions besides those that are started here
	Env                []string // NAME=value, the function's own variables; they win

	Timeout         time.Duration // of an invocation, 0 = 3 s
	InitTimeout     time.Duration // 0 = 10 s
	ShutdownTimeout time.Duration // 0 = 2 s

	// Freeze stops the started processes whenever Lambda would freeze them: when
	// the runtime and every extension with INVOKE have asked for the next event.
	Freeze bool
	// WaitForExtensions makes an invocation return only when the extensions have
	// asked for the next event, as the Runtime Interface Emulator does. Lambda
	// returns as soon as the runtime has answered.
	WaitForExtensions bool
	// MaxConcurrency of one environment with ManagedInstances, 0 = 10.
	MaxConcurrency int
	// CredentialsURL and CredentialsToken are what a SnapStart function is given
	// instead of keys.
	CredentialsURL, CredentialsToken string
	// Output receives a copy of the processes' output, line by line; may be nil.
	Output io.Writer
}

// phase is where in its life the environment is.
type phase int

const (
	initialising phase = iota
	snapshot           // SnapStart, between init and Restore
	running
	stopping
	down // until something is started anew
)

// Lambda is one function with one execution environment. Its methods may be
// called from several goroutines.
type Lambda struct {
	o        Options
	listener net.Listener
	server   *http.Server
	turn     chan struct{} // held by every invocation under way

	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at every change below
	closed      bool
	phase       phase
	generation  int // of the environment: counts the restarts
	initStart   time.Time
	failure     *FunctionError // why this generation cannot go on
	agents      map[string]*agent
	processes   []*Process
	runtime     runtimeState
	invocations map[string]*invocation
	queue       []*invocation // not yet taken by the runtime
	ended       map[string]bool
	reports     []Report
	frozen      bool

	reportMu   sync.Mutex // never taken before mu is wanted
	silent     bool
	violations []string
	log        bytes.Buffer
}

// New starts the fake; Close ends it. It panics when there is no port left.
func New(o Options) *Lambda {
	setDefault(&o.Function, "function")
	setDefault(&o.Region, "us-east-1")
	setDefault(&o.AccountID, "123456789012")
	setDefault(&o.InitializationType, OnDemand)
	setDefault(&o.Timeout, 3*time.Second)
	setDefault(&o.InitTimeout, 10*time.Second)
	setDefault(&o.ShutdownTimeout, 2*time.Second)
	setDefault(&o.MaxConcurrency, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(fmt.Sprintf("lambdatest: %v", err))
	}
	l := &Lambda{
		o: o, listener: listener, changed: make(chan struct{}),
		turn: make(chan struct{}, 1), ended: map[string]bool{},
	}
	if l.managed() {
		l.turn = make(chan struct{}, o.MaxConcurrency)
	}
	l.reset()
	l.server = &http.Server{Handler: l.handler()}
	go func() { _ = l.server.Serve(listener) }()
	return l
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// reset makes an environment in which nothing has happened; mu is held, or l is
// new.
func (l *Lambda) reset() {
	l.generation++
	l.phase, l.failure, l.frozen = initialising, nil, false
	l.initStart, l.runtime = time.Time{}, runtimeState{}
	l.agents, l.invocations = map[string]*agent{}, map[string]*invocation{}
	l.queue, l.processes = nil, nil
}

// renew makes a new environment when the last one has ended; mu is held.
func (l *Lambda) renew() {
	if l.phase != down {
		return
	}
	for id := range l.agents {
		l.ended[id] = true
	}
	l.reset()
}

// API returns host:port, the value of AWS_LAMBDA_RUNTIME_API.
func (l *Lambda) API() string { return l.listener.Addr().String() }

func (l *Lambda) managed() bool { return l.o.InitializationType == ManagedInstances }

// Close ends everything at once, without any event. It reports nothing more to
// the TB. Functions that were started with GoRuntime or GoExtension and that do
// not obey their context are left waiting for an answer.
func (l *Lambda) Close() {
	l.reportMu.Lock()
	l.silent = true
	l.reportMu.Unlock()
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	processes := l.processes
	l.signalAll(kill)
	l.update()
	l.mu.Unlock()
	for _, p := range processes {
		patience := time.Second
		if p.cmd == nil {
			patience = 100 * time.Millisecond // it may be one that never returns
		}
		p.waitFor(time.Now().Add(patience))
	}
	_ = l.listener.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = l.server.Shutdown(ctx)
}
