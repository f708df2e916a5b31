package shim

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

const (
	// Lambda gives an init ten seconds. The extension answers sooner, be it that
	// it has no value yet.
	loadTimeout = 9 * time.Second
	// An ordinary invocation waits no longer than this for newer values. The
	// extension goes on fetching them meanwhile.
	renewTimeout = 500 * time.Millisecond
	renewEvery   = time.Second
)

// Secrets are the variables and secrets of a function. Its methods are safe for
// concurrent use, as Lambda Managed Instances need.
type Secrets struct {
	client    *client.Client
	clientErr error         // why there is no client
	matcher   event.Matcher // the function's, options included
	settings  settings      // the function's variables alone, which the extension has too
	every     time.Duration
	log       *slog.Logger
	lambda    []lambda.Option

	env     environment
	loaded  atomic.Bool  // the extension has told the variables at least once
	asked   atomic.Int64 // when, in Unix nanoseconds: wall time, for the monotonic clock may stand still in a frozen sandbox
	failing atomic.Bool  // the last attempt failed, and the log says so
}

// A process has one environment, hence one set of secrets: that of the last Load.
var current atomic.Pointer[Secrets]

// Start is [lambda.Start] for a function that keeps its secrets current. It takes
// every handler that lambda.Start takes, and like it never returns: an error at
// the start ends the process with a log line and exit status 1.
func Start(handler any, opts ...Option) {
	h, _, err := Wrap(handler, opts...)
	if err != nil {
		log.Fatal(err) // as lambda.Start ends; Lambda reports it as Runtime.ExitError
	}
	lambda.Start(h)
}

// Wrap is [Start] without the start: it loads the variables and returns the
// handler for [lambda.Start], or for a test to invoke.
func Wrap(handler any, opts ...Option) (lambda.Handler, *Secrets, error) {
	s, err := Load(opts...)
	if err != nil {
		return nil, nil, err
	}
	h, err := s.Wrap(handler)
	if err != nil {
		return nil, nil, err
	}
	return h, s, nil
}

// Load puts the variables into the process environment now, for a main that needs
// them before its handler exists:
//
//	secrets, err := shim.Load()
//	…
//	h, err := secrets.Wrap(newHandler(connect(secrets.Get("DB_URL"))))
//	…
//	lambda.Start(h)
func Load(opts ...Option) (*Secrets, error) {
	s, err := newSecrets(os.Getenv, opts)
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), loadTimeout)
	defer cancel()
	if err := s.Renew(ctx); err != nil {
		if s.settings.strict && !temporary(err) {
			return nil, fmt.Errorf("shim: %w", err)
		}
		s.report(err)
	}
	current.Store(s)
	return s, nil
}

func newSecrets(getenv func(string) string, opts []Option) (*Secrets, error) {
	set, err := readSettings(getenv)
	if err != nil {
		return nil, err
	}
	o := options{matcher: set.matcher, every: renewEvery, log: slog.Default()}
	if set.proxied {
		o.every = 0
	}
	for _, option := range opts {
		option(&o)
	}
	s := &Secrets{
		client: o.client, matcher: o.matcher, settings: set,
		every: o.every, log: o.log, lambda: o.lambda,
	}
	if s.client == nil {
		s.client, s.clientErr = client.FromEnv(getenv)
	}
	return s, nil
}

// Wrap returns a handler that follows rotation events and calls handler with all
// others. It is of the type that [lambda.NewHandler] makes, so [lambda.Start]
// streams its responses.
func (s *Secrets) Wrap(handler any) (lambda.Handler, error) {
	h, err := intercept(lambda.NewHandlerWithOptions(handler, s.lambda...), s.around)
	if err != nil {
		return nil, fmt.Errorf("shim: %w", err)
	}
	return h, nil
}

// Renew asks the extension for the variables and brings the process environment
// up to date. It is called at the start, after a rotation and before an
// invocation; a function that lives long in one invocation may call it too.
func (s *Secrets) Renew(ctx context.Context) error {
	if s.client == nil {
		return s.explain(s.clientErr)
	}
	turn := s.env.turn()
	vars, _, err := s.client.Env(ctx)
	if err != nil {
		return s.explain(err)
	}
	err = s.env.apply(turn, vars)
	s.asked.Store(time.Now().UnixNano())
	s.loaded.Store(true)
	return err
}

// before brings the variables up to date for an ordinary invocation. Its error is
// that of a function which must not run without its secrets and has none.
func (s *Secrets) before(ctx context.Context) error {
	required := s.settings.strict && !s.loaded.Load()
	if !required && !s.due() {
		return nil
	}
	var cancel context.CancelFunc
	if required {
		ctx, cancel = beforeDeadline(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, renewTimeout)
	}
	defer cancel()
	err := s.Renew(ctx)
	s.report(err)
	if required && err != nil {
		return fmt.Errorf("no secrets: %w", err)
	}
	return nil
}

// due reports whether it is this invocation's turn to renew the variables.
func (s *Secrets) due() bool {
	if s.every <= 0 {
		return s.every == 0
	}
	last, now := s.asked.Load(), time.Now().UnixNano()
	if age := now - last; age >= 0 && age < int64(s.every) {
		return false
	}
	return s.asked.CompareAndSwap(last, now)
}

// report logs the outcome of a renewal where it differs from that of the one before.
func (s *Secrets) report(err error) {
	if failed := err != nil; s.failing.Swap(failed) == failed {
		return
	}
	switch {
	case err == nil:
		s.log.Info("variables are current again")
	case s.loaded.Load():
		s.log.Warn("variables are not renewed, the values of before stay", "error", err)
	default:
		s.log.Warn("variables are not loaded", "error", err)
	}
}

// temporary reports whether the extension is there and may have the values later.
// An error of Secrets Manager that is final has ended the extension's own init.
func temporary(err error) bool {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Type != "" || e.Status >= 500 || e.Status == 429
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// explain says what to do about an extension that does not answer.
func (s *Secrets) explain(err error) error {
	_, answered := errors.AsType[*client.Error](err)
	if answered || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	if s.settings.lambda {
		return fmt.Errorf("cannot reach the secrets extension; is its layer attached to the function? %w", err)
	}
	return fmt.Errorf("cannot reach the secrets extension; start aws-secretsmanager and export the token that it prints: %w", err)
}

// beforeDeadline leaves the invocation the time to report its error.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	const most = 12 * time.Second // where there is no invocation; the extension gives up after 10 s
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, most)
	}
	left := time.Until(deadline)
	return context.WithTimeout(ctx, left-min(left/10, 100*time.Millisecond))
}
