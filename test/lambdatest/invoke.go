package lambdatest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Request is an invocation, with all that a caller can give.
type Request struct {
	Payload         []byte // JSON; nil = {}
	ClientContext   string // JSON
	CognitoIdentity string // JSON
	TraceID         string // X-Ray header, "" = a new one
	RequestID       string // "" = a new one
	// Stream receives the response as it comes, besides Result.Payload; may be nil.
	Stream io.Writer
}

// Result is what the caller of the function gets.
type Result struct {
	RequestID string
	Payload   []byte         // the response; of a failure the JSON that describes it
	Error     *FunctionError // nil when the invocation succeeded
	Header    http.Header    // what the runtime sent with its answer
	Trailer   http.Header    // … and after it
	Streamed  bool           // the runtime chose the mode streaming
	Duration  time.Duration  // from the event to the answer of the runtime
}

// FunctionError is why an invocation, or an init, failed: what the runtime or an
// extension said, or what Lambda says for them, such as Sandbox.Timedout,
// Extension.Crash and Runtime.ExitError.
type FunctionError struct {
	Type    string
	Message string
}

func (e *FunctionError) Error() string { return e.Type + ": " + e.Message }

// fail makes the result the failure that Lambda describes in its own JSON.
func (r *Result) fail(kind, message string) {
	r.Error = &FunctionError{Type: kind, Message: message}
	r.Payload, _ = json.Marshal(map[string]string{"errorType": kind, "errorMessage": message})
}

// invocation is one under way. All below done is guarded by Lambda.mu.
type invocation struct {
	id, arn, traceID string
	request          Request
	start, deadline  time.Time

	done     chan struct{} // closed when the runtime has answered
	finished chan struct{} // closed when the environment is idle again, or gone
	taken    bool          // the runtime has begun to answer
	answered bool
	result   Result
}

// Invoke sends one event to the function and returns its answer, as soon as the
// runtime has given it. It first waits for the init, and for the extensions to be
// done with the invocation before. A function that fails is a Result with Error;
// the error is for invocations that cannot be made: payload too large, an
// environment that is down, the end of ctx.
func (l *Lambda) Invoke(ctx context.Context, payload []byte) (Result, error) {
	return l.Do(ctx, Request{Payload: payload})
}

// Do is Invoke with all that a caller can give.
func (l *Lambda) Do(ctx context.Context, req Request) (Result, error) {
	if req.Payload == nil {
		req.Payload = []byte("{}")
	}
	if len(req.Payload) > MaxPayload {
		return Result{}, fmt.Errorf("invoke: RequestEntityTooLargeException: payload of %d bytes, want at most %d", len(req.Payload), MaxPayload)
	}
	if err := l.WaitInit(ctx); err != nil {
		return Result{}, fmt.Errorf("invoke: %w", err)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("invoke: wait for the invocation before: %w", context.Cause(ctx))
	}
	inv, err := l.begin(req)
	if err != nil {
		return Result{}, fmt.Errorf("invoke: %w", err)
	}
	go l.finish(inv)

	answered := inv.done
	if l.o.WaitForExtensions {
		answered = inv.finished
	}
	select {
	case <-answered:
	case <-inv.finished:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("invoke: %w", context.Cause(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return inv.result, nil
}

// begin gives the event to the runtime and the extensions, at the same moment.
func (l *Lambda) begin(req Request) (*invocation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	switch {
	case l.phase == snapshot:
		err = errors.New("the function is a snapshot: call Restore first")
	case l.phase >= stopping && l.failure != nil:
		err = fmt.Errorf("the environment is down: %w", l.failure)
	case l.phase != running || l.closed:
		err = errors.New("the environment is down")
	}
	if err != nil {
		<-l.turn
		l.update()
		return nil, err
	}
	inv := &invocation{
		id: req.RequestID, traceID: req.TraceID, request: req,
		arn:   fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", l.o.Region, l.o.AccountID, l.o.Function),
		start: time.Now(), done: make(chan struct{}), finished: make(chan struct{}),
	}
	inv.deadline = inv.start.Add(l.o.Timeout)
	if inv.id == "" {
		inv.id = newID()
	}
	if inv.traceID == "" {
		inv.traceID = newTraceID(inv.start)
	}
	if l.failure != nil { // it broke while nothing was under way
		return inv, nil
	}
	l.signalAll(thaw)
	l.invocations[inv.id] = inv
	l.queue = append(l.queue, inv)
	for _, a := range l.agents {
		if a.invoke {
			a.event, a.waiting = l.event(inv), false
		}
	}
	l.update()
	return inv, nil
}

// answered takes the runtime's answer.
func (l *Lambda) answered(inv *invocation, res Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if inv.answered {
		return
	}
	res.RequestID, res.Duration = inv.id, time.Since(inv.start)
	inv.answered, inv.result = true, res
	close(inv.done)
	l.update()
}

// finish waits for the end of the invocation, which comes when the runtime has
// answered and everybody has asked for the next event, and makes the environment
// ready for the next one; or resets it after a failure.
func (l *Lambda) finish(inv *invocation) {
	ctx, cancel := context.WithDeadline(context.Background(), inv.deadline)
	defer cancel()
	err := l.wait(ctx, func() bool {
		return l.failure != nil || l.closed || inv.answered && (l.managed() || l.idle())
	})

	l.mu.Lock()
	reset := ""
	switch {
	case l.closed:
	case l.failure != nil:
		reset = Failure
		l.failed(inv, *l.failure)
	case err != nil:
		timeout := FunctionError{"Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id, l.o.Timeout.Seconds())}
		l.failed(inv, timeout)
		if !l.managed() { // there a time-out does not reset the environment
			reset, l.failure = Timeout, &timeout
		}
	case l.o.Freeze && !l.managed():
		l.signalAll(freeze)
	}
	delete(l.invocations, inv.id)
	l.mu.Unlock()
	if reset != "" {
		l.stop(reset)
	}

	l.mu.Lock()
	<-l.turn
	close(inv.finished)
	l.update()
	l.mu.Unlock()
}

// failed makes e the result unless the runtime has answered; mu is held.
func (l *Lambda) failed(inv *invocation, e FunctionError) {
	l.ended[inv.id] = true
	l.queue = slices.DeleteFunc(l.queue, func(other *invocation) bool { return other == inv })
	if inv.answered {
		return
	}
	inv.answered = true
	inv.result = Result{RequestID: inv.id, Duration: time.Since(inv.start)}
	inv.result.fail(e.Type, e.Message)
}

// fail says that this generation cannot go on; mu is held.
func (l *Lambda) fail(e *FunctionError) {
	if l.failure == nil {
		l.failure = e
	}
	l.update()
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func newTraceID(now time.Time) string {
	var b [20]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=1", now.Unix(), b[:12], b[12:])
}
