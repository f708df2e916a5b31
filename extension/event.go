package extension

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// EventType is what happened. Besides the two below Lambda may one day send
// others, which reach the caller as they are spelled: ignore them and ask for
// the next event.
type EventType string

// The events that an extension can register for.
const (
	Invoke   EventType = "INVOKE"   // the function's handler is called, at the same moment
	Shutdown EventType = "SHUTDOWN" // the environment ends; exit before the deadline
)

// Event is one event of the environment. The payload of an invocation is never
// part of it.
type Event struct {
	Type     EventType
	Deadline time.Time // when the invocation times out, or the process is killed; zero when not told

	// Of an Invoke event.
	RequestID          string
	InvokedFunctionARN string
	Tracing            Tracing

	// ShutdownReason of a Shutdown event: spindown, timeout, failure or another,
	// in upper or lower case. Whatever it is, the environment ends.
	ShutdownReason string
}

// Tracing is the X-Ray header of an invocation: Type "X-Amzn-Trace-Id" and its
// value. It is zero when there is none.
type Tracing struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// decodeEvent reads one answer of event/next.
func decodeEvent(data []byte) (*Event, error) {
	var e struct {
		EventType          string
		DeadlineMs         int64
		RequestID          string
		InvokedFunctionARN string
		Tracing            Tracing
		ShutdownReason     string
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("decode the event: %w", err)
	}
	if e.EventType == "" {
		return nil, errors.New("decode the event: it has no eventType")
	}
	event := &Event{
		Type:               EventType(e.EventType),
		RequestID:          e.RequestID,
		InvokedFunctionARN: e.InvokedFunctionARN,
		Tracing:            e.Tracing,
		ShutdownReason:     e.ShutdownReason,
	}
	for _, known := range []EventType{Invoke, Shutdown} {
		if strings.EqualFold(e.EventType, string(known)) {
			event.Type = known
		}
	}
	if e.DeadlineMs != 0 {
		event.Deadline = time.UnixMilli(e.DeadlineMs)
	}
	return event, nil
}
