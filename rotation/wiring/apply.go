package wiring

import (
	"context"

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
	s := Step{Change: Create, Resource: "target", Name: want.TargetID, Detail: want.FunctionARN}
	target := types.Target{Id: &want.TargetID}
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
		return refused(out.FailedEntries)
	}
	return s
}

// refused is the error of the one target of a request, which an answer of status 200
// can have too.
func refused[E types.PutTargetsResultEntry | types.RemoveTargetsResultEntry](failed []E) error {
	if len(failed) == 0 {
		return nil
	}
	first := types.PutTargetsResultEntry(failed[0])
	return &rotation.EntryError{Code: aws.ToString(first.ErrorCode), Message: aws.ToString(first.ErrorMessage)}
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
