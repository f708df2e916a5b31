package wiring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// liveRule is a rule as EventBridge has it.
type liveRule struct {
	exists      bool
	arn         string
	bus         string
	name        string
	pattern     string
	description string
	enabled     bool
	tags        []types.Tag
	targets     []types.Target
}

// readRule reads a rule with its tags and targets. One that does not exist, on a
// bus that does, is no error.
func (c Clients) readRule(ctx context.Context, bus, name string) (liveRule, error) {
	out, err := c.Events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name, EventBusName: busParameter(bus)})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return liveRule{}, c.CheckBus(ctx, bus)
	}
	if err != nil {
		return liveRule{}, fmt.Errorf("read rule %q: %w", name, Explain(err))
	}
	r := liveRule{
		exists: true, arn: aws.ToString(out.Arn), bus: bus, name: name,
		pattern: aws.ToString(out.EventPattern), description: aws.ToString(out.Description),
		enabled: out.State != types.RuleStateDisabled,
	}
	if r.tags, err = c.tagsOf(ctx, r.arn); err != nil {
		return liveRule{}, err
	}
	r.targets, err = c.targetsOf(ctx, bus, name)
	return r, err
}

func (c Clients) tagsOf(ctx context.Context, ruleARN string) ([]types.Tag, error) {
	out, err := c.Events.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: &ruleARN})
	if err != nil {
		return nil, fmt.Errorf("read the tags of rule %q: %w", ruleARN, Explain(err))
	}
	return out.Tags, nil
}

func (c Clients) targetsOf(ctx context.Context, bus, name string) ([]types.Target, error) {
	var targets []types.Target
	in := &eventbridge.ListTargetsByRuleInput{Rule: &name, EventBusName: busParameter(bus)}
	for {
		out, err := c.Events.ListTargetsByRule(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("read the targets of rule %q: %w", name, Explain(err))
		}
		targets = append(targets, out.Targets...)
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return targets, nil
		}
	}
}

// CheckBus looks an event bus up, by name or ARN; "" is the default one, which is
// always there. A bus that does not exist is a [*NotFoundError].
func (c Clients) CheckBus(ctx context.Context, bus string) error {
	if bus == "" || isDefaultBus(bus) {
		return nil
	}
	_, err := c.Events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &bus})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return &NotFoundError{What: "event bus", ID: bus, Region: c.region()}
	}
	if err != nil {
		return fmt.Errorf("read event bus %q: %w", bus, Explain(err))
	}
	return nil
}

// busParameter leaves the default bus out, as every tool does.
func busParameter(bus string) *string {
	if bus == DefaultBus {
		return nil
	}
	return &bus
}

// ruleRef is a rule of ours that was found by its name and its tags.
type ruleRef struct {
	Rule
	targets []types.Target
}

// ownRules finds the rules that were made for a function on one bus.
func (c Clients) ownRules(ctx context.Context, f FunctionID, bus string) ([]ruleRef, error) {
	var found []ruleRef
	in := &eventbridge.ListRulesInput{NamePrefix: aws.String(rulePrefix + functionPart(f) + "-"), EventBusName: busParameter(bus)}
	for {
		out, err := c.Events.ListRules(ctx, in)
		if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
			return nil, &NotFoundError{What: "event bus", ID: bus, Region: c.region()}
		}
		if err != nil {
			return nil, fmt.Errorf("list rules on bus %q: %w", bus, Explain(err))
		}
		for _, r := range out.Rules {
			ref, ours, err := c.ownRule(ctx, f, bus, r)
			if err != nil {
				return nil, err
			}
			if ours {
				found = append(found, ref)
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
}

func (c Clients) ownRule(ctx context.Context, f FunctionID, bus string, r types.Rule) (ref ruleRef, ours bool, err error) {
	name, ruleARN := aws.ToString(r.Name), aws.ToString(r.Arn)
	e, ok := ruleEvent(f, name)
	if !ok {
		return ruleRef{}, false, nil
	}
	list, err := c.tagsOf(ctx, ruleARN)
	if err != nil || !owned(list, f) {
		return ruleRef{}, false, err
	}
	ref.Rule = Rule{
		Event: e, Name: name, Bus: bus, ARN: ruleARN, Pattern: aws.ToString(r.EventPattern),
		TargetID: targetID, StatementID: statementID(bus, name, e),
	}
	ref.targets, err = c.targetsOf(ctx, bus, name)
	return ref, err == nil, err
}

// buses lists the names of all event buses that can have rules of ours.
func (c Clients) buses(ctx context.Context) ([]string, error) {
	names := []string{DefaultBus}
	in := &eventbridge.ListEventBusesInput{}
	for {
		out, err := c.Events.ListEventBuses(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("list event buses: %w", Explain(err))
		}
		for _, b := range out.EventBuses {
			if name := aws.ToString(b.Name); name != DefaultBus {
				names = append(names, name)
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return names, nil
		}
	}
}

// eventTarget is a target of a rule.
type eventTarget = types.Target

// dropped returns the secrets that a pattern of ours matched and the new one does
// not, as far as a pattern of exact values tells.
func dropped(pattern string, want Rule) []string {
	return slices.DeleteFunc(patternNames(pattern), func(id string) bool { return slices.Contains(want.Secrets, id) })
}

// patternNames returns the names of the secrets in a pattern of ours, sorted.
func patternNames(pattern string) []string {
	var p eventPattern
	if json.Unmarshal([]byte(pattern), &p) != nil {
		return nil
	}
	var names []string
	for key, ids := range p.Detail {
		for _, id := range ids {
			if key != "labelUpdated" && !strings.HasPrefix(id, "arn:") {
				names = append(names, id)
			}
		}
	}
	slices.Sort(names)
	return names
}
