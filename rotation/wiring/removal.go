package wiring

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// PlanRemoval works out what must be taken away so that nothing is left of what
// [Clients.Plan] made for the function: of the given events, on the given bus, or
// of both events on every bus where none is given. It writes nothing. A function
// that was never set up is no error, nor is one that is gone and left rules of ours
// behind; one that is gone and left none is a [*NotFoundError].
//
// Rules are found by name and tags, permissions by an id that goes with the rule
// they let in. Nothing else is touched.
func (c Clients) PlanRemoval(ctx context.Context, spec Spec) (*Plan, error) {
	id, p := spec.Function, &Plan{Function: spec.Function.String()}
	f, err := c.function(ctx, id)
	gone, isGone := errors.AsType[*NotFoundError](err)
	switch {
	case err == nil:
		id, p.Function = f.FunctionID, f.ARN
	case isGone:
		p.Notes = append(p.Notes, err.Error()+": only its rules are looked for")
	default:
		return nil, err
	}
	policy, err := c.functionPolicy(ctx, id)
	if err != nil {
		return nil, err
	}
	buses, err := c.busesOf(ctx, spec.Bus, id)
	if err != nil {
		return nil, err
	}
	for _, bus := range buses {
		rules, err := c.ownRules(ctx, id, bus)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if len(spec.Events) == 0 || slices.Contains(spec.Events, r.event) {
				p.Steps = append(p.Steps, c.planRuleRemoval(id, r, policy)...)
			}
		}
	}
	if err := c.planOrphans(ctx, p, id, spec, policy); err != nil {
		return nil, err
	}
	if isGone && len(p.Steps) == 0 {
		return nil, gone
	}
	return p, nil
}

// busesOf returns the one bus that is meant, which must be there, or all.
func (c Clients) busesOf(ctx context.Context, bus string, f FunctionID) ([]string, error) {
	if bus == "" {
		return c.buses(ctx)
	}
	name, err := busName(bus, f)
	if err != nil {
		return nil, err
	}
	return []string{name}, c.CheckBus(ctx, name)
}

// planRuleRemoval takes away what Plan makes, in the opposite order: the rule goes
// last, because its tags are what the rest is found by.
func (c Clients) planRuleRemoval(f FunctionID, r liveRule, policy functionPolicy) []Step {
	var steps []Step
	var others []string
	for _, t := range r.targets {
		if aws.ToString(t.Id) != targetID {
			others = append(others, aws.ToString(t.Id))
			continue
		}
		steps = append(steps, Step{
			Change: Delete, Resource: "target", Name: targetID, Detail: aws.ToString(t.Arn),
			run: func(ctx context.Context) error { return c.removeTarget(ctx, r) },
		})
	}
	id := statementID(r.bus, r.name, r.event)
	if s, ok := policy.statement(id); ok && s.sourceARN() == r.arn {
		steps = append(steps, c.permissionRemoval(f, id, r.arn))
	}
	if len(others) > 0 {
		return append(steps, Step{
			Change: Keep, Resource: "rule", Name: r.name,
			Detail: "it has targets of somebody else: " + strings.Join(others, ", "),
		})
	}
	return append(steps, Step{
		Change: Delete, Resource: "rule", Name: r.name, Detail: "on bus " + r.bus,
		run: func(ctx context.Context) error {
			_, err := c.Events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &r.name, EventBusName: busParameter(r.bus)})
			return err
		},
	})
}

// planOrphans adds permissions of ours whose rule somebody has deleted. The id of
// one of ours follows from the rule that it lets in. Where there is a rule of that
// name which is not ours, somebody else may need it.
func (c Clients) planOrphans(ctx context.Context, p *Plan, f FunctionID, spec Spec, policy functionPolicy) error {
	for _, o := range policy.wired(f) {
		if len(spec.Events) > 0 && !slices.Contains(spec.Events, o.event) {
			continue
		}
		if wanted, err := busName(spec.Bus, f); spec.Bus != "" && (err != nil || wanted != o.bus) {
			continue
		}
		r, err := c.readRule(ctx, o.bus, o.name)
		if _, noBus := errors.AsType[*NotFoundError](err); err != nil && !noBus {
			return err
		}
		if !r.exists {
			p.Steps = append(p.Steps, c.permissionRemoval(f, o.sid, o.ruleARN))
		}
	}
	return nil
}

func (c Clients) permissionRemoval(f FunctionID, id, ruleARN string) Step {
	return Step{
		Change: Delete, Resource: "permission", Name: id, Detail: "from " + ruleARN,
		run: func(ctx context.Context) error { return c.removePermission(ctx, f, id) },
	}
}

func (c Clients) removeTarget(ctx context.Context, r liveRule) error {
	out, err := c.Events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{
		Rule: &r.name, EventBusName: busParameter(r.bus), Ids: []string{targetID},
	})
	if err != nil {
		return err
	}
	return refused(out.FailedEntries)
}
