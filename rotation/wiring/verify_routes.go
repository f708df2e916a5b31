package wiring

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

// route is a rule that may bring events to the function, and what is wrong with it.
type route struct {
	liveRule
	ours  bool
	event Event // of a rule of ours

	target  string          // why its targets are not the function
	refused string          // why EventBridge may not invoke the function
	missed  map[string]bool // secrets that its pattern does not match, by event and ARN
}

func (w *route) problems() int {
	n := 0
	for _, bad := range []bool{!w.enabled, w.target != "", w.refused != ""} {
		if bad {
			n++
		}
	}
	return n
}

// routes finds the rules of ours and all others that have the function as a target.
func (r *report) routes(ctx context.Context) ([]*route, error) {
	buses := []string{DefaultBus}
	if r.bus != DefaultBus {
		buses = append(buses, r.bus)
	} else if r.v.Bus == "" {
		all, err := r.clients.buses(ctx)
		if err != nil && !isAccessError(err) {
			return nil, err
		}
		if err == nil {
			buses = all
		}
	}
	var routes []*route
	for _, bus := range buses {
		found, err := r.routesOn(ctx, bus)
		if err != nil {
			return nil, err
		}
		routes = append(routes, found...)
	}
	return routes, nil
}

func (r *report) routesOn(ctx context.Context, bus string) ([]*route, error) {
	own, err := r.clients.ownRules(ctx, r.function.FunctionID, bus)
	if err != nil {
		return nil, err
	}
	var routes []*route
	add := func(name string, ours bool, e Event) error {
		if slices.ContainsFunc(routes, func(w *route) bool { return w.name == name }) {
			return nil
		}
		live, err := r.clients.readRule(ctx, bus, name)
		if err == nil && live.exists {
			routes = append(routes, &route{liveRule: live, ours: ours, event: e, missed: map[string]bool{}})
		}
		return err
	}
	for _, o := range own {
		if err := add(o.Name, true, o.Event); err != nil {
			return nil, err
		}
	}
	in := &eventbridge.ListRuleNamesByTargetInput{TargetArn: &r.function.ARN, EventBusName: busParameter(bus)}
	for {
		out, err := r.clients.Events.ListRuleNamesByTarget(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the rules of function %q: %w", r.function, Explain(err))
		}
		for _, name := range out.RuleNames {
			if err := add(name, false, ""); err != nil {
				return nil, err
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return routes, nil
		}
	}
}

// match notes which events of which secrets the rule's pattern does not match.
func (r *report) match(ctx context.Context, w *route) error {
	for _, e := range []Event{Native, Custom} {
		if e == Native && w.bus != DefaultBus || w.ours && w.event != e {
			continue
		}
		for _, s := range r.secrets {
			matched, err := r.matches(ctx, w.pattern, sample(e, r.matcher, r.function, s, r.now))
			if err != nil {
				return fmt.Errorf("test the pattern of rule %q: %w", w.name, err)
			}
			w.missed[missKey(e, s)] = !matched
		}
	}
	return nil
}

func missKey(e Event, s Secret) string { return string(e) + " " + s.ARN }

// carries reports whether an event of s comes through the pattern; known is false
// for a rule that is not meant for it.
func (w *route) carries(e Event, s Secret) (matched, known bool) {
	missed, known := w.missed[missKey(e, s)]
	return known && !missed, known
}

// matches asks EventBridge, or, where the caller may not, works it out here.
func (r *report) matches(ctx context.Context, text string, event []byte) (bool, error) {
	if text == "" {
		return false, nil // a schedule
	}
	if matched, ok := r.askEventBridge(ctx, text, event); ok {
		return matched, nil
	}
	p, err := pattern.Parse([]byte(text))
	if err != nil {
		return false, err
	}
	return p.Match(event)
}

// askEventBridge has EventBridge test a pattern; ok is false where it does not, be
// it that the caller may not, or that it is an emulator which never says yes.
func (r *report) askEventBridge(ctx context.Context, text string, event []byte) (matched, ok bool) {
	test := func(text string) (bool, error) {
		out, err := r.clients.Events.TestEventPattern(ctx, &eventbridge.TestEventPatternInput{
			Event: aws.String(string(event)), EventPattern: &text,
		}, func(o *eventbridge.Options) { o.RetryMaxAttempts = 1 })
		return err == nil && out.Result, err
	}
	if r.testsEvents == nil {
		every, err := test(`{"source":[{"exists":true}]}`)
		r.testsEvents = aws.Bool(every && err == nil)
	}
	if !*r.testsEvents {
		return false, false
	}
	matched, err := test(text)
	return matched, err == nil
}
