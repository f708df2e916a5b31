package awstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

type eventEntry struct {
	Source, DetailType string
	Detail             string
	EventBusName       string
	Resources          []string
	Time               *float64 // seconds
}

// size is what EventBridge counts, in bytes.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
func (n eventEntry) size() int {
	size := len(n.Source) + len(n.DetailType) + len(n.Detail)
	if n.Time != nil {
		size += 14
	}
	for _, r := range n.Resources {
		size += len(r)
	}
	return size
}

// check is why EventBridge refuses an entry.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
func (n eventEntry) check() *eventError {
	for _, member := range []struct{ name, value string }{{"Source", n.Source}, {"DetailType", n.DetailType}, {"Detail", n.Detail}} {
		if member.value == "" {
			return &eventError{code: "InvalidArgument", message: fmt.Sprintf("Parameter %s is not valid. Reason: %[1]s is a required argument.", member.name)}
		}
	}
	var detail map[string]json.RawMessage
	switch {
	case json.Unmarshal([]byte(n.Detail), &detail) != nil || detail == nil:
		return &eventError{code: "MalformedDetail", message: "Detail is malformed."}
	case strings.HasPrefix(n.Source, "aws."):
		return &eventError{code: "NotAuthorizedForSourceException", message: "Not authorized for the source."}
	}
	return nil
}

// serviceEvent is an event as EventBridge delivers it.
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
type serviceEvent struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"` // whole seconds
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

func (s serviceEvent) encode(at time.Time) []byte {
	s.Version, s.ID, s.Time = "0", newUUID(), at.UTC().Format(time.RFC3339)
	if s.Resources == nil {
		s.Resources = []string{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("awstest: " + err.Error()) // the detail is checked before
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

type entryResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

// putEvents accepts an event for a bus that does not exist, as EventBridge does:
// the caller learns nothing, [EventBridge.Undelivered] does.
func (e *EventBridge) putEvents(req eventRequest) (any, *eventError) {
	if n := len(req.Entries); n < 1 || n > 10 {
		return nil, constraint("entries", fmt.Sprintf("[%d entries]", n), "have length between 1 and 10")
	}
	size := 0
	for _, n := range req.Entries {
		size += n.size()
	}
	if size >= 1<<20 {
		return nil, eventInvalid("Total size of the entries in the request is over the limit.")
	}
	var out struct {
		FailedEntryCount int
		Entries          []entryResult
	}
	for _, n := range req.Entries {
		failure := e.fault("events:PutEvents", true)
		if failure == nil {
			failure = n.check()
		}
		if failure != nil {
			out.FailedEntryCount++
			out.Entries = append(out.Entries, entryResult{ErrorCode: failure.code, ErrorMessage: failure.message})
			continue
		}
		event := e.envelope(n)
		out.Entries = append(out.Entries, entryResult{EventID: eventID(event)})
		e.accept(n.EventBusName, event)
	}
	return out, nil
}

func (e *EventBridge) envelope(n eventEntry) []byte {
	at := time.Now()
	if n.Time != nil {
		at = time.Unix(int64(*n.Time), 0)
	}
	return serviceEvent{
		DetailType: n.DetailType, Source: n.Source, Account: e.place.Account, Region: e.place.Region,
		Resources: n.Resources, Detail: json.RawMessage(n.Detail),
	}.encode(at)
}

func eventID(event []byte) string {
	var s serviceEvent
	_ = json.Unmarshal(event, &s) // what has no id has none
	return s.ID
}

// Emit puts the event of an AWS service on the default bus, as it is. It panics if
// the event is not a JSON object.
func (e *EventBridge) Emit(event []byte) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(event, &members); err != nil || members == nil {
		panic(fmt.Sprintf("awstest: emitted what is not a JSON object: %v", err))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accept("", bytes.Clone(event))
}
