package wiring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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
	return fmt.Sprintf("%s %q is there and not ours: %s; nothing was changed: %s", e.What, e.Name, e.Why, e.Mend)
}

// Plan reads what is there and works out what must be written so that rotations of
// w.Secrets reach w.Function. It writes nothing. A function or secret that does not
// exist is a [*NotFoundError], missing permissions of the caller are an
// [*AccessError], what somebody else made under our names is a [*NotOursError].
func (c Clients) Plan(ctx context.Context, w Spec) (*Plan, error) {
	l, w, err := c.complete(ctx, w)
	if err != nil {
		return nil, err
	}
	p := &Plan{Function: l.function.ARN}
	policy, err := c.functionPolicy(ctx, l.function.FunctionID)
	if err != nil {
		return nil, err
	}
	for _, e := range w.events() {
		for _, r := range l.rules(e) {
			steps, err := c.planRule(ctx, l.function, r, policy)
			if err != nil {
				return nil, err
			}
			p.Rules = append(p.Rules, r)
			p.Steps = append(p.Steps, steps...)
		}
	}
	return p, c.planLeftovers(ctx, p, w, l, policy)
}

// Rules returns the rules that w asks for, whatever is there: for templates of
// other tools. It writes nothing, and its errors are those of [Clients.Plan].
func (c Clients) Rules(ctx context.Context, w Spec) (rules []Rule, function string, err error) {
	l, w, err := c.complete(ctx, w)
	if err != nil {
		return nil, "", err
	}
	for _, e := range w.events() {
		rules = append(rules, l.rules(e)...)
	}
	return rules, l.function.ARN, nil
}

// complete looks up what w names, and refuses what would never deliver anything.
func (c Clients) complete(ctx context.Context, w Spec) (looked, Spec, error) {
	if err := w.check(); err != nil {
		return looked{}, w, err
	}
	l, err := c.lookUp(ctx, w)
	if err != nil {
		return l, w, err
	}
	w.Matcher = l.matcher // the function's variables are in it now
	return l, w, errors.Join(w.check(), alive(l.secrets))
}

// alive refuses secrets that are marked for deletion: they send no events.
func alive(secrets []Secret) error {
	var problems []error
	for _, s := range secrets {
		if !s.Deleted.IsZero() {
			problems = append(problems, fmt.Errorf("secret %q is marked for deletion on %s: aws secretsmanager restore-secret --secret-id %s",
				s.ID, s.Deleted.UTC().Format(time.DateOnly), quote(s.ID)))
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
	var why []string
	switch {
	case !have.exists:
		s.Change = Create
	case !samePattern(have.pattern, want.Pattern):
		s.Change = Update
		why = append(why, "pattern")
		if lost := dropped(have.pattern, want); len(lost) > 0 {
			why = append(why, "no longer matches "+strings.Join(lost, ", "))
		}
		fallthrough
	default:
		if !have.enabled {
			s.Change = Update
			why = append(why, "was disabled")
		}
		if have.description != want.Description {
			s.Change = Update
			why = append(why, "description")
		}
	}
	if len(why) > 0 {
		s.Detail += " (" + strings.Join(why, "; ") + ")"
	}
	if s.Change != Keep {
		s.run = func(ctx context.Context) error { return c.putRule(ctx, f, want, s.Change) }
	}
	return s
}

// planLeftovers adds what an earlier run made and this one no longer wants: the
// further rules of a longer list of secrets. Rules for the other event stay.
func (c Clients) planLeftovers(ctx context.Context, p *Plan, w Spec, l looked, policy functionPolicy) error {
	buses := []string{DefaultBus}
	if l.bus != DefaultBus {
		buses = append(buses, l.bus)
	}
	for _, bus := range buses {
		rules, err := c.ownRules(ctx, l.function.FunctionID, bus)
		if err != nil {
			return err
		}
		for _, r := range rules {
			planned := slices.ContainsFunc(p.Rules, func(want Rule) bool { return want.Name == r.Name && want.Bus == r.Bus })
			switch {
			case planned:
			case w.has(r.Event) && (r.Event == Native || bus == l.bus):
				steps, err := c.planRuleRemoval(ctx, l.function.FunctionID, r, policy)
				if err != nil {
					return err
				}
				p.Steps = append(p.Steps, steps...)
			default:
				p.Notes = append(p.Notes, fmt.Sprintf("rule %s on bus %s, for the %s event, is of an earlier run and stays: rotation teardown --function %s --event %s removes it",
					r.Name, bus, r.Event, l.function.FunctionID, r.Event))
			}
		}
	}
	return nil
}

// Writes reports whether the step changes anything.
func (s Step) Writes() bool { return s.run != nil }
