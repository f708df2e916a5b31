package wiring

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

// rolePolicies are all that a role has, read once.
type rolePolicies struct {
	documents []*policy.Document
	boundary  *policy.Document // nil: none
	err       error
}

// policiesOf reads the inline and the attached policies of a role, and its boundary.
func (c Clients) policiesOf(ctx context.Context, role string) *rolePolicies {
	p := &rolePolicies{}
	if err := p.read(ctx, c, role); err != nil {
		p.err = fmt.Errorf("read role %q: %w", role, Explain(err))
	}
	return p
}

func (p *rolePolicies) read(ctx context.Context, c Clients, role string) error {
	inline := iam.NewListRolePoliciesPaginator(c.IAM, &iam.ListRolePoliciesInput{RoleName: &role})
	for inline.HasMorePages() {
		page, err := inline.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, name := range page.PolicyNames {
			out, err := c.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if err != nil {
				return err
			}
			if err := p.add(out.PolicyDocument); err != nil {
				return fmt.Errorf("policy %q: %w", name, err)
			}
		}
	}
	attached := iam.NewListAttachedRolePoliciesPaginator(c.IAM, &iam.ListAttachedRolePoliciesInput{RoleName: &role})
	for attached.HasMorePages() {
		page, err := attached.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.AttachedPolicies {
			text, err := c.managedPolicy(ctx, a.PolicyArn)
			if err == nil {
				err = p.add(text)
			}
			if err != nil {
				return fmt.Errorf("policy %q: %w", aws.ToString(a.PolicyName), err)
			}
		}
	}
	out, err := c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &role})
	if err != nil || out.Role.PermissionsBoundary == nil {
		return err
	}
	text, err := c.managedPolicy(ctx, out.Role.PermissionsBoundary.PermissionsBoundaryArn)
	if err == nil {
		p.boundary, err = parsePolicy(text)
	}
	return err
}

func (p *rolePolicies) add(text *string) error {
	d, err := parsePolicy(text)
	p.documents = append(p.documents, d)
	return err
}

// parsePolicy reads a policy as IAM hands it out: URL-encoded.
func parsePolicy(text *string) (*policy.Document, error) {
	decoded, err := url.PathUnescape(aws.ToString(text))
	if err != nil {
		decoded = aws.ToString(text)
	}
	return policy.Parse([]byte(decoded))
}

func (c Clients) managedPolicy(ctx context.Context, policyARN *string) (*string, error) {
	p, err := c.IAM.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: policyARN})
	if err != nil {
		return nil, err
	}
	v, err := c.IAM.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: policyARN, VersionId: p.Policy.DefaultVersionId})
	if err != nil {
		return nil, err
	}
	return v.PolicyVersion.Document, nil
}
