package awstest

import (
	"encoding/json"
	"strings"
)

type busOutput struct {
	Name             string
	Arn              string
	Description      string `json:",omitempty"`
	CreationTime     float64
	LastModifiedTime float64
}

func (b *eventBus) output() busOutput {
	at := seconds(b.created)
	return busOutput{b.name, b.arn, b.description, at, at}
}

func (e *EventBridge) createEventBus(req eventRequest) (any, *eventError) {
	if failure := checkName("name", req.Name, 256); failure != nil {
		return nil, failure
	}
	if e.buses[req.Name] != nil {
		return nil, &eventError{code: "ResourceAlreadyExistsException", message: "Event bus " + req.Name + " already exists."}
	}
	b := e.createBus(req.Name, req.Description)
	for _, t := range req.Tags {
		b.tags[t.Key] = t.Value
	}
	return struct {
		EventBusArn string
		Description string `json:",omitempty"`
	}{b.arn, b.description}, nil
}

func (e *EventBridge) describeEventBus(req eventRequest) (any, *eventError) {
	b, failure := e.bus(req.Name)
	if failure != nil {
		return nil, failure
	}
	return b.output(), nil
}

func (e *EventBridge) listEventBuses(req eventRequest) (any, *eventError) {
	out := struct {
		EventBuses []busOutput
		NextToken  string `json:",omitempty"`
	}{EventBuses: []busOutput{}}
	for name, b := range e.buses {
		if strings.HasPrefix(name, req.NamePrefix) {
			out.EventBuses = append(out.EventBuses, b.output())
		}
	}
	var failure *eventError
	out.EventBuses, out.NextToken, failure = pageOf(e, req, out.EventBuses, func(b busOutput) string { return b.Name })
	return out, failure
}

// deleteEventBus succeeds for a bus that is not there.
func (e *EventBridge) deleteEventBus(req eventRequest) (any, *eventError) {
	b := e.buses[req.Name]
	switch {
	case req.Name == defaultBus:
		return nil, eventInvalid("Cannot delete event bus default.")
	case b != nil && len(b.rules) > 0:
		return nil, eventInvalid("EventBus can't be deleted since it has rules.")
	}
	delete(e.buses, req.Name)
	return nil, nil
}

// testEventPattern wants an event with all that EventBridge puts on one.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
func (e *EventBridge) testEventPattern(req eventRequest) (any, *eventError) {
	var text string
	if req.EventPattern != nil {
		text = *req.EventPattern
	}
	p, failure := parsePattern(text)
	if failure != nil {
		return nil, failure
	}
	var event map[string]json.RawMessage
	if json.Unmarshal([]byte(req.Event), &event) != nil {
		return nil, eventInvalid("Parameter Event is not valid. Reason: it is not a JSON object.")
	}
	for _, member := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if event[member] == nil {
			return nil, eventInvalid("Parameter Event is not valid. Reason: %s is a required member.", member)
		}
	}
	matches, err := p.Match([]byte(req.Event))
	if err != nil {
		return nil, eventInvalid("Parameter Event is not valid. Reason: %v", err)
	}
	return struct{ Result bool }{matches}, nil
}
