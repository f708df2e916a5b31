package cache

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ErrNotLoaded says that a secret which is loaded at start could not be had in
// time, and never was: its first load has not ended. An error that wraps it
// usually wraps an [*Error] too.
var ErrNotLoaded = errors.New("the first load has not ended")

// The Types of errors that Secrets Manager did not itself answer.
const (
	TypeTimeout    = "TimeoutError"    // no answer in time, Status 504
	TypeConnection = "ConnectionError" // no answer at all, or one that is none, Status 502
	TypeInternal   = "InternalFailure" // our own fault, Status 500
)

// Error is why a secret could not be fetched: the error that Secrets Manager
// answered, or one of the Types above for failures on the way there.
type Error struct {
	ID      string // the secret id that was asked for
	Status  int    // HTTP status of the answer
	Type    string // the answer's __type, without a namespace
	Message string // the answer's message; never holds a value
	Err     error  // the cause, where there is one below
}

func (e *Error) Error() string {
	s := fmt.Sprintf("fetch %q: %s: %s", e.ID, e.Type, e.Message)
	if hint := e.Hint(); hint != "" {
		s += " (" + hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Hint says what mends the error, or is "" where that is not known.
func (e *Error) Hint() string {
	switch {
	case strings.HasPrefix(e.Type, "AccessDenied") && strings.Contains(strings.ToLower(e.Message), "kms"),
		e.Type == "DecryptionFailure":
		return fmt.Sprintf("the function's role needs kms:Decrypt on the key of %q, and the key must be enabled", e.ID)
	case strings.HasPrefix(e.Type, "AccessDenied"):
		return fmt.Sprintf("the function's role needs secretsmanager:GetSecretValue on %q", e.ID)
	}
	return ""
}

// Gone reports whether the secret does not exist, or not any more. A held value
// is dropped then, whatever asked for the fetch.
func (e *Error) Gone() bool {
	return e.Type == "ResourceNotFoundException" ||
		// Secrets Manager says "marked for deletion", emulators also "marked deleted".
		e.Type == "InvalidRequestException" && strings.Contains(e.Message, "marked ") && strings.Contains(e.Message, "delet")
}

// Transient reports whether the same call may succeed later without anybody
// changing anything: a time-out, a throttle, a 5xx, the network.
func (e *Error) Transient() bool {
	switch {
	case e.Status >= http.StatusInternalServerError, e.Status == http.StatusTooManyRequests:
		return true
	case strings.Contains(e.Type, "Throttl"), strings.Contains(e.Type, "TooManyRequests"),
		e.Type == "RequestLimitExceeded", e.Type == "ExpiredTokenException", e.Type == "InternalServiceError":
		return true
	}
	return false
}

// AsError returns err as an [*Error] about id: the one it wraps, or one that is
// made for it, of [TypeTimeout] where a context ended and else of [TypeInternal].
func AsError(id string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Error{ID: id, Status: http.StatusGatewayTimeout, Type: TypeTimeout, Message: "no answer in time", Err: err}
	}
	return &Error{ID: id, Status: http.StatusInternalServerError, Type: TypeInternal, Message: err.Error(), Err: err}
}
