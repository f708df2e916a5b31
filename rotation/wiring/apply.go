package wiring

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/aws-secretsmanager/lambda-extension/rotation"
)

// putRule makes or changes a rule. Tags go with a new one only: for one that is
// there, EventBridge passes over them.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
func (c Clients) putRule(ctx context.Context, f Function, want Rule, change Change) error {
	in := &eventbridge.PutRuleInput{
		Name: &want.Name, EventBusName: busParameter(want.Bus), EventPattern: &want.Pattern,
		Description: &want.Description, State: types.RuleStateEnabled,
	}
	if change == Create {
		in.Tags = tags(f)
	}
	_, err := c.Events.PutRule(ctx, in)
	return err
}

// planTarget compares our target of a rule with what is there. Somebody else's
// targets of the rule stay.
func (c Clients) planTarget(want Rule, have liveRule) Step {
	s := Step{Change: Keep, Resource: "target", Name: want.TargetID, Detail: want.FunctionARN}
	target := types.Target{Id: &want.TargetID}
	s.Change = Create
	for _, t := range have.targets {
		if aws.ToString(t.Id) != want.TargetID {
			continue
		}
		if aws.ToString(t.Arn) == want.FunctionARN && !rewrites(t) {
			s.Change = Keep
			return s
		}
		s.Change, target = Update, t // with its retry policy and dead-letter queue
		s.Detail += " (was " + describeTarget(t) + ")"
	}
	target.Arn = &want.FunctionARN
	target.Input, target.InputPath, target.InputTransformer = nil, nil, nil
	s.run = func(ctx context.Context) error {
		out, err := c.Events.PutTargets(ctx, &eventbridge.PutTargetsInput{
			Rule: &want.Name, EventBusName: busParameter(want.Bus), Targets: []types.Target{target},
		})
		if err != nil {
			return err
		}
		for _, failed := range out.FailedEntries {
			return &rotation.EntryError{Code: aws.ToString(failed.ErrorCode), Message: aws.ToString(failed.ErrorMessage)}
		}
		return nil
	}
	return s
}

// rewrites reports whether the function gets something else than the event.
func rewrites(t types.Target) bool {
	return t.Input != nil || t.InputPath != nil || t.InputTransformer != nil
}

func describeTarget(t types.Target) string {
	s := aws.ToString(t.Arn)
	if rewrites(t) {
		s += " with an input of its own"
	}
	return s
}

// PlanRemoval works out what must be taken away so that nothing is left of what
// [Clients.Plan] made for the function: of the given events, on the given bus, or
// of both events on every bus where none is given. A function that is gone is no
// error, nor is one that was never set up. It writes nothing.
//
// Rules are found by name and tags, permissions by an id that goes with the rule
// they let in. Nothing else is touched.
func (c Clients) PlanRemoval(ctx context.Context, w Spec) (*Plan, error) {
	id, p := w.Function, &Plan{Function: w.Function.String()}
	f, err := c.function(ctx, id)
	if err == nil {
		id, p.Function = f.FunctionID, f.ARN
	} else if _, gone := errors.AsType[*NotFoundError](err); !gone {
		return nil, err
	} else {
		p.Notes = append(p.Notes, err.Error()+": only its rules are looked for")
	}
	policy, err := c.functionPolicy(ctx, id)
	if err != nil {
		return nil, err
	}
	var buses []string
	if w.Bus == "" {
		buses, err = c.buses(ctx)
	} else {
		buses = make([]string, 1)
		buses[0], err = busName(w.Bus, id)
	}
	if err != nil {
		return nil, err
	}
	planned := make(map[string]bool) // statement ids
	for _, bus := range buses {
		rules, err := c.ownRules(ctx, id, bus)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if len(w.Events) > 0 && !w.has(r.Event) {
				continue
			}
			steps, err := c.planRuleRemoval(ctx, id, r, policy)
			if err != nil {
				return nil, err
			}
			p.Steps = append(p.Steps, steps...)
			planned[r.StatementID] = true
		}
	}
	c.planOrphans(p, id, w, policy, planned)
	return p, nil
}

// planRuleRemoval takes away what Plan makes, in the opposite order: the rule goes
// last, because its tags are what the rest is found by.
func (c Clients) planRuleRemoval(_ context.Context, f FunctionID, r ruleRef, policy functionPolicy) ([]Step, error) {
	var steps []Step
	var others []string
	for _, t := range r.targets {
		if aws.ToString(t.Id) != r.TargetID {
			others = append(others, aws.ToString(t.Id))
			continue
		}
		steps = append(steps, Step{
			Change: Delete, Resource: "target", Name: r.TargetID, Detail: aws.ToString(t.Arn),
			run: func(ctx context.Context) error { return c.removeTarget(ctx, r.Rule) },
		})
	}
	if s, ok := policy.statement(r.StatementID); ok && s.sourceARN() == r.ARN {
		steps = append(steps, c.permissionRemoval(f, r.StatementID, r.ARN))
	}
	if len(others) > 0 {
		return append(steps, Step{
			Change: Keep, Resource: "rule", Name: r.Name,
			Detail: "it has targets of somebody else: " + strings.Join(others, ", "),
		}), nil
	}
	return append(steps, Step{
		Change: Delete, Resource: "rule", Name: r.Name, Detail: "on bus " + r.Bus,
		run: func(ctx context.Context) error {
			_, err := c.Events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: &r.Name, EventBusName: busParameter(r.Bus)})
			return err
		},
	}), nil
}

// planOrphans adds permissions of ours whose rule somebody has deleted. The id of
// one of ours follows from the rule that it lets in.
func (c Clients) planOrphans(p *Plan, f FunctionID, w Spec, policy functionPolicy, planned map[string]bool) {
	for _, s := range policy.statements {
		bus, name, ok := busOfRule(s.sourceARN())
		if !ok || planned[s.Sid] {
			continue
		}
		e, ok := ruleEvent(f, name)
		if !ok || s.Sid != statementID(bus, name, e) || len(w.Events) > 0 && !w.has(e) {
			continue
		}
		if wanted, err := busName(w.Bus, f); w.Bus != "" && (err != nil || wanted != bus) {
			continue
		}
		p.Steps = append(p.Steps, c.permissionRemoval(f, s.Sid, s.sourceARN()))
	}
}

func (c Clients) permissionRemoval(f FunctionID, id, ruleARN string) Step {
	return Step{
		Change: Delete, Resource: "permission", Name: id, Detail: "from " + ruleARN,
		run: func(ctx context.Context) error { return c.removePermission(ctx, f, id) },
	}
}

func (c Clients) removeTarget(ctx context.Context, r Rule) error {
	out, err := c.Events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{
		Rule: &r.Name, EventBusName: busParameter(r.Bus), Ids: []string{r.TargetID},
	})
	if err != nil {
		return err
	}
	for _, failed := range out.FailedEntries {
		return fmt.Errorf("target %q: %w", r.TargetID, &rotation.EntryError{Code: aws.ToString(failed.ErrorCode), Message: aws.ToString(failed.ErrorMessage)})
	}
	return nil
}
