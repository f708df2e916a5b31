package awstest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// eventRequest holds the members of every operation's input.
type eventRequest struct {
	Name               string
	NamePrefix         string
	Rule               string
	EventBusName       string
	EventPattern       *string
	ScheduleExpression string
	Description        string
	State              string
	RoleArn            string
	Event              string
	Force              bool
	Targets            []eventTarget
	IDs                []string `json:"Ids"`
	TargetArn          string
	Entries            []eventEntry
	ResourceARN        string
	Tags               []eventTag
	TagKeys            []string
	Limit              *int
	NextToken          string
}

type eventTag struct{ Key, Value string }

type eventError struct {
	status        int // 0 is 400
	code, message string
}

// eventOperation is one operation of the JSON protocol. It is run with the lock
// held.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html
type eventOperation struct {
	about func(*EventBridge, eventRequest) string // the ARN that it is about
	run   func(*EventBridge, eventRequest) (any, *eventError)
}

var eventOperations = map[string]eventOperation{
	"PutEvents":             {aboutBus, (*EventBridge).putEvents},
	"PutRule":               {aboutRule, (*EventBridge).putRule},
	"DescribeRule":          {aboutRule, (*EventBridge).describeRule},
	"ListRules":             {aboutRule, (*EventBridge).listRules},
	"DeleteRule":            {aboutRule, (*EventBridge).deleteRule},
	"EnableRule":            {aboutRule, (*EventBridge).enableRule},
	"DisableRule":           {aboutRule, (*EventBridge).disableRule},
	"PutTargets":            {aboutRule, (*EventBridge).putTargets},
	"RemoveTargets":         {aboutRule, (*EventBridge).removeTargets},
	"ListTargetsByRule":     {aboutRule, (*EventBridge).listTargetsByRule},
	"ListRuleNamesByTarget": {aboutRule, (*EventBridge).listRuleNamesByTarget},
	"TagResource":           {aboutResource, (*EventBridge).tagResource},
	"UntagResource":         {aboutResource, (*EventBridge).untagResource},
	"ListTagsForResource":   {aboutResource, (*EventBridge).listTagsForResource},
	"TestEventPattern":      {aboutNothing, (*EventBridge).testEventPattern},
	"CreateEventBus":        {aboutBus, (*EventBridge).createEventBus},
	"DescribeEventBus":      {aboutBus, (*EventBridge).describeEventBus},
	"ListEventBuses":        {aboutNothing, (*EventBridge).listEventBuses},
	"DeleteEventBus":        {aboutBus, (*EventBridge).deleteEventBus},
}

func aboutNothing(*EventBridge, eventRequest) string { return "*" }

func aboutResource(_ *EventBridge, r eventRequest) string { return r.ResourceARN }

func aboutBus(e *EventBridge, r eventRequest) string {
	name := r.Name
	for _, entry := range r.Entries {
		name = cmp.Or(name, entry.EventBusName)
	}
	return e.place.arn("events", "event-bus/"+busName(name))
}

func aboutRule(e *EventBridge, r eventRequest) string {
	return e.ruleARN(busName(r.EventBusName), cmp.Or(r.Name, r.Rule, "*"))
}

// busName returns the name of a bus that may be named by its ARN.
func busName(nameOrARN string) string {
	if _, name, isARN := strings.Cut(nameOrARN, ":event-bus/"); isARN {
		return name
	}
	return cmp.Or(nameOrARN, defaultBus)
}

// maxEventBody is more than any request may have: a request's entries have 1 MB.
const maxEventBody = 4 << 20

// ServeHTTP answers one call of the JSON 1.1 protocol.
func (e *EventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req eventRequest
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEventBody))
	if err == nil {
		err = json.Unmarshal(body, &req)
	}
	name, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSEvents.")
	op, known := eventOperations[name]
	switch {
	case !ours || !known:
		clientError("UnknownOperationException", "").write(w)
		return
	case err != nil:
		clientError("SerializationException", "").write(w)
		return
	}
	call, code, message := e.record(r, "events:"+name, op.about(e, req))
	var result any
	var failure *eventError
	if code != "" {
		failure = &eventError{code: code, message: message}
	} else {
		result, failure = e.perform(op, call.Action, req)
	}
	a := ok(result)
	switch {
	case failure != nil:
		a = apiError(cmp.Or(failure.status, http.StatusBadRequest), failure.code, failure.message)
	case result == nil: // operations that answer nothing have no body
		a.body = nil
	}
	e.answered(call, a.status)
	a.write(w)
}

func (e *EventBridge) perform(op eventOperation, action string, req eventRequest) (any, *eventError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if f := e.fault(action, false); f != nil {
		return nil, f
	}
	return op.run(e, req)
}

func eventNotFound(format string, args ...any) *eventError {
	return &eventError{code: notFoundType, message: fmt.Sprintf(format, args...)}
}

func eventInvalid(format string, args ...any) *eventError {
	return &eventError{code: "ValidationException", message: fmt.Sprintf(format, args...)}
}

func constraint(member, value, must string) *eventError {
	return eventInvalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, member, must)
}

var eventName = regexp.MustCompile(`^[\.\-_A-Za-z0-9]+$`)

// checkName is the check of names of rules (64 characters) and targets (64), and
// of event buses (256).
func checkName(member, name string, most int) *eventError {
	switch {
	case name == "":
		return constraint(member, name, "have length greater than or equal to 1")
	case utf8.RuneCountInString(name) > most:
		return constraint(member, name, fmt.Sprintf("have length less than or equal to %d", most))
	case !eventName.MatchString(name):
		return constraint(member, name, `satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`)
	}
	return nil
}

// pageOf cuts a sorted list. The token is the key of the last item that was
// answered, so that a list may change between two pages.
func pageOf[T any](e *EventBridge, r eventRequest, all []T, key func(T) string) (items []T, next string, failure *eventError) {
	size := 100
	if r.Limit != nil {
		if size = *r.Limit; size < 1 || size > 100 {
			return nil, "", constraint("limit", fmt.Sprint(size), "have value between 1 and 100")
		}
	}
	if e.pageSize > 0 {
		size = min(size, e.pageSize)
	}
	after, err := base64.StdEncoding.DecodeString(r.NextToken)
	if err != nil {
		return nil, "", eventInvalid("The nextToken is invalid.")
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	all = slices.DeleteFunc(all, func(item T) bool { return r.NextToken != "" && key(item) <= string(after) })
	if len(all) <= size {
		return all, "", nil
	}
	return all[:size], base64.StdEncoding.EncodeToString([]byte(key(all[size-1]))), nil
}
