package awstest

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// escaped is how IAM returns a policy document: URL-encoded by RFC 3986.
func escaped(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

const created = "2026-01-02T03:04:05Z"

type boundary struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

type roleOutput struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string
	MaxSessionDuration       int
	PermissionsBoundary      *boundary
}

func (i *IAM) role(r iamRequest) (*role, *iamError) {
	name := r.Get("RoleName")
	if found := i.roles[name]; found != nil {
		return found, nil
	}
	return nil, noSuchEntity("The role with name %s cannot be found.", name)
}

func (i *IAM) getRole(r iamRequest) (any, *iamError) {
	found, failure := i.role(r)
	if failure != nil {
		return nil, failure
	}
	out := roleOutput{
		Path: found.path, RoleName: found.name, RoleID: "AROAIOSFODNN7EXAMPLE", Arn: found.arn,
		CreateDate: created, AssumeRolePolicyDocument: escaped(found.trust), MaxSessionDuration: 3600,
	}
	if found.boundary != "" {
		out.PermissionsBoundary = &boundary{"Policy", found.boundary}
	}
	return struct{ Role roleOutput }{out}, nil
}

func (i *IAM) listRolePolicies(r iamRequest) (any, *iamError) {
	found, failure := i.role(r)
	if failure != nil {
		return nil, failure
	}
	var names []string
	for _, p := range found.inline {
		names = append(names, p.name)
	}
	slices.Sort(names)
	names, next, failure := page(i, r, names)
	return struct {
		PolicyNames []string `xml:"PolicyNames>member"`
		paging
	}{names, next}, failure
}

func (i *IAM) getRolePolicy(r iamRequest) (any, *iamError) {
	found, failure := i.role(r)
	if failure != nil {
		return nil, failure
	}
	name := r.Get("PolicyName")
	for _, p := range found.inline {
		if p.name == name {
			return struct{ RoleName, PolicyName, PolicyDocument string }{found.name, name, escaped(p.document)}, nil
		}
	}
	return nil, noSuchEntity("The role policy with name %s cannot be found.", name)
}

type attachedPolicy struct{ PolicyName, PolicyArn string }

func (i *IAM) listAttachedRolePolicies(r iamRequest) (any, *iamError) {
	found, failure := i.role(r)
	if failure != nil {
		return nil, failure
	}
	var attached []attachedPolicy
	for _, arn := range found.attached {
		attached = append(attached, attachedPolicy{policyName(arn), arn})
	}
	attached, next, failure := page(i, r, attached)
	return struct {
		AttachedPolicies []attachedPolicy `xml:"AttachedPolicies>member"`
		paging
	}{attached, next}, failure
}

func policyName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

type policyOutput struct {
	PolicyName       string
	PolicyID         string `xml:"PolicyId"`
	Arn              string
	Path             string
	DefaultVersionID string `xml:"DefaultVersionId"`
	AttachmentCount  int
	IsAttachable     bool
	CreateDate       string
}

func (i *IAM) getPolicy(r iamRequest) (any, *iamError) {
	arn := r.Get("PolicyArn")
	versions := i.policies[arn]
	if versions == nil {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	n := 0
	for _, found := range i.roles {
		if slices.Contains(found.attached, arn) {
			n++
		}
	}
	return struct{ Policy policyOutput }{policyOutput{
		PolicyName: policyName(arn), PolicyID: "ANPAIOSFODNN7EXAMPLE", Arn: arn, Path: "/",
		DefaultVersionID: fmt.Sprintf("v%d", len(versions)), AttachmentCount: n, IsAttachable: true, CreateDate: created,
	}}, nil
}

type policyVersionOutput struct {
	Document         string
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       string
}

func (i *IAM) getPolicyVersion(r iamRequest) (any, *iamError) {
	arn, id := r.Get("PolicyArn"), r.Get("VersionId")
	versions := i.policies[arn]
	if versions == nil {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
	if err != nil || n < 1 || n > len(versions) {
		return nil, noSuchEntity("Policy %s version %s does not exist or is not attachable.", arn, id)
	}
	return struct{ PolicyVersion policyVersionOutput }{policyVersionOutput{
		Document: escaped(versions[n-1].document), VersionID: id, IsDefaultVersion: n == len(versions), CreateDate: created,
	}}, nil
}
