package wiring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

// rules checks the way of each event of each secret, from rule to function.
func (r *report) rules(ctx context.Context, routes []*route) error {
	p, err := r.clients.functionPolicy(ctx, r.function.FunctionID)
	if err != nil {
		return err
	}
	for _, w := range routes {
		w.target = r.wrongTarget(w.targets)
		w.refused = r.refusal(p, w.arn)
		if err := r.match(ctx, w); err != nil {
			return err
		}
	}
	r.events = r.wired(routes)
	for _, e := range r.events {
		r.ways(ctx, e, routes)
	}
	return nil
}

// wired returns the events to check: those asked for, else those that some rule is
// there for, else the native one.
func (r *report) wired(routes []*route) []Event {
	if len(r.v.Events) > 0 {
		return r.v.Events
	}
	var events []Event
	for _, e := range []Event{Native, Custom} {
		if slices.ContainsFunc(routes, func(w *route) bool {
			return w.ours && w.event == e || slices.ContainsFunc(r.secrets, func(s Secret) bool {
				matched, _ := w.carries(e, s)
				return matched
			})
		}) {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		events = []Event{Native}
	}
	return events
}

// ways checks the best way that an event of each secret has.
func (r *report) ways(ctx context.Context, e Event, routes []*route) {
	setup := r.setup(ctx, e, routes)
	var used []*route
	for _, s := range r.secrets {
		best := bestRoute(e, s, routes)
		if best == nil {
			r.failed(CheckRule, string(e)+" event of "+s.ID, "no rule with it has function "+r.function.String()+" as a target", setup)
			continue
		}
		if !slices.Contains(used, best) {
			used = append(used, best)
			r.rule(best, setup)
		}
		if matched, _ := best.carries(e, s); matched {
			how := "EventBridge says so"
			if !aws.ToBool(r.testsEvents) {
				how = "worked out here, since EventBridge did not test it"
			}
			r.ok(CheckPattern, best.name+" for "+s.ID, how)
			continue
		}
		mend := setup
		if !best.ours {
			mend = "aws events put-rule --name " + best.name + busFlag(best.bus) + " --event-pattern " + quote(patternFor(e, r.matcher, r.function, r.secrets))
		}
		r.failed(CheckPattern, best.name+" for "+s.ID, "its pattern "+best.pattern+" lets the "+string(e)+" event of this secret pass by", mend)
	}
}

// bestRoute prefers a rule that carries the event, then one with fewer problems,
// then one of ours. A rule of somebody else counts only if it carries the event.
func bestRoute(e Event, s Secret, routes []*route) *route {
	var best *route
	score := func(w *route) int {
		n := 10 * w.problems()
		if matched, _ := w.carries(e, s); !matched {
			n += 100
		}
		if !w.ours {
			n++
		}
		return n
	}
	for _, w := range routes {
		matched, known := w.carries(e, s)
		if !known || !w.ours && !matched {
			continue
		}
		if best == nil || score(w) < score(best) {
			best = w
		}
	}
	return best
}

// rule checks what is the same for every secret of a rule.
func (r *report) rule(w *route, setup string) {
	on := w.name
	r.ok(CheckRule, on, w.arn)
	if w.enabled {
		r.ok(CheckEnabled, on, "")
	} else {
		r.failed(CheckEnabled, on, "it is disabled: no event comes through", "aws events enable-rule --name "+w.name+busFlag(w.bus))
	}
	if w.target == "" {
		r.ok(CheckTarget, on, r.function.ARN)
	} else {
		mend := setup
		if !w.ours {
			mend = "aws events put-targets --rule " + w.name + busFlag(w.bus) + " --targets Id=" + targetID + ",Arn=" + r.function.ARN
		}
		r.failed(CheckTarget, on, w.target, mend)
	}
	if w.refused == "" {
		r.ok(CheckPermission, on, "")
		return
	}
	mend := setup
	if !w.ours {
		mend = "aws lambda add-permission " + r.function.flags() + " --statement-id " + statementID(w.bus, w.name, Native) +
			" --action " + invokeAction + " --principal " + eventBridge + " --source-arn " + w.arn
	}
	r.failed(CheckPermission, on, w.refused, mend)
}

func busFlag(bus string) string {
	if bus == DefaultBus {
		return ""
	}
	return " --event-bus-name " + bus
}

// setup is the command that makes the rules of an event right, with every secret
// that they have now and that still exists: what it does not name, they lose.
func (r *report) setup(ctx context.Context, e Event, routes []*route) string {
	var ids []string
	for _, s := range r.secrets {
		ids = append(ids, s.Name)
	}
	bus := r.bus
	for _, w := range routes {
		if !w.ours || w.event != e {
			continue
		}
		bus = w.bus
		for _, id := range patternNames(w.pattern) {
			if !slices.Contains(ids, id) && !r.gone(ctx, id) {
				ids = append(ids, id)
			}
		}
	}
	command := "rotation setup --function " + r.function.String() + " --event " + string(e)
	if e == Custom && bus != DefaultBus {
		command += " --bus " + bus
	}
	for _, id := range ids {
		command += " --secret " + quote(id)
	}
	return command
}

// gone reports whether a secret is certainly none that could rotate.
func (r *report) gone(ctx context.Context, id string) bool {
	s, err := r.clients.secret(ctx, id)
	_, missing := errors.AsType[*NotFoundError](err)
	return missing || err == nil && !s.Deleted.IsZero()
}

// wrongTarget says why none of the targets gives the function the event; "" if one does.
func (r *report) wrongTarget(targets []eventTarget) string {
	var others []string
	for _, t := range targets {
		if aws.ToString(t.Arn) != r.function.ARN {
			others = append(others, aws.ToString(t.Arn))
			continue
		}
		if !rewrites(t) {
			return ""
		}
		return "its target is the function, with an input in place of the event"
	}
	if len(others) == 0 {
		return "it has no target"
	}
	return "its target is " + strings.Join(others, ", ") + ", want " + r.function.ARN
}

// refusal says why EventBridge may not invoke the function for a rule; "" if it may.
func (r *report) refusal(p functionPolicy, rule string) string {
	if p.text == "" {
		return "nothing may invoke the function: it has no policy"
	}
	d, err := allows(p.text, rule, r.function.ARN)
	switch {
	case err != nil:
		return "the policy of the function cannot be read: " + err.Error()
	case d.Outcome == policy.Allowed:
		return ""
	}
	return fmt.Sprintf("the function's policy does not let %s in from rule %s: %s", eventBridge, rule, d)
}
