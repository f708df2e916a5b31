package awstest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

type evaluationResult struct {
	EvalActionName          string
	EvalResourceName        string
	EvalDecision            string
	MatchedStatements       []matchedStatement `xml:"MatchedStatements>member"`
	MissingContextValues    []string           `xml:"MissingContextValues>member"`
	ResourceSpecificResults []resourceResult   `xml:"ResourceSpecificResults>member"`
}

type resourceResult struct {
	EvalResourceName                  string
	EvalResourceDecision              string
	MatchedStatements                 []matchedStatement `xml:"MatchedStatements>member"`
	MissingContextValues              []string           `xml:"MissingContextValues>member"`
	PermissionsBoundaryDecisionDetail *boundaryDecision
}

type matchedStatement struct {
	SourcePolicyID   string `xml:"SourcePolicyId"`
	SourcePolicyType string
}

type boundaryDecision struct{ AllowedByPermissionsBoundary bool }

// simulation is the policies of a role, and what the caller tells of the request.
type simulation struct {
	principal string
	names     []string // of docs
	docs      []*policy.Document
	boundary  []*policy.Document // nil for none
	context   map[string]string
}

// resourceFormats are the formats of the ARNs that an action is about. They, and no
// ARN of the request, stand at the top of a result.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html
var resourceFormats = map[string]string{
	"secretsmanager:GetSecretValue": "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}",
	"secretsmanager:DescribeSecret": "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}",
	"kms:Decrypt":                   "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}",
	"lambda:InvokeFunction":         "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}",
}

func (i *IAM) simulatePrincipalPolicy(r iamRequest) (any, *iamError) {
	s, failure := i.simulation(r)
	if failure != nil {
		return nil, failure
	}
	resources := r.list("ResourceArns")
	if resources == nil {
		resources = []string{"*"}
	}
	var results []evaluationResult
	for _, action := range r.list("ActionNames") {
		result := evaluationResult{EvalActionName: action, EvalDecision: "allowed", EvalResourceName: "*"}
		if format := resourceFormats[action]; format != "" {
			result.EvalResourceName = format
		}
		for _, resource := range resources {
			result.add(s.evaluate(action, resource))
		}
		if slices.Equal(resources, []string{"*"}) {
			result.ResourceSpecificResults = nil
		}
		results = append(results, result)
	}
	if results == nil {
		return nil, &iamError{http.StatusBadRequest, "ValidationError", "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null"}
	}
	results, next, failure := page(i, r, results)
	return struct {
		EvaluationResults []evaluationResult `xml:"EvaluationResults>member"`
		paging
	}{results, next}, failure
}

// simulation reads the request.
func (i *IAM) simulation(r iamRequest) (*simulation, *iamError) {
	found, failure := i.principal(r.Get("PolicySourceArn"))
	if failure != nil {
		return nil, failure
	}
	s := &simulation{principal: found.arn, context: make(map[string]string)}
	for _, p := range found.inline {
		failure = cmp.Or(failure, s.add(p.name, p.document))
	}
	for _, arn := range found.attached {
		failure = cmp.Or(failure, s.add(policyName(arn), i.current(arn)))
	}
	for n, document := range r.list("PolicyInputList") {
		failure = cmp.Or(failure, s.add(fmt.Sprintf("PolicyInputList.%d", n+1), document))
	}
	if found.boundary != "" {
		failure = cmp.Or(failure, s.add(policyName(found.boundary), i.current(found.boundary)))
		if last := len(s.docs) - 1; failure == nil {
			s.boundary, s.docs = s.docs[last:], s.docs[:last:last]
		}
	}
	for n := 1; ; n++ {
		entry := fmt.Sprintf("ContextEntries.member.%d.", n)
		key := r.Get(entry + "ContextKeyName")
		if key == "" {
			return s, failure
		}
		for _, v := range r.list(entry + "ContextKeyValues") {
			s.context[key] = v
		}
	}
}

// principal is the role that is asked about. Session ARNs are refused: it wants the
// role's.
func (i *IAM) principal(arn string) (*role, *iamError) {
	for _, r := range i.roles {
		if r.arn == arn {
			return r, nil
		}
	}
	if entity := i.place.arn("iam", "role/"); len(arn) > len(entity) && arn[:len(entity)] == entity {
		return nil, noSuchEntity("The role with name %s cannot be found.", policyName(arn))
	}
	return nil, &iamError{http.StatusBadRequest, "InvalidInput", "Invalid Entity Arn: " + arn + " does not clearly define entity type and name."}
}

func (s *simulation) add(name, document string) *iamError {
	d, err := policy.Parse([]byte(document))
	if err != nil {
		return &iamError{http.StatusBadRequest, "MalformedPolicyDocument", name + ": " + err.Error()}
	}
	s.names, s.docs = append(s.names, name), append(s.docs, d)
	return nil
}

// current is the default version of a managed policy.
func (i *IAM) current(arn string) string {
	versions := i.policies[arn]
	return versions[len(versions)-1].document
}

// evaluate takes a key that was not told for one that the request does not have,
// as the simulator does, and names it.
func (s *simulation) evaluate(action, resource string) resourceResult {
	req := policy.Request{Principal: s.principal, Action: action, Resource: resource, Context: s.context}
	missing := policy.Evaluate(s.docs, req).Unknown
	req.Absent = []string{"*"}
	d := policy.Evaluate(s.docs, req)
	result := resourceResult{EvalResourceName: resource, EvalResourceDecision: decisionWords[d.Outcome], MissingContextValues: missing}
	if d.Document >= 0 {
		result.MatchedStatements = []matchedStatement{{s.names[d.Document], "IAM Policy"}}
	}
	if s.boundary != nil {
		b := policy.Evaluate(s.boundary, req)
		result.PermissionsBoundaryDecisionDetail = &boundaryDecision{b.Outcome == policy.Allowed}
		switch {
		case b.Outcome == policy.Denied:
			result.EvalResourceDecision = decisionWords[policy.Denied]
		case b.Outcome == policy.NotAllowed && d.Outcome == policy.Allowed:
			result.EvalResourceDecision = decisionWords[policy.NotAllowed]
		}
	}
	return result
}

var decisionWords = map[policy.Outcome]string{
	policy.Allowed:    "allowed",
	policy.NotAllowed: "implicitDeny",
	policy.Denied:     "explicitDeny",
}

// add takes the result for one resource in. The most restrictive decision stands.
func (e *evaluationResult) add(r resourceResult) {
	severity := []string{"allowed", "implicitDeny", "explicitDeny"}
	if slices.Index(severity, r.EvalResourceDecision) > slices.Index(severity, e.EvalDecision) {
		e.EvalDecision = r.EvalResourceDecision
	}
	for _, m := range r.MatchedStatements {
		if !slices.Contains(e.MatchedStatements, m) {
			e.MatchedStatements = append(e.MatchedStatements, m)
		}
	}
	e.MissingContextValues = append(e.MissingContextValues, r.MissingContextValues...)
	slices.Sort(e.MissingContextValues)
	e.MissingContextValues = slices.Compact(e.MissingContextValues)
	e.ResourceSpecificResults = append(e.ResourceSpecificResults, r)
}
