package awstest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
)

// FunctionError is how a function failed.
type FunctionError struct {
	Kind     string // Handled or Unhandled
	Response string // its error object
}

func (e *FunctionError) Error() string { return e.Kind + " function error: " + e.Response }

// Invoke runs a function as a synchronous call does, without the call: the caller
// needs no permission. It is what a fake of EventBridge delivers with. The error is
// a [*FunctionError] if the code failed.
func (l *Lambda) Invoke(ctx context.Context, functionARN string, event []byte) (response []byte, err error) {
	l.mu.Lock()
	f, qualifier := l.byARN(functionARN)
	if f == nil {
		l.mu.Unlock()
		return nil, fmt.Errorf("invoke: Function not found: %s", functionARN)
	}
	as, _, exists := f.version(qualifier)
	failure := lambdaNotFound("Function not found: " + functionARN)
	if exists {
		failure = f.refusal(as)
	}
	h := f.handler
	l.mu.Unlock()
	if failure != nil {
		return nil, fmt.Errorf("invoke: %s: %s", failure.code, failure.message)
	}
	response, kind := h.run(ctx, event)
	if kind != "" {
		return nil, fmt.Errorf("invoke %s: %w", functionARN, &FunctionError{kind, string(response)})
	}
	return response, nil
}

// refusal is why no invocation is let in, nil if it is.
// https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
func (f *function) refusal(as Function) *lambdaError {
	if f.concurrency != nil && *f.concurrency == 0 {
		return &lambdaError{http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded."}
	}
	if state := cmp.Or(as.State, "Active"); state == "Pending" || state == "Failed" {
		return lambdaConflict("The operation cannot be performed at this time. The function is currently in the following state: " + state)
	}
	return nil
}

func (h Handler) run(ctx context.Context, event []byte) (response []byte, functionError string) {
	if h == nil {
		return []byte("null"), ""
	}
	return h(ctx, event)
}

func (l *Lambda) invoke(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	f, as, version, failure := l.find(req)
	kind := cmp.Or(req.Header.Get("X-Amz-Invocation-Type"), "RequestResponse")
	var h Handler
	var refused *lambdaError
	if failure == nil {
		h, refused = f.handler, f.refusal(as)
	}
	l.mu.Unlock()
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	switch kind {
	case "DryRun":
		return lambdaAnswer{status: http.StatusNoContent}, nil
	case "Event": // it is queued in any case, and run if it may be
		if refused == nil {
			l.async.Go(func() { h.retried(context.WithoutCancel(req.Context()), req.body) })
		}
		return lambdaAnswer{status: http.StatusAccepted}, nil
	case "RequestResponse":
		if refused != nil {
			return lambdaAnswer{}, refused
		}
	default:
		return lambdaAnswer{}, lambdaConstraint("invocationType", kind, "[Event, RequestResponse, DryRun]")
	}
	response, functionError := h.run(req.Context(), req.body)
	header := map[string]string{"X-Amz-Executed-Version": version}
	if functionError != "" {
		header["X-Amz-Function-Error"] = functionError
	}
	return lambdaAnswer{header: header, body: response}, nil
}

// retried runs an asynchronous invocation: after an error twice more, without
// Lambda's minutes in between.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (h Handler) retried(ctx context.Context, event []byte) {
	for range 3 {
		if _, functionError := h.run(ctx, event); functionError == "" {
			return
		}
	}
}
