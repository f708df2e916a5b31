package awstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

// resourcePolicy is the policy of a function, or of one of its versions or aliases:
// each has its own.
// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
type resourcePolicy struct {
	statements []json.RawMessage
	revision   string
}

// permission is a statement as Lambda writes it.
type permission struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition *permissionCondition `json:",omitempty"`
}

type permissionCondition struct {
	StringEquals map[string]string `json:",omitempty"`
	ArnLike      map[string]string `json:",omitempty"`
}

func (p *resourcePolicy) document() string {
	b, err := json.Marshal(struct {
		Version   string
		ID        string `json:"Id"`
		Statement []json.RawMessage
	}{"2012-10-17", "default", p.statements})
	if err != nil {
		panic("awstest: " + err.Error()) // only our own types come here
	}
	return string(b)
}

type addPermission struct {
	StatementID         string `json:"StatementId"`
	Action              string
	Principal           string
	SourceArn           string
	SourceAccount       string
	EventSourceToken    string
	PrincipalOrgID      string
	FunctionURLAuthType string `json:"FunctionUrlAuthType"`
	RevisionID          string `json:"RevisionId"`
}

// The constraints of AddPermission.
// https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
var permissionMembers = []struct {
	name    string
	pattern *regexp.Regexp
	value   func(addPermission) string
	needed  bool
}{
	{"statementId", regexp.MustCompile(`^[a-zA-Z0-9-_]{1,100}$`), func(a addPermission) string { return a.StatementID }, true},
	{"action", regexp.MustCompile(`^(lambda:[*]|lambda:[a-zA-Z]+|[*])$`), func(a addPermission) string { return a.Action }, true},
	{"principal", regexp.MustCompile(`^[^\s]+$`), func(a addPermission) string { return a.Principal }, true},
	{"sourceArn", regexp.MustCompile(`^arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)$`), func(a addPermission) string { return a.SourceArn }, false},
	{"sourceAccount", regexp.MustCompile(`^\d{12}$`), func(a addPermission) string { return a.SourceAccount }, false},
}

func (a addPermission) check() *lambdaError {
	for _, m := range permissionMembers {
		if v := m.value(a); (v != "" || m.needed) && !m.pattern.MatchString(v) {
			return lambdaConstraint(m.name, v, strings.Trim(m.pattern.String(), "^$"))
		}
	}
	return nil
}

func (a addPermission) statement(p Place, resource string) permission {
	s := permission{Sid: a.StatementID, Effect: "Allow", Action: a.Action, Resource: resource}
	switch {
	case a.Principal == "*":
		s.Principal = "*"
	case strings.HasPrefix(a.Principal, "arn:"):
		s.Principal = map[string]string{"AWS": a.Principal}
	case strings.Contains(a.Principal, "."):
		s.Principal = map[string]string{"Service": a.Principal}
	default:
		p.Account = a.Principal
		s.Principal = map[string]string{"AWS": p.arn("iam", "root")}
	}
	equals := map[string]string{
		"AWS:SourceAccount":          a.SourceAccount,
		"lambda:EventSourceToken":    a.EventSourceToken,
		"aws:PrincipalOrgID":         a.PrincipalOrgID,
		"lambda:FunctionUrlAuthType": a.FunctionURLAuthType,
	}
	for k, v := range equals {
		if v == "" {
			delete(equals, k)
		}
	}
	if a.SourceArn != "" || len(equals) > 0 {
		s.Condition = &permissionCondition{StringEquals: equals}
	}
	if a.SourceArn != "" {
		s.Condition.ArnLike = map[string]string{"AWS:SourceArn": a.SourceArn}
	}
	return s
}

