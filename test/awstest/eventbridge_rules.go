package awstest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

// maxEventPattern is in characters.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxEventPattern = 2048

func (e *EventBridge) bus(nameOrARN string) (*eventBus, *eventError) {
	name := busName(nameOrARN)
	b := e.buses[name]
	if b == nil || strings.HasPrefix(nameOrARN, "arn:") && nameOrARN != b.arn {
		return nil, eventNotFound("Event bus %s does not exist.", name)
	}
	return b, nil
}

func (e *EventBridge) rule(busName, name string) (*eventRule, *eventError) {
	b, failure := e.bus(busName)
	if failure != nil {
		return nil, failure
	}
	r := b.rules[name]
	if r == nil {
		return nil, eventNotFound("Rule %s does not exist on EventBus %s.", name, b.name)
	}
	return r, nil
}

// parsePattern refuses a pattern in the words of EventBridge.
func parsePattern(text string) (*pattern.Pattern, *eventError) {
	if utf8.RuneCountInString(text) > maxEventPattern {
		return nil, constraint("eventPattern", text, fmt.Sprintf("have length less than or equal to %d", maxEventPattern))
	}
	p, err := pattern.Parse([]byte(text))
	if wrong, is := errors.AsType[*pattern.Error](err); is {
		return nil, &eventError{code: "InvalidEventPatternException", message: fmt.Sprintf(
			"Event pattern is not valid. Reason: %s\n at [Source: (String)\"%s\"; line: %d, column: %d]", wrong.Reason, text, wrong.Line, wrong.Column)}
	}
	return p, nil
}

// putRule makes a rule, or replaces all of one but its targets and its tags: those
// of the call are passed over then, and what it leaves out is gone.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
func (e *EventBridge) putRule(req eventRequest) (any, *eventError) {
	b, failure := e.bus(req.EventBusName)
	if failure == nil {
		failure = checkName("name", req.Name, 64)
	}
	if failure != nil {
		return nil, failure
	}
	r := &eventRule{
		name: req.Name, arn: e.ruleARN(b.name, req.Name), bus: b.name, description: req.Description,
		schedule: req.ScheduleExpression, role: req.RoleArn, state: cmp.Or(req.State, "ENABLED"), tags: make(map[string]string),
	}
	if failure := r.check(req.EventPattern); failure != nil {
		return nil, failure
	}
	if old := b.rules[r.name]; old != nil {
		r.targets, r.tags = old.targets, old.tags
	} else if len(req.Tags) > 0 {
		// Tags need their own permission, and without it there is no rule either.
		if e.denied["events:TagResource"] {
			return nil, &eventError{code: "AccessDeniedException", message: e.denial("events:TagResource", r.arn, "identity-based")}
		}
		for _, t := range req.Tags {
			r.tags[t.Key] = t.Value
		}
	}
	b.rules[r.name] = r
	return struct{ RuleArn string }{r.arn}, nil
}

