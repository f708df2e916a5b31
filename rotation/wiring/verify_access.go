package wiring

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

const (
	readAction    = "secretsmanager:GetSecretValue"
	decryptAction = "kms:Decrypt"
)

// access checks that the function's role may read the secret, and decrypt it
// where it has a key of the customer's.
func (r *report) access(ctx context.Context, s Secret) {
	role := aws.ToString(r.function.config.Role)
	d, err := r.decide(ctx, role, readAction, s.ARN, s.keys())
	byRole := d.Outcome == policy.Denied
	if err == nil && !byRole {
		d, err = r.withResourcePolicy(ctx, role, s, d)
	}
	if err == nil && d.Outcome == policy.Denied && !byRole {
		r.failed(CheckAccess, s.ID, fmt.Sprintf("the secret's own policy denies role %s the action %s (%s)", role, readAction, d),
			"aws secretsmanager get-resource-policy --secret-id "+Quote(s.ID)+" # take the role out of the statement, then put-resource-policy")
	} else {
		r.decided(CheckAccess, readAction, s.ID, s.ARN, role, d, err)
	}
	if key := r.customerKey(s); key != "" {
		d, err := r.decide(ctx, role, decryptAction, key, r.decryption(s))
		r.decided(CheckKey, decryptAction, s.ID, key, role, d, err)
	}
}

// keys are the condition keys of a read by the extension.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
func (s Secret) keys() map[string]string {
	keys := map[string]string{"secretsmanager:SecretId": s.ARN, "secretsmanager:VersionStage": currentStage}
	for name, value := range s.tags {
		keys["secretsmanager:ResourceTag/"+name] = value
		keys["aws:ResourceTag/"+name] = value
	}
	return keys
}

// customerKey returns the ARN of the key that the secret is encrypted with, "" for
// AWS's own, which every reader of the secret may use.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
func (r *report) customerKey(s Secret) string {
	switch {
	case s.KeyID == "" || strings.HasSuffix(s.KeyID, "alias/aws/secretsmanager"):
		return ""
	case strings.HasPrefix(s.KeyID, "arn:"):
		return s.KeyID
	case strings.HasPrefix(s.KeyID, "alias/"):
		return r.kmsARN(s.KeyID)
	}
	return r.kmsARN("key/" + s.KeyID)
}

// decryption is what Secrets Manager tells KMS when it decrypts s for a reader.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
func (r *report) decryption(s Secret) map[string]string {
	domain := "amazonaws.com"
	if r.function.Partition == "aws-cn" {
		domain += ".cn"
	}
	return map[string]string{
		"kms:ViaService":                  "secretsmanager." + r.function.Region + "." + domain,
		"kms:EncryptionContext:SecretARN": s.ARN,
	}
}

func (r *report) kmsARN(resource string) string {
	f := r.function
	return arn.ARN{Partition: f.Partition, Service: "kms", Region: f.Region, AccountID: f.Account, Resource: resource}.String()
}

func (r *report) decided(check, action, on, resource, role string, d policy.Decision, err error) {
	switch {
	case err != nil:
		r.unknown(check, on, err)
	case d.Outcome == policy.Allowed:
		r.ok(check, on, role)
	case d.Outcome == policy.Unknown:
		r.add(check, on, Unknown, fmt.Sprintf("whether role %s may %s depends on %s", role, action, strings.Join(d.Unknown, ", ")), "")
	case d.Outcome == policy.Denied:
		r.failed(check, on, fmt.Sprintf("a policy denies role %s the action %s on %s (%s)", role, action, resource, d),
			"aws iam simulate-principal-policy --policy-source-arn "+role+" --action-names "+action+" --resource-arns "+resource+" # names the statement to change")
	default:
		statement := encode(map[string]any{"Version": "2012-10-17", "Statement": []any{
			map[string]string{"Effect": "Allow", "Action": action, "Resource": resource},
		}})
		r.failed(check, on, fmt.Sprintf("no policy allows role %s the action %s on %s", role, action, resource),
			"aws iam put-role-policy --role-name "+roleName(role)+" --policy-name "+policyName(action, on)+" --policy-document "+Quote(statement))
	}
}

