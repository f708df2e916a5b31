package wiring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// Change is what a [Step] does.
type Change string

// The changes. Keep writes nothing.
const (
	Create Change = "create"
	Update Change = "update"
	Delete Change = "delete"
	Keep   Change = "keep"
)

// Step is one thing that is there, or will be made, changed or taken away.
type Step struct {
	Change   Change `json:"change"`
	Resource string `json:"resource"` // rule, permission or target
	Name     string `json:"name"`
	Detail   string `json:"detail,omitempty"`

	run func(context.Context) error // nil where nothing is to be done
}

// Plan is what has to be done, in an order in which every stop can be gone on from.
type Plan struct {
	Function string   // ARN, with the qualifier; for a removal of a function that is gone, its id
	Rules    []Rule   // as they are to be; none for a removal
	Steps    []Step   // kept things too
	Notes    []string // what is worth knowing, though nothing is done about it
}

// Changes returns how many steps write something.
func (p *Plan) Changes() int {
	n := 0
	for _, s := range p.Steps {
		if s.run != nil {
			n++
		}
	}
	return n
}

// Apply takes the steps in their order and reports each when it is done. It stops
// at the first that fails: what is done by then is found again by the next [Clients.Plan]
// or [Clients.PlanRemoval].
func (p *Plan) Apply(ctx context.Context, done func(Step)) error {
	for _, s := range p.Steps {
		if s.run != nil {
			if err := s.run(ctx); err != nil {
				return fmt.Errorf("%s %s %q: %w", s.Change, s.Resource, s.Name, Explain(err))
			}
		}
		done(s)
	}
	return nil
}

// NotOursError is a rule or permission that has a name of ours and was made by
// somebody else. It is left as it is.
type NotOursError struct {
	What, Name, Why, Mend string
}

func (e *NotOursError) Error() string {
	return fmt.Sprintf("%s %q is there and not ours: %s. Nothing was changed; %s", e.What, e.Name, e.Why, e.Mend)
}

// Plan reads what is there and works out what must be written so that rotations of
// spec.Secrets reach spec.Function. It writes nothing. A function or secret that does not
// exist is a [*NotFoundError], missing permissions of the caller are an
// [*AccessError], what somebody else made under our names is a [*NotOursError].
func (c Clients) Plan(ctx context.Context, spec Spec) (*Plan, error) {
	l, spec, err := c.prepare(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := c.checkAccount(ctx, spec.Function, l.function); err != nil {
		return nil, err
	}
	p := &Plan{Function: l.function.ARN, Notes: l.notes(spec)}
	policy, err := c.functionPolicy(ctx, l.function.FunctionID)
	if err != nil {
		return nil, err
	}
	for _, e := range spec.events() {
		for _, r := range l.rules(e) {
			steps, err := c.planRule(ctx, l.function, r, policy)
			if err != nil {
				return nil, err
			}
			p.Rules = append(p.Rules, r)
			p.Steps = append(p.Steps, steps...)
		}
	}
	return p, c.planLeftovers(ctx, p, spec, l, policy)
}

// Rules returns the rules that spec asks for, whatever is there: for templates of
// other tools. It writes nothing, and its errors are those of [Clients.Plan].
func (c Clients) Rules(ctx context.Context, spec Spec) (rules []Rule, function string, err error) {
	l, spec, err := c.prepare(ctx, spec)
	if err != nil {
		return nil, "", err
	}
	for _, e := range spec.events() {
		rules = append(rules, l.rules(e)...)
	}
	return rules, l.function.ARN, nil
}

// prepare looks up what spec names, and refuses what would never deliver anything.
func (c Clients) prepare(ctx context.Context, spec Spec) (looked, Spec, error) {
	if err := spec.check(); err != nil {
		return looked{}, spec, err
	}
	l, err := c.lookUp(ctx, spec)
	if err != nil {
		return l, spec, err
	}
	spec.Matcher = l.matcher // the function's variables are in it now
	return l, spec, errors.Join(spec.check(), alive(l.secrets))
}

// checkAccount refuses a function of another account, which only an id with an
// account can name: rules are made in the caller's.
func (c Clients) checkAccount(ctx context.Context, id FunctionID, f Function) error {
	if id.Account == "" {
		return nil
	}
	out, err := c.Events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{})
	if err != nil {
		return fmt.Errorf("read the default event bus: %w", Explain(err))
	}
	if bus, err := arn.Parse(aws.ToString(out.Arn)); err == nil && bus.AccountID != f.Account {
		return fmt.Errorf("function %q is of account %s, and your credentials are of %s: use some of the function's account", f, f.Account, bus.AccountID)
	}
	return nil
}