func (l *Lambda) addPermission(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	var in addPermission
	if failure := req.decode(&in); failure != nil {
		return lambdaAnswer{}, failure
	}
	if failure := in.check(); failure != nil {
		return lambdaAnswer{}, failure
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, _, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	if req.qualifier == latest {
		return lambdaAnswer{}, lambdaInvalid("We currently do not support adding policies for $LATEST.")
	}
	if !strings.ContainsAny(in.Principal, ".:*") && !accountID.MatchString(in.Principal) {
		return lambdaAnswer{}, lambdaInvalid("The provided principal was invalid. Please check the principal and try again.")
	}
	now := f.policies[req.qualifier]
	if now == nil {
		now = &resourcePolicy{}
	}
	if failure := now.at(in.RevisionID); failure != nil {
		return lambdaAnswer{}, failure
	}
	if now.index(in.StatementID) >= 0 {
		return lambdaAnswer{}, lambdaConflict(fmt.Sprintf("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", in.StatementID))
	}
	s := ok(in.statement(l.place, req.arn)).body
	next := &resourcePolicy{append(slices.Clone(now.statements), s), newUUID()}
	if size := len(next.document()); size > maxPolicy {
		return lambdaAnswer{}, &lambdaError{http.StatusBadRequest, "PolicyLengthExceededException", fmt.Sprintf("The final policy size (%d) is bigger than the limit (%d).", size, maxPolicy)}
	}
	f.policies[req.qualifier] = next
	return lambdaAnswer{http.StatusCreated, nil, map[string]string{"Statement": string(s)}}, nil
}

var accountID = regexp.MustCompile(`^\d{12}$`)

// maxPolicy is Lambda's limit of a resource policy, in bytes.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxPolicy = 20 << 10

// at wants the revision that a caller read, "" for any.
func (p *resourcePolicy) at(revision string) *lambdaError {
	if revision != "" && revision != p.revision {
		return &lambdaError{http.StatusPreconditionFailed, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"}
	}
	return nil
}

// index is where the statement is, -1 if there is none.
func (p *resourcePolicy) index(sid string) int {
	return slices.IndexFunc(p.statements, func(s json.RawMessage) bool {
		var named struct{ Sid string }
		return json.Unmarshal(s, &named) == nil && named.Sid == sid
	})
}

// SetPolicy replaces the policy of a function, or of the version or alias of it that
// the ARN names, by one that may say what AddPermission cannot: a denial. The
// statements of the document are a list; "" takes the policy away.
// https://docs.aws.amazon.com/lambda/latest/api/API_PutResourcePolicy.html
func (l *Lambda) SetPolicy(functionARN, document string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, qualifier := l.byARN(functionARN)
	if f == nil {
		panic(fmt.Sprintf("awstest: there is no function %q", functionARN))
	}
	delete(f.policies, qualifier)
	if document == "" {
		return
	}
	var d struct{ Statement []json.RawMessage }
	_, err := policy.Parse([]byte(document))
	if err = errors.Join(err, json.Unmarshal([]byte(document), &d)); err != nil {
		panic("awstest: " + err.Error())
	}
	f.policies[qualifier] = &resourcePolicy{d.Statement, newUUID()}
}

func (l *Lambda) removePermission(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, _, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	p := f.policies[req.qualifier]
	if p == nil {
		return lambdaAnswer{}, lambdaNotFound("No policy is associated with the given resource.")
	}
	if failure := p.at(req.URL.Query().Get("RevisionId")); failure != nil {
		return lambdaAnswer{}, failure
	}
	sid := req.PathValue("sid")
	i := p.index(sid)
	if i < 0 {
		return lambdaAnswer{}, lambdaNotFound("Statement " + sid + " is not found in resource policy.")
	}
	rest := slices.Delete(slices.Clone(p.statements), i, i+1)
	f.policies[req.qualifier] = &resourcePolicy{rest, newUUID()}
	if len(rest) == 0 {
		delete(f.policies, req.qualifier)
	}
	return lambdaAnswer{status: http.StatusNoContent}, nil
}

func (l *Lambda) getPolicy(req *lambdaRequest) (lambdaAnswer, *lambdaError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, _, _, failure := l.find(req)
	if failure != nil {
		return lambdaAnswer{}, failure
	}
	p := f.policies[req.qualifier]
	if p == nil {
		return lambdaAnswer{}, lambdaNotFound("The resource you requested does not exist.")
	}
	return lambdaAnswer{body: struct {
		Policy     string
		RevisionID string `json:"RevisionId"`
	}{p.document(), p.revision}}, nil
}

// AllowsInvoke reports whether the function's policy lets EventBridge invoke it for
// a rule. It is what a fake of EventBridge asks before a delivery: where the answer
// is no, EventBridge drops the event. It tells the rule and not the account:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/events/CWE_Troubleshooting.html#LAMfunctionNotInvoked
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
func (l *Lambda) AllowsInvoke(functionARN, ruleARN string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, qualifier := l.byARN(functionARN)
	if f == nil {
		return false
	}
	p := f.policies[qualifier]
	if p == nil {
		return false
	}
	doc, err := policy.Parse([]byte(p.document()))
	if err != nil {
		panic("awstest: " + err.Error()) // it is what Lambda writes
	}
	return policy.Evaluate([]*policy.Document{doc}, policy.Request{
		Principal: "events.amazonaws.com",
		Action:    "lambda:InvokeFunction",
		Resource:  functionARN,
		Context:   map[string]string{"aws:SourceArn": ruleARN}, // and no account
		Absent:    []string{"*"},
	}).Outcome == policy.Allowed
}

// byARN finds the function of a full ARN, nil if that is none of ours. The lock is
// held.
func (l *Lambda) byARN(functionARN string) (f *function, qualifier string) {
	rest, ours := strings.CutPrefix(functionARN, l.functionARN("", ""))
	if !ours {
		return nil, ""
	}
	name, qualifier, _ := strings.Cut(rest, ":")
	return l.functions[name], qualifier
}
