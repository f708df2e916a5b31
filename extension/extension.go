// Package extension speaks the AWS Lambda Extensions API.
//
// It keeps an extension in the order that Lambda demands: only [Register] makes
// a [Session], and only a Session can wait for events or report an error. A
// whole extension is
//
//	s, err := extension.Register(ctx, extension.Options{API: api, Name: "my-extension", Events: extension.EventsFor(initType)})
//	for err == nil {
//		var e *extension.Event // Next may take minutes: the process is frozen within it
//		if e, err = s.Next(ctx); err == nil && e.Type == extension.Shutdown {
//			return nil
//		}
//	}
//
// where a failure is reported with [Session.InitError] or [Session.ExitError],
// after which the process exits at once. The platform's side of it is described
// at https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html.
package extension

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// How long a call may take that the platform answers at once. Next has no limit:
// the process is frozen while it waits.
const (
	registerTimeout = 5 * time.Second
	reportTimeout   = time.Second // an exit has 2 s in all
)

// An answer that is longer than this is none of the Extensions API: no event
// carries a payload.
const maxAnswer = 1 << 20

// Options says who registers, where, and for what.
type Options struct {
	API    string      // host:port, the value of AWS_LAMBDA_RUNTIME_API
	Name   string      // base name of the file in /opt/extensions, suffix included; with another one Lambda takes it for an internal extension
	Events []EventType // see EventsFor; none is allowed, Next then waits for ever
}

// EventsFor returns the events to register for, given the value of
// AWS_LAMBDA_INITIALIZATION_TYPE: Invoke and Shutdown, but on Lambda Managed
// Instances only Shutdown, since there Invoke is refused with
// Extension.InvalidEventType and the function never starts.
func EventsFor(initializationType string) []EventType {
	if initializationType == "lambda-managed-instances" {
		return []EventType{Shutdown}
	}
	return []EventType{Invoke, Shutdown}
}

// Session is a registered extension. Its fields are what Lambda told about the
// function.
type Session struct {
	FunctionName    string
	FunctionVersion string
	Handler         string
	AccountID       string // "" where the platform does not tell it, as in the Runtime Interface Emulator

	client  *http.Client
	base    string
	id      string
	waiting atomic.Bool
}

// Register tells Lambda that the extension is there. The runtime starts only
// when every extension has registered. It gives up after 5 s.
func Register(ctx context.Context, o Options) (*Session, error) {
	return register(ctx, o, newClient())
}

func register(ctx context.Context, o Options, client *http.Client) (*Session, error) {
	if o.API == "" || o.Name == "" {
		return nil, fmt.Errorf("register: need an API address and a name, got %q and %q", o.API, o.Name)
	}
	events := o.Events
	if events == nil {
		events = []EventType{} // the list is there, if empty
	}
	body, err := json.Marshal(struct {
		Events []EventType `json:"events"`
	}{events})
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()

	s := &Session{client: client, base: "http://" + o.API + "/2020-01-01/extension"}
	answer, header, err := s.call(ctx, "register", http.MethodPost, "/register", body, http.Header{
		"Lambda-Extension-Name":           {o.Name},
		"Lambda-Extension-Accept-Feature": {"accountId"},
	})
	if err != nil {
		return nil, err
	}
	if s.id = header.Get("Lambda-Extension-Identifier"); s.id == "" {
		return nil, errors.New("register: the answer has no Lambda-Extension-Identifier")
	}
	var function struct{ FunctionName, FunctionVersion, Handler, AccountID string }
	if err := json.Unmarshal(answer, &function); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	s.FunctionName, s.FunctionVersion = function.FunctionName, function.FunctionVersion
	s.Handler, s.AccountID = function.Handler, function.AccountID
	return s, nil
}

// newClient returns a client of its own: the default one obeys HTTP_PROXY, which
// must never apply to the Runtime API, and one connection serves all calls.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:              nil,
			DisableCompression: true,
			MaxIdleConns:       1,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Next tells Lambda that the extension is done with the last event, and waits
// for the next one, for as long as it takes: only the end of ctx ends the wait.
// Asking again after that is a mistake that Lambda refuses, so end ctx only to
// leave. The first call also says that the extension's init is over. Events come
// one at a time; a call while another waits is an error.
func (s *Session) Next(ctx context.Context) (*Event, error) {
	if !s.waiting.CompareAndSwap(false, true) {
		return nil, errors.New("next: called while another call of this session waits")
	}
	defer s.waiting.Store(false)
	answer, _, err := s.call(ctx, "next", http.MethodGet, "/event/next", nil, http.Header{})
	if err != nil {
		return nil, err
	}
	e, err := decodeEvent(answer)
	if err != nil {
		return nil, fmt.Errorf("next: %w", err)
	}
	return e, nil
}

// call makes one call and returns the answer's body and header. Any status that
// is not 2xx is an [*Error].
func (s *Session) call(ctx context.Context, name, method, path string, body []byte, header http.Header) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	req.Header = header
	if s.id != "" {
		header.Set("Lambda-Extension-Identifier", s.id)
	}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case res.StatusCode/100 != 2:
		return nil, nil, newError(name, res.StatusCode, answer)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: read the answer: %w", name, err)
	case len(answer) > maxAnswer:
		return nil, nil, fmt.Errorf("%s: the answer is longer than %d bytes", name, maxAnswer)
	}
	return answer, res.Header, nil
}

// InitError reports that the extension cannot start: Lambda fails the function's
// init with errorType, of the form "Extension.Reason". The process must exit
// after it: one that stays alive hangs the function until it times out. The
// report goes out although ctx has ended, since the failure often ended it, and
// gives up after 1 s. What cause says appears in no log unless it is printed too.
func (s *Session) InitError(ctx context.Context, errorType string, cause error) error {
	return s.report(ctx, "init/error", errorType, cause)
}

// ExitError reports that the extension ends because of a failure after its init.
// All that InitError demands holds for it.
func (s *Session) ExitError(ctx context.Context, errorType string, cause error) error {
	return s.report(ctx, "exit/error", errorType, cause)
}

func (s *Session) report(ctx context.Context, name, errorType string, cause error) error {
	if errorType = cleanType(errorType); errorType == "" {
		errorType = "Extension.UnknownReason"
	}
	message := errorType
	if cause != nil {
		message = cause.Error()
	}
	body, err := json.Marshal(struct {
		Message string   `json:"errorMessage"`
		Type    string   `json:"errorType"`
		Stack   []string `json:"stackTrace"`
	}{message, errorType, []string{}})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	_, _, err = s.call(ctx, name, http.MethodPost, "/"+name, body, http.Header{
		"Lambda-Extension-Function-Error-Type": {errorType},
	})
	return err
}

// cleanType drops what a header's error type may not hold: a report with a
// slightly wrong type is worth more than none.
func cleanType(t string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, t)
}