// check reads the pattern, if there is one, and refuses what makes no rule.
func (r *eventRule) check(text *string) (failure *eventError) {
	switch {
	case utf8.RuneCountInString(r.description) > 512:
		return constraint("description", r.description, "have length less than or equal to 512")
	case !slices.Contains([]string{"ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}, r.state):
		return constraint("state", r.state, "satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]")
	case text == nil && r.schedule == "":
		return eventInvalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case r.schedule != "" && r.bus != defaultBus:
		return eventInvalid("ScheduleExpression is supported only on the default event bus.")
	case text == nil:
		return nil
	}
	r.pattern = *text
	r.matcher, failure = parsePattern(r.pattern)
	return failure
}

type ruleOutput struct {
	Name               string
	Arn                string
	EventPattern       string `json:",omitempty"`
	ScheduleExpression string `json:",omitempty"`
	State              string
	Description        string `json:",omitempty"`
	RoleArn            string `json:",omitempty"`
	EventBusName       string
	CreatedBy          string `json:",omitempty"`
}

func (r *eventRule) output() ruleOutput {
	return ruleOutput{
		Name: r.name, Arn: r.arn, EventPattern: r.pattern, ScheduleExpression: r.schedule, State: r.state,
		Description: r.description, RoleArn: r.role, EventBusName: r.bus,
	}
}

func (e *EventBridge) describeRule(req eventRequest) (any, *eventError) {
	r, failure := e.rule(req.EventBusName, req.Name)
	if failure != nil {
		return nil, failure
	}
	out := r.output()
	out.CreatedBy = e.place.Account
	return out, nil
}

func (e *EventBridge) listRules(req eventRequest) (any, *eventError) {
	b, failure := e.bus(req.EventBusName)
	if failure != nil {
		return nil, failure
	}
	out := struct {
		Rules     []ruleOutput
		NextToken string `json:",omitempty"`
	}{Rules: []ruleOutput{}}
	for name, r := range b.rules {
		if strings.HasPrefix(name, req.NamePrefix) {
			out.Rules = append(out.Rules, r.output())
		}
	}
	out.Rules, out.NextToken, failure = pageOf(e, req, out.Rules, func(r ruleOutput) string { return r.Name })
	return out, failure
}

// deleteRule succeeds for a rule that is not there.
func (e *EventBridge) deleteRule(req eventRequest) (any, *eventError) {
	b, failure := e.bus(req.EventBusName)
	if failure != nil {
		return nil, failure
	}
	if r := b.rules[req.Name]; r != nil && len(r.targets) > 0 {
		return nil, eventInvalid("Rule can't be deleted since it has targets.")
	}
	delete(b.rules, req.Name)
	return nil, nil
}

func (e *EventBridge) enableRule(req eventRequest) (any, *eventError) {
	return e.setState(req, "ENABLED")
}

func (e *EventBridge) disableRule(req eventRequest) (any, *eventError) {
	return e.setState(req, "DISABLED")
}

func (e *EventBridge) setState(req eventRequest, state string) (any, *eventError) {
	r, failure := e.rule(req.EventBusName, req.Name)
	if failure == nil {
		r.state = state
	}
	return nil, failure
}

// tags returns those of a rule or an event bus.
func (e *EventBridge) tags(arn string) (map[string]string, *eventError) {
	for _, b := range e.buses {
		if b.arn == arn {
			return b.tags, nil
		}
		for _, r := range b.rules {
			if r.arn == arn {
				return r.tags, nil
			}
		}
	}
	if !strings.HasPrefix(arn, e.place.arn("events", "")) {
		return nil, eventInvalid("Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.")
	}
	if _, name, isRule := strings.Cut(arn, ":rule/"); isRule {
		bus, rule, custom := strings.Cut(name, "/")
		if !custom {
			bus, rule = defaultBus, name
		}
		return nil, eventNotFound("Rule %s does not exist on EventBus %s.", rule, bus)
	}
	return nil, eventNotFound("Event bus %s does not exist.", busName(arn))
}

func (e *EventBridge) tagResource(req eventRequest) (any, *eventError) {
	tags, failure := e.tags(req.ResourceARN)
	if failure == nil {
		for _, t := range req.Tags {
			tags[t.Key] = t.Value
		}
	}
	return struct{}{}, failure
}

func (e *EventBridge) untagResource(req eventRequest) (any, *eventError) {
	tags, failure := e.tags(req.ResourceARN)
	if failure == nil {
		for _, key := range req.TagKeys {
			delete(tags, key)
		}
	}
	return struct{}{}, failure
}

func (e *EventBridge) listTagsForResource(req eventRequest) (any, *eventError) {
	tags, failure := e.tags(req.ResourceARN)
	out := struct{ Tags []eventTag }{[]eventTag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out.Tags = append(out.Tags, eventTag{key, tags[key]})
	}
	return out, failure
}
