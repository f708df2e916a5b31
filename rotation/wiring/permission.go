package wiring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

const (
	eventBridge  = "events.amazonaws.com"
	invokeAction = "lambda:InvokeFunction"
)

// functionPolicy is who may invoke a function, or one alias or version of it.
type functionPolicy struct {
	text       string // "" is no policy
	statements []statement
}

// statement is what tells a permission of ours from others.
type statement struct {
	Sid       string
	Condition map[string]map[string]any
	raw       json.RawMessage
}

func (c Clients) functionPolicy(ctx context.Context, f FunctionID) (functionPolicy, error) {
	out, err := c.Lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String(f.unqualified()), Qualifier: f.qualifier()})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return functionPolicy{}, nil // no permission was ever given, or there is no function
	}
	if err != nil {
		return functionPolicy{}, fmt.Errorf("read the policy of function %q: %w", f, Explain(err))
	}
	p := functionPolicy{text: aws.ToString(out.Policy)}
	var document struct{ Statement []json.RawMessage }
	if err := json.Unmarshal([]byte(p.text), &document); err != nil {
		return p, fmt.Errorf("read the policy of function %q: %w", f, err)
	}
	for _, raw := range document.Statement {
		s := statement{raw: raw}
		if err := json.Unmarshal(raw, &s); err != nil {
			return p, fmt.Errorf("read the policy of function %q: %w", f, err)
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func (p functionPolicy) statement(id string) (statement, bool) {
	for _, s := range p.statements {
		if s.Sid == id {
			return s, true
		}
	}
	return statement{}, false
}

// wiredRule is a rule with a permission of ours: its id is the one that follows from the rule which
// it lets in.
type wiredRule struct {
	sid, ruleARN, bus, name string
	event                   Event
}

// wired returns the rules that were let in by permissions of ours.
func (p functionPolicy) wired(f FunctionID) []wiredRule {
	var found []wiredRule
	for _, s := range p.statements {
		bus, name, ok := busOfRule(s.sourceARN())
		if !ok {
			continue
		}
		if e, ok := ruleEvent(f, name); ok && s.Sid == statementID(bus, name, e) {
			found = append(found, wiredRule{s.Sid, s.sourceARN(), bus, name, e})
		}
	}
	return found
}

// sourceARN is the rule that a statement lets in.
func (s statement) sourceARN() string {
	for _, keys := range s.Condition {
		for key, value := range keys {
			if arn, ok := value.(string); ok && strings.EqualFold(key, "aws:SourceArn") {
				return arn
			}
		}
	}
	return ""
}

// allows reports whether the policy text lets a rule invoke a function.
//
// EventBridge tells Lambda the rule and not the account, which is in the rule's ARN:
// a condition on aws:SourceAccount keeps its events out without a word.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/events/CWE_Troubleshooting.html#LAMfunctionNotInvoked
func allows(text string, ruleARN, functionARN string) (policy.Decision, error) {
	document, err := policy.Parse([]byte(text))
	if err != nil {
		return policy.Decision{}, err
	}
	return policy.Evaluate([]*policy.Document{document}, policy.Request{
		Principal: eventBridge, Action: invokeAction, Resource: functionARN,
		Context: map[string]string{"aws:SourceArn": ruleARN},
	}), nil
}

// planPermission compares the permission for a rule with what is there.
func (c Clients) planPermission(f Function, want Rule, p functionPolicy) (Step, error) {
	s := Step{Change: Keep, Resource: "permission", Name: want.StatementID, Detail: eventBridge + " may invoke " + f.String() + " from " + want.ARN}
	have, ok := p.statement(want.StatementID)
	if !ok {
		s.Change = Create
		s.run = func(ctx context.Context) error { return c.addPermission(ctx, f, want) }
		return s, nil
	}
	alone := encode(map[string]any{"Version": "2012-10-17", "Statement": []json.RawMessage{have.raw}})
	d, err := allows(alone, want.ARN, f.ARN)
	if err != nil {
		return s, fmt.Errorf("read permission %q of function %q: %w", want.StatementID, f, err)
	}
	if d.Outcome != policy.Allowed {
		source := have.sourceARN()
		if source == "" {
			source = "none"
		}
		return s, &NotOursError{
			What: "permission", Name: want.StatementID,
			Why:  fmt.Sprintf("it does not let %s in from rule %s; its source is %s", eventBridge, want.ARN, source),
			Mend: "aws lambda remove-permission " + f.flags() + " --statement-id " + want.StatementID + ", then run this again",
		}
	}
	return s, nil
}

func (c Clients) addPermission(ctx context.Context, f Function, want Rule) error {
	_, err := c.Lambda.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: aws.String(f.unqualified()), Qualifier: f.qualifier(),
		StatementId: &want.StatementID, Action: aws.String(invokeAction), Principal: aws.String(eventBridge),
		SourceArn: &want.ARN,
	})
	if _, taken := errors.AsType[*types.ResourceConflictException](err); !taken {
		return err
	}
	// The call was made already, and its answer lost; or another setup was faster.
	p, readErr := c.functionPolicy(ctx, f.FunctionID)
	if readErr != nil {
		return err
	}
	if s, planErr := c.planPermission(f, want, p); planErr != nil || s.Change != Keep {
		return err
	}
	return nil
}

func (c Clients) removePermission(ctx context.Context, f FunctionID, id string) error {
	_, err := c.Lambda.RemovePermission(ctx, &lambda.RemovePermissionInput{
		FunctionName: aws.String(f.unqualified()), Qualifier: f.qualifier(), StatementId: &id,
	})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return nil
	}
	return err
}

// flags are the arguments that name f to the AWS CLI.
func (f FunctionID) flags() string {
	s := "--function-name " + f.Name
	if f.Qualifier != "" {
		s += " --qualifier " + f.Qualifier
	}
	return s
}
