package awstest

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
)

// IAM is a fake of AWS IAM, of its roles and their policies, and of the part of STS
// that tells who one is. It is an [http.Handler].
type IAM struct {
	API

	// Under API.mu.
	roles    map[string]*role           // by name
	policies map[string][]policyVersion // by ARN, the version v1 first; the last is the default
	pageSize int
}

type role struct {
	name, path, arn string
	trust           string
	boundary        string // ARN of a managed policy, "" for none
	inline          []inlinePolicy
	attached        []string // ARNs
}

type inlinePolicy struct{ name, document string }

type policyVersion struct{ document string }

// NewIAM starts the fake on a port of 127.0.0.1. The caller must Close it.
func NewIAM(p Place) *IAM {
	i := NewIAMHandler(p)
	i.server = httptest.NewServer(i)
	return i
}

// NewIAMHandler makes the fake without a server.
func NewIAMHandler(p Place) *IAM {
	return &IAM{API: newAPI(p), roles: make(map[string]*role), policies: make(map[string][]policyVersion)}
}

// Env returns the environment variables that make an AWS SDK use the fake, for IAM
// and STS.
func (i *IAM) Env() []string { return i.env("IAM", "STS") }

// PutRole makes a role that Lambda functions may have, without any policy. A name
// may be led by a path: "service/app". It returns the ARN.
func (i *IAM) PutRole(name string) (arn string) {
	r := &role{
		path:  "/",
		name:  name[strings.LastIndex(name, "/")+1:],
		arn:   i.place.arn("iam", "role/"+strings.TrimPrefix(name, "/")),
		trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
	}
	if path, _, found := strings.Cut(strings.Trim(name, "/"), "/"+r.name); found {
		r.path = "/" + path + "/"
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.roles[r.name] = r
	return r.arn
}

// DeleteRole removes a role.
func (i *IAM) DeleteRole(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.roles, i.must(name).name)
}

// PutRolePolicy embeds a policy in a role, or replaces the one with its name.
func (i *IAM) PutRolePolicy(roleName, policyName, document string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.must(roleName)
	r.inline = slices.DeleteFunc(r.inline, func(p inlinePolicy) bool { return p.name == policyName })
	r.inline = append(r.inline, inlinePolicy{policyName, document})
}

// PutPolicy makes a managed policy, or a new default version of it. The name may be
// an ARN, of one of AWS's own policies say. It returns the ARN.
func (i *IAM) PutPolicy(name, document string) (arn string) {
	arn = name
	if !strings.HasPrefix(arn, "arn:") {
		arn = i.place.arn("iam", "policy/"+name)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.policies[arn] = append(i.policies[arn], policyVersion{document})
	return arn
}

// Attach attaches a managed policy to a role.
func (i *IAM) Attach(roleName, policyARN string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.must(roleName)
	i.mustPolicy(policyARN)
	r.attached = append(r.attached, policyARN)
}

// SetBoundary makes a managed policy the permissions boundary of a role.
func (i *IAM) SetBoundary(roleName, policyARN string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.must(roleName)
	i.mustPolicy(policyARN)
	r.boundary = policyARN
}

// SetPageSize makes lists end after n items, whatever the caller allows: IAM may
// answer with fewer than that at any time. 0 takes it back.
func (i *IAM) SetPageSize(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.pageSize = n
}

func (i *IAM) must(name string) *role {
	r := i.roles[name]
	if r == nil {
		panic(fmt.Sprintf("awstest: there is no role %q", name))
	}
	return r
}

func (i *IAM) mustPolicy(arn string) {
	if i.policies[arn] == nil {
		panic(fmt.Sprintf("awstest: there is no policy %q", arn))
	}
}
