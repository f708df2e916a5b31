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
	event       Event // of a rule of ours
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
	return c.complete(ctx, bus, types.Rule{Name: &name, Arn: out.Arn, EventPattern: out.EventPattern, Description: out.Description, State: out.State})
}

// complete reads the tags and targets of a rule.
func (c Clients) complete(ctx context.Context, bus string, rule types.Rule) (r liveRule, err error) {
	r = liveRule{
		exists: true, arn: aws.ToString(rule.Arn), bus: bus, name: aws.ToString(rule.Name),
		pattern: aws.ToString(rule.EventPattern), description: aws.ToString(rule.Description),
		enabled: rule.State != types.RuleStateDisabled,
	}
	if r.tags, err = c.tagsOf(ctx, r.arn); err != nil {
		return liveRule{}, err
	}
	r.targets, err = c.targetsOf(ctx, bus, r.name)
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

// ownRules finds the rules that were made for a function on one bus, by their
// names and tags.
func (c Clients) ownRules(ctx context.Context, f FunctionID, bus string) ([]liveRule, error) {
	var found []liveRule
	in := &eventbridge.ListRulesInput{NamePrefix: aws.String(rulePrefix + functionPart(f) + "-"), EventBusName: busParameter(bus)}
	for {
		out, err := c.Events.ListRules(ctx, in)
		if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
			return nil, &NotFoundError{What: "event bus", ID: bus, Region: c.region()}
		}
		if err != nil {
			return nil, fmt.Errorf("list rules on bus %q: %w", bus, Explain(err))
		}
		for _, rule := range out.Rules {
			e, ok := ruleEvent(f, aws.ToString(rule.Name))
			if !ok {
				continue
			}
			r, err := c.complete(ctx, bus, rule)
			if err != nil {
				return nil, err
			}
			if r.event = e; owned(r.tags, f) {
				found = append(found, r)
			}
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return found, nil
		}
	}
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
