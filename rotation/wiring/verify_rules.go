package wiring

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/aws-secretsmanager/lambda-extension/event"
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
		r.match(ctx, w)
	}
	r.events = r.wired(routes, p)
	for _, e := range r.events {
		if e == Custom {
			r.recognised()
		}
		if err := r.ways(ctx, e, routes, p); err != nil {
			return err
		}
	}
	return nil
}

// wired returns the events to check: those asked for, else those that something was
// once set up for, else the native one.
func (r *report) wired(routes []*route, p functionPolicy) []Event {
	if len(r.v.Events) > 0 {
		return r.v.Events
	}
	var events []Event
	for _, e := range []Event{Native, Custom} {
		permitted := slices.ContainsFunc(p.wired(r.function.FunctionID), func(o wiredRule) bool { return o.event == e })
		carried := slices.ContainsFunc(routes, func(w *route) bool {
			return w.ours && w.event == e || slices.ContainsFunc(r.secrets, func(s Secret) bool {
				carried, _ := w.carries(e, s)
				return carried
			})
		})
		if permitted || carried {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		events = []Event{Native}
	}
	return events
}

// recognised checks that what the rules let through is what the extension takes for
// a rotation. A handler can say otherwise in its code, which nobody sees from here.
func (r *report) recognised() {
	own, want := withDefaults(r.function.matcher(event.Matcher{})), withDefaults(r.matcher)
	if own == want {
		r.ok(CheckRecognised, r.function.String(), "")
		return
	}
	r.add(CheckRecognised, r.function.String(), Unknown,
		fmt.Sprintf("its variables name the event %q, %q with the key %q; unless its code does better, the event passes by; see with --send", own.Source, own.DetailType, own.DetailKey),
		r.setVariables(map[string]string{
			"SECRETS_ROTATION_SOURCE": want.Source, "SECRETS_ROTATION_DETAIL_TYPE": want.DetailType, "SECRETS_ROTATION_DETAIL_KEY": want.DetailKey,
		}))
}

// ways checks the best way that an event of each secret has.
func (r *report) ways(ctx context.Context, e Event, routes []*route, p functionPolicy) error {
	setup := r.setup(ctx, e, routes)
	var used []*route
	for _, s := range r.secrets {
		best := bestRoute(e, s, routes)
		if best == nil {
			if err := r.noWay(ctx, e, s, routes, setup); err != nil {
				return err
			}
			continue
		}
		if e == Custom {
			r.bus = best.bus // where a published one arrives
		}
		if !slices.Contains(used, best) {
			used = append(used, best)
			r.rule(best, setup, p)
		}
		r.pattern(e, s, best, setup)
	}
	return nil
}

// noWay says why no rule brings an event of s.
func (r *report) noWay(ctx context.Context, e Event, s Secret, routes []*route, setup string) error {
	on := string(e) + " event of " + s.ID
	name := ruleName(r.function.FunctionID, e, 1)
	theirs, err := r.clients.readRule(ctx, r.busFor(e), name)
	if err != nil {
		return err
	}
	for _, w := range routes {
		if w.target == "" && !w.ours && w.name != name {
			r.failed(CheckRule, on, "rule "+w.name+" has the function as its target, but its pattern "+w.pattern+" lets this event pass by", setup)
			return nil
		}
	}
	if theirs.exists {
		r.failed(CheckRule, on, "no rule brings it, and rule "+name+" is not ours: rename or delete that, then", setup)
		return nil
	}
	r.failed(CheckRule, on, "no rule with it has function "+r.function.String()+" as a target", setup)
	return nil
}

// pattern checks that an event of s comes through a rule.
func (r *report) pattern(e Event, s Secret, w *route, setup string) {
	on := w.name + " for " + s.ID
	carried, _ := w.carries(e, s)
	missed := strings.Join(w.missed[missKey(e, s)], ", ")
	mend := setup
	if !w.ours {
		mend = "aws events put-rule --name " + w.name + busFlag(w.bus) + " --event-pattern " + Quote(patternFor(e, r.matcher, r.function, r.secrets))
	}
	switch {
	case w.broken != nil:
		r.add(CheckPattern, on, Unknown, "its pattern cannot be tested: "+w.broken.Error(), mend)
	case !carried:
		r.failed(CheckPattern, on, "its pattern "+w.pattern+" lets the "+string(e)+" event of "+missed+" pass by", mend)
	case e == Native && s.account() != r.function.Account:
		r.add(CheckPattern, on, Unknown, "the secret is of account "+s.account()+", where its event is sent: it arrives only if it is forwarded from there", "")
	default:
		how := "EventBridge says so"
		if !aws.ToBool(r.testsEvents) {
			how = "worked out here, since EventBridge did not test it"
		}
		if missed != "" {
			how += "; not where the event calls it " + missed
		}
		r.ok(CheckPattern, on, how)
	}
}

// bestRoute prefers a rule that carries the event, then one with fewer problems,
// then one of ours. A rule of somebody else counts only if it carries the event.
func bestRoute(e Event, s Secret, routes []*route) *route {
	var best *route
	score := func(w *route) int {
		n := 0
		for _, bad := range []bool{!w.enabled, w.target != "", w.refused != ""} {
			if bad {
				n += 10
			}
		}
		if carried, _ := w.carries(e, s); !carried {
			n += 100
		}
		if !w.ours {
			n++
		}
		return n
	}
	for _, w := range routes {
		carried, known := w.carries(e, s)
		if !known || !w.ours && !carried {
			continue
		}
		if best == nil || score(w) < score(best) {
			best = w
		}
	}
	return best
}

// rule checks what is the same for every secret of a rule.
func (r *report) rule(w *route, setup string, p functionPolicy) {
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
	id := statementID(w.bus, w.name, w.event)
	mend := setup
	if _, taken := p.statement(id); taken {
		mend = "aws lambda remove-permission " + r.function.flags() + " --statement-id " + id + " && " + setup
	}
	if !w.ours {
		mend = "aws lambda add-permission " + r.function.flags() + " --statement-id " + id +
			" --action " + invokeAction + " --principal " + eventBridge + " --source-arn " + w.arn
	}
	r.failed(CheckPermission, on, w.refused, mend)
}

// wrongTarget says why none of the targets gives the function the event; "" if one does.
func (r *report) wrongTarget(targets []types.Target) string {
	var others []string
	rewritten := false
	for _, t := range targets {
		switch {
		case aws.ToString(t.Arn) != r.function.ARN:
			others = append(others, aws.ToString(t.Arn))
		case rewrites(t):
			rewritten = true
		default:
			return ""
		}
	}
	switch {
	case rewritten:
		return "its target is the function, with an input in place of the event"
	case len(others) == 0:
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
	case d.Outcome == policy.Unknown:
		return fmt.Sprintf("the function's policy lets %s in from rule %s only with %s, which EventBridge does not tell", eventBridge, rule, strings.Join(d.Unknown, ", "))
	}
	return fmt.Sprintf("the function's policy does not let %s in from rule %s: %s", eventBridge, rule, d)
}
