package wiring

import (
	"context"
	"fmt"
	"net/url"
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
	d, err := r.decide(ctx, role, readAction, s.ARN, nil)
	if err == nil && d.Outcome != policy.Allowed {
		d = r.byResourcePolicy(ctx, role, s, d)
	}
	r.decided(CheckAccess, readAction, s.ID, s.ARN, role, d, err)
	if key := r.customerKey(s); key != "" {
		d, err := r.decide(ctx, role, decryptAction, key, r.decryption(s))
		r.decided(CheckKey, decryptAction, s.ID, key, role, d, err)
	}
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
			"aws iam put-role-policy --role-name "+roleName(role)+" --policy-name "+policyName(action, on)+" --policy-document "+quote(statement))
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
		documents, err := r.clients.policiesOf(ctx, roleName(role))
		r.rolePolicies = &rolePolicies{documents, err}
	}
	if r.rolePolicies.err != nil {
		return policy.Decision{}, r.rolePolicies.err
	}
	return policy.Evaluate(r.rolePolicies.documents, policy.Request{Principal: role, Action: action, Resource: resource, Context: keys}), nil
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

// byResourcePolicy takes the secret's own policy into account, which can allow
// what the role's do not say, and deny what they do.
func (r *report) byResourcePolicy(ctx context.Context, role string, s Secret, d policy.Decision) policy.Decision {
	if d.Outcome == policy.Denied || s.account() != r.function.Account {
		return d
	}
	out, err := r.clients.Secrets.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &s.ARN})
	if err != nil || aws.ToString(out.ResourcePolicy) == "" {
		return d
	}
	document, err := policy.Parse([]byte(*out.ResourcePolicy))
	if err != nil {
		return d
	}
	own := policy.Evaluate([]*policy.Document{document}, policy.Request{Principal: role, Action: readAction, Resource: s.ARN})
	if own.Outcome == policy.NotAllowed {
		return d
	}
	return own
}

// rolePolicies are all that a role has, read once.
type rolePolicies struct {
	documents []*policy.Document
	err       error
}

// policiesOf reads the inline and the attached policies of a role.
func (c Clients) policiesOf(ctx context.Context, role string) ([]*policy.Document, error) {
	var documents []*policy.Document
	add := func(name string, text *string) error {
		// IAM hands policies out URL-encoded, as RFC 3986 has it.
		decoded, err := url.PathUnescape(aws.ToString(text))
		if err != nil {
			decoded = aws.ToString(text)
		}
		d, err := policy.Parse([]byte(decoded))
		if err != nil {
			return fmt.Errorf("policy %q of role %q: %w", name, role, err)
		}
		documents = append(documents, d)
		return nil
	}
	inline := iam.NewListRolePoliciesPaginator(c.IAM, &iam.ListRolePoliciesInput{RoleName: &role})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read role %q: %w", role, Explain(err))
		}
		for _, name := range page.PolicyNames {
			out, err := c.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err != nil {
				return nil, fmt.Errorf("read role %q: %w", role, Explain(err))
			}
			if err := add(name, out.PolicyDocument); err != nil {
				return nil, err
			}
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(c.IAM, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read role %q: %w", role, Explain(err))
		}
		for _, p := range page.AttachedPolicies {
			text, err := c.managedPolicy(ctx, p.PolicyArn)
			if err != nil {
				return nil, err
			}
			if err := add(aws.ToString(p.PolicyName), text); err != nil {
				return nil, err
			}
		}
	}
	return documents, nil
}

func (c Clients) managedPolicy(ctx context.Context, policyARN *string) (*string, error) {
	p, err := c.IAM.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policyARN})
	if err != nil {
		return nil, fmt.Errorf("read policy %q: %w", aws.ToString(policyARN), Explain(err))
	}
	v, err := c.IAM.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: policyARN, VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return nil, fmt.Errorf("read policy %q: %w", aws.ToString(policyARN), Explain(err))
	}
	return v.PolicyVersion.Document, nil
}
