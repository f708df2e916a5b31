package rotation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
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

// rules checks the way of each event of each secret, from rule to function.
func (r *report) rules(ctx context.Context) error {
	routes, err := r.routes(ctx)
	if err != nil {
		return err
	}
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
		r.ways(e, routes)
	}
	return nil
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
func (r *report) ways(e Event, routes []*route) {
	setup := r.setup(e, routes)
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
// that they have now: what it does not name, they lose.
func (r *report) setup(e Event, routes []*route) string {
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
			if !slices.Contains(ids, id) {
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
