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
	ours bool

	target  string // why its targets are not the function
	refused string // why EventBridge may not invoke the function
	broken  error  // why its pattern cannot be tested

	// The spellings of a secret that its pattern does not match, by event and ARN;
	// an event that cannot come by here has no entry.
	missed map[string][]string
}

// routes finds the rules of ours and all others that have the function as a target.
func (r *report) routes(ctx context.Context) ([]*route, error) {
	buses, err := r.clients.busesOf(ctx, r.v.Bus, r.function.FunctionID)
	if isAccessError(err) {
		buses, err = []string{r.bus}, nil
	}
	if err != nil {
		return nil, err
	}
	if !slices.Contains(buses, DefaultBus) {
		buses = append(buses, DefaultBus)
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
	for _, rule := range own {
		routes = append(routes, &route{liveRule: rule, ours: true, missed: map[string][]string{}})
	}
	in := &eventbridge.ListRuleNamesByTargetInput{TargetArn: &r.function.ARN, EventBusName: busParameter(bus)}
	for {
		out, err := r.clients.Events.ListRuleNamesByTarget(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list the rules of function %q: %w", r.function, Explain(err))
		}
		for _, name := range out.RuleNames {
			if slices.ContainsFunc(routes, func(w *route) bool { return w.name == name }) {
				continue
			}
			rule, err := r.clients.readRule(ctx, bus, name)
			if err != nil {
				return nil, err
			}
			if rule.exists {
				routes = append(routes, &route{liveRule: rule, missed: map[string][]string{}})
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return routes, nil
		}
	}
}

// match notes which events of which secrets the rule's pattern does not match.
func (r *report) match(ctx context.Context, w *route) {
	for _, e := range []Event{Native, Custom} {
		if e == Native && w.bus != DefaultBus || w.ours && w.event != e {
			continue
		}
		for _, s := range r.secrets {
			missed := []string{}
			for _, id := range s.spellings(e) {
				matched, err := r.matches(ctx, w.pattern, sample(e, r.matcher, r.function, s, id, r.now))
				if err != nil {
					w.broken = err
				}
				if !matched {
					missed = append(missed, id)
				}
			}
			w.missed[missKey(e, s)] = missed
		}
	}
}

func missKey(e Event, s Secret) string { return string(e) + " " + s.ARN }

// carries reports whether an event of s comes through the pattern; known is false
// for an event that the rule is not there for. A rule of ours must carry it whatever
// it calls the secret; somebody else knows what their rotation function sends.
func (w *route) carries(e Event, s Secret) (carried, known bool) {
	missed, known := w.missed[missKey(e, s)]
	enough := len(missed) == 0 || !w.ours && len(missed) < len(s.spellings(e))
	return known && enough, known
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
