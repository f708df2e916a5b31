package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

const (
	function = "arn:aws:lambda:us-east-1:123456789012:function:app"
	rule     = "arn:aws:events:us-east-1:123456789012:rule/rotated"
	secret   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"
	role     = "arn:aws:iam::123456789012:role/service/app"
	session  = "arn:aws:sts::123456789012:assumed-role/app/app"
)

// delivery is EventBridge's call of the function for the rule.
var delivery = policy.Request{
	Principal: "events.amazonaws.com",
	Action:    "lambda:InvokeFunction",
	Resource:  function,
	Context:   map[string]string{"aws:SourceArn": rule, "aws:SourceAccount": "123456789012"},
}

// read is the function's read of its secret.
var read = policy.Request{Principal: role, Action: "secretsmanager:GetSecretValue", Resource: secret}

func TestPolicyOfAFunction(t *testing.T) {
	const (
		head    = `{"Sid":"x","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + function + `"`
		fromArn = head + `,"Condition":{"ArnLike":{"AWS:SourceArn":"`
	)
	tests := []struct {
		statement string
		want      policy.Outcome
	}{
		{head + `}`, policy.Allowed},
		{fromArn + rule + `"}}}`, policy.Allowed},
		{fromArn + `arn:aws:events:us-east-1:123456789012:rule/*"}}}`, policy.Allowed},
		{fromArn + rule + `"},"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`, policy.Allowed},
		{fromArn + rule + `"},"StringEquals":{"AWS:SourceAccount":"210987654321"}}}`, policy.NotAllowed},
		{fromArn + rule + `-other"}}}`, policy.NotAllowed},
		{fromArn + `arn:aws:events:us-west-2:123456789012:rule/rotated"}}}`, policy.NotAllowed},
		{fromArn + rule + `"},"StringEquals":{"lambda:EventSourceToken":"t"}}}`, policy.Unknown},
		{head + `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}}}`, policy.NotAllowed},
		{head[:len(head)-1] + `:live"}`, policy.NotAllowed},
		{head[:len(head)-1] + `*"}`, policy.Allowed},
		{`{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*"}`, policy.NotAllowed},
		{`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"lambda:*","Resource":"*"}`, policy.NotAllowed},
		{`{"Effect":"Allow","Principal":"*","Action":"lambda:Invoke*","Resource":"*"}`, policy.Allowed},
		{`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"lambda:Invoke*","Resource":"*"}`, policy.Allowed},
		{`{"Effect":"Allow","Principal":{"Service":"*"},"Action":"lambda:Invoke*","Resource":"*"}`, policy.Allowed},
	}
	for _, tt := range tests {
		if got := policy.Evaluate([]*policy.Document{parse(t, tt.statement)}, delivery); got.Outcome != tt.want {
			t.Errorf("%s: got %v, want %v", tt.statement, got, tt.want)
		}
	}
}