// policyName is one for each permission, so that no command takes back another's.
func policyName(action, secretID string) string {
	_, verb, _ := strings.Cut(action, ":")
	return rulePrefix + strings.ToLower(verb) + "-" + hash(secretID)
}

// roleName takes arn:…:role/PATH/NAME apart.
func roleName(role string) string { return role[strings.LastIndex(role, "/")+1:] }

// decide asks IAM, or, where the caller may not have it simulated, reads the role's
// policies and works it out here.
func (r *report) decide(ctx context.Context, role, action, resource string, keys map[string]string) (policy.Decision, error) {
	if !r.noSimulation {
		d, err := r.simulate(ctx, role, action, resource, keys)
		if err == nil || ctx.Err() != nil {
			return d, err
		}
		r.noSimulation = true
	}
	if r.rolePolicies == nil {
		r.rolePolicies = r.clients.policiesOf(ctx, roleName(role))
	}
	if r.rolePolicies.err != nil {
		return policy.Decision{}, r.rolePolicies.err
	}
	request := policy.Request{Principal: role, Action: action, Resource: resource, Context: keys}
	d := policy.Evaluate(r.rolePolicies.documents, request)
	if b := r.rolePolicies.boundary; b != nil && d.Outcome != policy.Denied {
		if limit := policy.Evaluate([]*policy.Document{b}, request); limit.Outcome != policy.Allowed {
			return limit, nil
		}
	}
	return d, nil
}

func (r *report) simulate(ctx context.Context, role, action, resource string, keys map[string]string) (policy.Decision, error) {
	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &role, ActionNames: []string{action}, ResourceArns: []string{resource}}
	for key, value := range keys {
		in.ContextEntries = append(in.ContextEntries, iamtypes.ContextEntry{
			ContextKeyName: &key, ContextKeyType: iamtypes.ContextKeyTypeEnumString, ContextKeyValues: []string{value},
		})
	}
	out, err := r.clients.IAM.SimulatePrincipalPolicy(ctx, in, func(o *iam.Options) { o.RetryMaxAttempts = 1 })
	if err != nil {
		return policy.Decision{}, err
	}
	if len(out.EvaluationResults) != 1 {
		return policy.Decision{}, fmt.Errorf("IAM answered with %d results, want 1", len(out.EvaluationResults))
	}
	d := policy.Decision{Document: -1, Statement: -1}
	result := out.EvaluationResults[0]
	switch result.EvalDecision {
	case iamtypes.PolicyEvaluationDecisionTypeAllowed:
		d.Outcome = policy.Allowed
	case iamtypes.PolicyEvaluationDecisionTypeExplicitDeny:
		d.Outcome = policy.Denied
	default:
		missing := result.MissingContextValues
		for _, r := range result.ResourceSpecificResults { // with them, the list above is empty
			missing = append(missing, r.MissingContextValues...)
		}
		if len(missing) > 0 {
			d.Outcome, d.Unknown = policy.Unknown, missing
		}
	}
	return d, nil
}

// withResourcePolicy takes the secret's own policy into account. In one account
// either side may allow a read, across accounts both must; each side may deny it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (r *report) withResourcePolicy(ctx context.Context, role string, s Secret, d policy.Decision) (policy.Decision, error) {
	out, err := r.clients.Secrets.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &s.ARN})
	if err != nil {
		return d, fmt.Errorf("read the policy of secret %q: %w", s.ID, Explain(err))
	}
	own := policy.Decision{Document: -1, Statement: -1}
	if text := aws.ToString(out.ResourcePolicy); text != "" {
		document, err := policy.Parse([]byte(text))
		if err != nil {
			return d, fmt.Errorf("read the policy of secret %q: %w", s.ID, err)
		}
		own = policy.Evaluate([]*policy.Document{document}, policy.Request{Principal: role, Action: readAction, Resource: s.ARN, Context: s.keys()})
	}
	foreign := s.account() != r.function.Account
	switch {
	case own.Outcome == policy.Denied, own.Outcome == policy.Unknown:
		return own, nil
	case foreign && d.Outcome == policy.Allowed, !foreign && own.Outcome == policy.Allowed:
		return own, nil
	}
	return d, nil
}
