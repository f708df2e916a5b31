package wiring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// Spec says which events are to reach which function.
type Spec struct {
	Function FunctionID
	Secrets  []string // ids; none: those that the function's own SECRET names
	Events   []Event  // none: [Native]
	Bus      string   // for custom events, name or ARN; "" is the default bus

	// What the custom event looks like. "" is what the function's SECRETS_ROTATION_…
	// variables say, else the default of package event.
	Matcher event.Matcher
}

// Rule is a rule of EventBridge with the target and the permission that make it
// reach a function.
type Rule struct {
	Event       Event
	Name, Bus   string
	ARN         string
	Pattern     string // JSON
	Description string
	FunctionARN string // the target, with its qualifier
	TargetID    string
	StatementID string   // of the permission in the function's policy
	Secrets     []string // names of those whose rotations it matches
}

// looked is what Spec names, looked up.
type looked struct {
	function Function
	secrets  []Secret
	matcher  event.Matcher
	bus      string // for custom events
}

// lookUp finds the function and the secrets, and completes what the function's
// variables decide.
func (c Clients) lookUp(ctx context.Context, spec Spec) (l looked, err error) {
	if l.function, err = c.function(ctx, spec.Function); err != nil {
		return l, err
	}
	if l.bus, err = busName(spec.Bus, l.function.FunctionID); err != nil {
		return l, err
	}
	l.matcher = l.function.matcher(spec.Matcher)
	ids := spec.Secrets
	if len(ids) == 0 {
		refs, err := l.function.references()
		if err != nil {
			return l, err
		}
		ids = variables.IDs(refs)
	}
	if len(ids) == 0 {
		return l, fmt.Errorf("no secrets: name some with --secret, or set %s of function %q", l.function.secretsKey(), spec.Function)
	}
	var problems []error
	for _, id := range ids {
		problems = append(problems, checkPlace(id, l.function.FunctionID))
	}
	if err := errors.Join(problems...); err != nil {
		return l, err
	}
	l.secrets, err = c.secrets(ctx, ids)
	return l, err
}

// secretsKey is the variable that says which secrets the function holds.
func (f Function) secretsKey() string {
	if key := f.variable("SECRETS_KEY"); key != "" {
		return key
	}
	return "SECRET"
}

func (f Function) references() ([]variables.Reference, error) {
	refs, err := variables.Parse(f.variable(f.secretsKey()))
	if err != nil {
		return nil, fmt.Errorf("variable %s of function %q: %w", f.secretsKey(), f, err)
	}
	return refs, nil
}

// matcher completes m from the function's variables: what its extension recognises.
func (f Function) matcher(m event.Matcher) event.Matcher {
	for _, v := range []struct {
		field *string
		name  string
	}{
		{&m.Source, "SECRETS_ROTATION_SOURCE"},
		{&m.DetailType, "SECRETS_ROTATION_DETAIL_TYPE"},
		{&m.DetailKey, "SECRETS_ROTATION_DETAIL_KEY"},
	} {
		if *v.field == "" {
			*v.field = f.variable(v.name)
		}
	}
	return m
}

// busFor is where an event comes in.
func (l looked) busFor(e Event) string {
	if e == Native {
		return DefaultBus
	}
	return l.bus
}

// notes are what can keep events away though the rules are right.
func (l looked) notes(spec Spec) []string {
	var notes []string
	for _, s := range l.secrets {
		if slices.Contains(spec.events(), Native) && s.account() != l.function.Account {
			notes = append(notes, fmt.Sprintf("secret %s is of account %s, where its event is sent: forward it from the default bus there to the one here", s.Name, s.account()))
		}
	}
	if own := l.function.matcher(event.Matcher{}); slices.Contains(spec.events(), Custom) && withDefaults(l.matcher) != withDefaults(own) {
		notes = append(notes, "the function's own variables name another custom event: set SECRETS_ROTATION_SOURCE, _DETAIL_TYPE and _DETAIL_KEY there too, unless its code does")
	}
	return notes
}

// rules returns what must be there for one event. It has more than one rule only
// where a pattern would become too long.
func (l looked) rules(e Event) []Rule {
	bus := l.busFor(e)
	var rules []Rule
	for i, group := range split(e, l.matcher, l.function, l.secrets) {
		name := ruleName(l.function.FunctionID, e, i+1)
		r := Rule{
			Event: e, Name: name, Bus: bus,
			ARN:         ruleARN(l.function.FunctionID, bus, name),
			Pattern:     patternFor(e, l.matcher, l.function, group),
			Description: "Tells " + l.function.String() + " of secret rotations",
			FunctionARN: l.function.ARN,
			TargetID:    targetID,
			StatementID: statementID(bus, name, e),
		}
		for _, s := range group {
			r.Secrets = append(r.Secrets, s.Name)
		}
		rules = append(rules, r)
	}
	return rules
}

// check refuses what could be set up and would never deliver anything.
func (spec Spec) check() error {
	var problems []error
	for _, e := range spec.events() {
		switch e {
		case Native:
			if len(spec.events()) == 1 && spec.Bus != "" && !isDefaultBus(spec.Bus) {
				problems = append(problems, fmt.Errorf("bus %q would match nothing: Secrets Manager sends its events to the default bus alone; leave --bus out, or use --event custom", spec.Bus))
			}
		case Custom:
			problems = append(problems, rotation.CheckEvent(spec.Matcher))
		default:
			problems = append(problems, fmt.Errorf("event %q is none, want native or custom", e))
		}
	}
	return errors.Join(problems...)
}

func isDefaultBus(bus string) bool {
	return bus == DefaultBus || strings.HasSuffix(bus, ":event-bus/"+DefaultBus)
}

func (spec Spec) events() []Event {
	if len(spec.Events) == 0 {
		return []Event{Native}
	}
	return spec.Events
}