func TestActionsAndResources(t *testing.T) {
	tests := []struct {
		statement string // after its Effect
		want      policy.Outcome
	}{
		{`"Action":"secretsmanager:GetSecretValue","Resource":"*"`, policy.Allowed},
		{`"Action":"SecretsManager:getsecretvalue","Resource":"*"`, policy.Allowed},
		{`"Action":"secretsmanager:Get*","Resource":"*"`, policy.Allowed},
		{`"Action":"secretsmanager:GetSecretValu?","Resource":"*"`, policy.Allowed},
		{`"Action":"secretsmanager:GetSecretValue?","Resource":"*"`, policy.NotAllowed},
		{`"Action":["ssm:*","*:GetSecret*"],"Resource":"*"`, policy.Allowed},
		{`"Action":"secretsmanager:GetSecret","Resource":"*"`, policy.NotAllowed},
		{`"NotAction":"secretsmanager:Get*","Resource":"*"`, policy.NotAllowed},
		{`"NotAction":["iam:*","secretsmanager:Put*"],"Resource":"*"`, policy.Allowed},
		{`"Action":"*","Resource":"` + secret + `"`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-??????"`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-?????"`, policy.NotAllowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:123456789012:secret:PROD/db-??????"`, policy.NotAllowed},
		{`"Action":"*","Resource":["arn:aws:s3:::x","arn:aws:secretsmanager:*:*:secret:prod/*"]`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:*"`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-*-1:123456789012:secret:*"`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:*:secret:prod/db-AbCdEf"`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secrets*r:us-east-1:123456789012:secret:*"`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:s*t:prod/db-AbCdEf"`, policy.NotAllowed}, // not across a colon
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:123456789012?secret:*"`, policy.NotAllowed},
		{`"Action":"*","NotResource":"arn:aws:secretsmanager:*:*:secret:prod/*"`, policy.NotAllowed},
		{`"Action":"*","NotResource":["arn:aws:s3:::*","arn:aws:secretsmanager:*:*:secret:dev/*"]`, policy.Allowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:${aws:PrincipalAccount}:secret:prod/*"`, policy.NotAllowed}, // only after the fifth colon
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:*:secret:${aws:PrincipalServiceName, 'prod'}/*"`, policy.Unknown},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:*:secret:${aws:username}/*"`, policy.NotAllowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:*:secret:${aws:username, 'prod'}/*"`, policy.Allowed},
		{`"Action":"*","NotResource":"arn:aws:secretsmanager:us-east-1:*:secret:${aws:username, 'dev'}/*"`, policy.Allowed},
		{`"Action":"*","NotResource":["arn:aws:s3:::*","arn:aws:secretsmanager:us-east-1:*:secret:${aws:username}/*"]`, policy.NotAllowed},
		{`"Action":"*","Resource":"arn:aws:secretsmanager:us-east-1:*:secret:${aws:PrincipalTag/stage}/*"`, policy.Unknown},
		{`"Action":"*","Resource":"arn:aws:s3:::${aws:PrincipalTag/stage}/*"`, policy.NotAllowed}, // whatever the stage
		{`"Action":"*","NotResource":"arn:aws:s3:::${aws:PrincipalTag/stage}/*"`, policy.Allowed},
		{`"Action":"*","NotResource":"arn:aws:s3:::${aws:username}/*"`, policy.Allowed},
		{`"Action":"*"`, policy.Allowed},
	}
	for _, tt := range tests {
		d := parse(t, `{"Effect":"Allow",`+tt.statement+`}`)
		r := read
		r.Absent = []string{"aws:username"}
		if got := policy.Evaluate([]*policy.Document{d}, r); got.Outcome != tt.want {
			t.Errorf("%s: got %v, want %v", tt.statement, got, tt.want)
		}
	}
}

func TestPrincipals(t *testing.T) {
	tests := []struct {
		principals string
		principal  string
		want       policy.Outcome
	}{
		{`"Principal":{"AWS":"` + role + `"}`, role, policy.Allowed},
		{`"Principal":{"AWS":["arn:aws:iam::1:user/x","` + role + `"]}`, role, policy.Allowed},
		{`"Principal":{"AWS":"` + role + `"}`, session, policy.Allowed},
		{`"Principal":{"AWS":"` + session + `"}`, session, policy.Allowed},
		{`"Principal":{"AWS":"` + session + `"}`, session + "2", policy.NotAllowed},
		{`"Principal":{"AWS":"` + session + `"}`, role, policy.Unknown},
		{`"Principal":{"AWS":"arn:aws:iam::123456789012:role/app"}`, role, policy.NotAllowed},
		{`"Principal":{"AWS":"arn:aws:iam::123456789012:role/other"}`, session, policy.NotAllowed},
		{`"Principal":{"AWS":"arn:aws:iam::210987654321:role/app"}`, session, policy.NotAllowed},
		{`"Principal":{"AWS":"arn:aws-cn:iam::123456789012:role/app"}`, session, policy.NotAllowed},
		{`"Principal":{"AWS":"123456789012"}`, role, policy.Allowed},
		{`"Principal":{"AWS":"123456789012"}`, session, policy.Allowed},
		{`"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`, session, policy.Allowed},
		{`"Principal":{"AWS":"210987654321"}`, role, policy.NotAllowed},
		{`"Principal":{"AWS":"arn:aws:iam::210987654321:root"}`, role, policy.NotAllowed},
		{`"Principal":{"AWS":"123456789012"}`, "events.amazonaws.com", policy.NotAllowed},
		{`"Principal":{"AWS":"arn:aws:iam::*:role/*"}`, role, policy.NotAllowed}, // no wildcards here
		{`"Principal":{"Service":"*"}`, role, policy.NotAllowed},
		{`"Principal":{"Service":"*"}`, "arn:aws:iam::123456789012:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/x", policy.NotAllowed},
		{`"Principal":{"Service":["s3.amazonaws.com","events.amazonaws.com"]}`, "events.amazonaws.com", policy.Allowed},
		{`"Principal":{"Service":"events.amazonaws.com"}`, "events.us-east-1.amazonaws.com", policy.NotAllowed},
		{`"Principal":{"Federated":"cognito-identity.amazonaws.com"}`, "cognito-identity.amazonaws.com", policy.Allowed},
		{`"Principal":{"CanonicalUser":"79a5"}`, role, policy.NotAllowed},
		{`"Principal":"*"`, "", policy.Allowed},
		{`"Principal":{"AWS":"123456789012"}`, "", policy.NotAllowed},
		{`"NotPrincipal":{"AWS":"` + role + `"}`, role, policy.NotAllowed},
		{`"NotPrincipal":{"AWS":"` + role + `"}`, session, policy.NotAllowed},
		{`"NotPrincipal":{"Service":"events.amazonaws.com"}`, role, policy.Allowed},
		{`"NotPrincipal":{"AWS":"` + session + `"}`, role, policy.Unknown},
	}
	for _, tt := range tests {
		d := parse(t, `{"Effect":"Allow","Action":"*","Resource":"*",`+tt.principals+`}`)
		r := policy.Request{Principal: tt.principal, Action: "a:b", Resource: "arn:aws:s3:::bucket"}
		if got := policy.Evaluate([]*policy.Document{d}, r); got.Outcome != tt.want {
			t.Errorf("%s for %s: got %v, want %v", tt.principals, tt.principal, got, tt.want)
		}
	}
}

// Within an account, naming it leaves the decision to the identity policies; from
// another account it is half of what is needed, the half of the resource's side.
func TestAccountAsPrincipal(t *testing.T) {
	const other = "arn:aws:secretsmanager:us-east-1:210987654321:secret:prod/db-AbCdEf"
	tests := []struct {
		effect, principals, resource string
		want                         policy.Outcome
	}{
		{"Allow", `"Principal":{"AWS":"123456789012"}`, secret, policy.NotAllowed},
		{"Allow", `"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`, secret, policy.NotAllowed},
		{"Allow", `"Principal":{"AWS":["123456789012","` + role + `"]}`, secret, policy.Allowed},
		{"Allow", `"Principal":{"AWS":["123456789012","*"]}`, secret, policy.Allowed},
		{"Allow", `"Principal":{"AWS":["123456789012","` + session + `"]}`, secret, policy.Unknown},
		{"Allow", `"Principal":{"AWS":"123456789012"}`, other, policy.Allowed},
		{"Allow", `"NotPrincipal":{"AWS":"210987654321"}`, secret, policy.Allowed},
		{"Allow", `"NotPrincipal":{"AWS":"123456789012"}`, secret, policy.NotAllowed},
		{"Deny", `"Principal":{"AWS":"123456789012"}`, secret, policy.Denied},
	}
	for _, tt := range tests {
		d := parse(t, `{"Effect":"`+tt.effect+`","Action":"*","Resource":"*",`+tt.principals+`}`)
		r := read
		r.Resource = tt.resource
		if got := policy.Evaluate([]*policy.Document{d}, r); got.Outcome != tt.want {
			t.Errorf("%s %s on %s: got %v, want %v", tt.effect, tt.principals, tt.resource, got, tt.want)
		}
	}
}

func TestDecisions(t *testing.T) {
	const (
		allow     = `{"Sid":"allow","Effect":"Allow","Action":"*","Resource":"*"}`
		mayAllow  = `{"Sid":"mayAllow","Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/a":"b","Aws:SourceVpc":"v"}}}`
		deny      = `{"Sid":"deny","Effect":"Deny","Action":"secretsmanager:*","Resource":"*"}`
		mayDeny   = `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1"}}}`
		otherDeny = `{"Sid":"other","Effect":"Deny","Action":"s3:*","Resource":"*"}`
	)
	tests := []struct {
		name string
		docs [][]string
		want policy.Decision
		text string
	}{
		{"nothing", nil, policy.Decision{Document: -1, Statement: -1}, "not allowed"},
		{
			"allowed",
			[][]string{{otherDeny}, {otherDeny, allow, mayAllow}},
			policy.Decision{Outcome: policy.Allowed, Document: 1, Statement: 1, Sid: "allow"},
			`allowed, by statement "allow" of policy 1`,
		},
		{
			"the first of several",
			[][]string{{allow}, {otherDeny, allow}},
			policy.Decision{Outcome: policy.Allowed, Sid: "allow"},
			`allowed, by statement "allow" of policy 0`,
		},
		{
			"deny wins",
			[][]string{{allow}, {allow, deny}, {mayDeny}},
			policy.Decision{Outcome: policy.Denied, Document: 1, Statement: 1, Sid: "deny"},
			`denied, by statement "deny" of policy 1`,
		},
		{
			"a deny that depends",
			[][]string{{mayDeny, allow}},
			policy.Decision{Outcome: policy.Unknown, Unknown: []string{"aws:SourceVpce"}},
			"undecided without aws:SourceVpce, by statement 0 of policy 0",
		},
		{
			"an allow that depends",
			[][]string{{otherDeny, mayAllow}},
			policy.Decision{Outcome: policy.Unknown, Statement: 1, Sid: "mayAllow", Unknown: []string{"Aws:SourceVpc", "aws:RequestTag/a"}},
			`undecided without Aws:SourceVpc, aws:RequestTag/a, by statement "mayAllow" of policy 0`,
		},
		{
			"both depend",
			[][]string{{mayDeny, mayAllow}},
			policy.Decision{Outcome: policy.Unknown, Statement: 1, Sid: "mayAllow", Unknown: []string{"Aws:SourceVpc", "aws:RequestTag/a", "aws:SourceVpce"}},
			`undecided without Aws:SourceVpc, aws:RequestTag/a, aws:SourceVpce, by statement "mayAllow" of policy 0`,
		},
		{"only a deny that depends", [][]string{{mayDeny}}, policy.Decision{Document: -1, Statement: -1}, "not allowed"},
	}
	for _, tt := range tests {
		var docs []*policy.Document
		for _, statements := range tt.docs {
			docs = append(docs, parse(t, statements...))
		}
		got := policy.Evaluate(docs, read)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if got.String() != tt.text {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.text)
		}
	}
	if got := policy.Evaluate([]*policy.Document{nil, parse(t, allow)}, read); got.Outcome != policy.Allowed || got.Document != 1 {
		t.Errorf("after a nil document: got %+v", got)
	}
}