// alive refuses secrets that are marked for deletion: they send no events.
func alive(secrets []Secret) error {
	var problems []error
	for _, s := range secrets {
		if !s.Deleted.IsZero() {
			problems = append(problems, fmt.Errorf("secret %q is marked for deletion on %s: aws secretsmanager restore-secret --secret-id %s",
				s.ID, s.Deleted.UTC().Format(time.DateOnly), Quote(s.ID)))
		}
	}
	return errors.Join(problems...)
}

// planRule compares one rule, its permission and its target with what is there.
// The permission comes before the target, so that no event is refused in between.
func (c Clients) planRule(ctx context.Context, f Function, want Rule, p functionPolicy) ([]Step, error) {
	have, err := c.readRule(ctx, want.Bus, want.Name)
	if err != nil {
		return nil, err
	}
	if have.exists && !owned(have.tags, f.FunctionID) {
		return nil, &NotOursError{
			What: "rule", Name: want.Name, Why: "it does not carry the tags of this function's rules on bus " + want.Bus,
			Mend: "rename or delete it, then run this again",
		}
	}
	permission, err := c.planPermission(f, want, p)
	if err != nil {
		return nil, err
	}
	return []Step{c.planRuleItself(f, want, have), permission, c.planTarget(want, have)}, nil
}

func (c Clients) planRuleItself(f Function, want Rule, have liveRule) Step {
	s := Step{Change: Keep, Resource: "rule", Name: want.Name, Detail: "matches " + strings.Join(want.Secrets, ", ")}
	if want.Bus != DefaultBus {
		s.Detail += ", on bus " + want.Bus
	}
	if !have.exists {
		s.Change = Create
	} else if why := differences(want, have); len(why) > 0 {
		s.Change = Update
		s.Detail += " (" + strings.Join(why, "; ") + ")"
	}
	if s.Change != Keep {
		s.run = func(ctx context.Context) error { return c.putRule(ctx, f, want, s.Change) }
	}
	return s
}

// differences says what of a rule of ours is not as it should be.
func differences(want Rule, have liveRule) []string {
	var why []string
	if !samePattern(have.pattern, want.Pattern) {
		why = append(why, "pattern")
	}
	if lost := dropped(have.pattern, want); len(lost) > 0 {
		why = append(why, "no longer matches "+strings.Join(lost, ", "))
	}
	if !have.enabled {
		why = append(why, "was disabled")
	}
	if have.description != want.Description {
		why = append(why, "description")
	}
	return why
}

// planLeftovers adds what an earlier run made and this one no longer wants: the
// further rules of a longer list of secrets. Rules for the other event, or on
// another bus, stay.
func (c Clients) planLeftovers(ctx context.Context, p *Plan, spec Spec, l looked, policy functionPolicy) error {
	buses, err := c.buses(ctx)
	if isAccessError(err) {
		buses, err = slices.Compact([]string{DefaultBus, l.bus}), nil
	}
	if err != nil {
		return err
	}
	for _, bus := range buses {
		rules, err := c.ownRules(ctx, l.function.FunctionID, bus)
		if err != nil {
			return err
		}
		for _, r := range rules {
			planned := slices.ContainsFunc(p.Rules, func(want Rule) bool { return want.Name == r.name && want.Bus == bus })
			switch {
			case planned:
			case slices.Contains(spec.events(), r.event) && bus == l.busFor(r.event):
				p.Steps = append(p.Steps, c.planRuleRemoval(l.function.FunctionID, r, policy)...)
			default:
				p.Notes = append(p.Notes, fmt.Sprintf("rule %s on bus %s, for the %s event, is of an earlier run and stays: rotation teardown --function %s --event %s --bus %s removes it",
					r.name, bus, r.event, l.function.FunctionID, r.event, bus))
			}
		}
	}
	return nil
}

// Writes reports whether the step changes anything.
func (s Step) Writes() bool { return s.run != nil }
