package policy_test

import (
	"slices"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

// holds evaluates a statement that allows everything under the condition.
func holds(t *testing.T, version, condition string, r policy.Request) policy.Decision {
	t.Helper()
	d, err := policy.Parse([]byte(`{"Version":"` + version + `","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` + condition + `}}}`))
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	return policy.Evaluate([]*policy.Document{d}, r)
}

func TestOperators(t *testing.T) {
	tests := []struct {
		op, want, got string // want in JSON
		holds         bool
	}{
		{"StringEquals", `"a"`, "a", true},
		{"stringequals", `["x","a"]`, "a", true},
		{"StringEquals", `"a*"`, "ab", false},
		{"StringEquals", `"A"`, "a", false},
		{"StringEquals", `[]`, "a", false},
		{"StringEquals", `7`, "7", true},
		{"StringNotEquals", `["x","a"]`, "a", false},
		{"StringNotEquals", `["x","y"]`, "a", true},
		{"StringEqualsIgnoreCase", `"A"`, "a", true},
		{"StringNotEqualsIgnoreCase", `"A"`, "a", false},
		{"StringLike", `"a*c?"`, "abbbcd", true},
		{"StringLike", `"a*c?"`, "abbbc", false},
		{"StringLike", `"a*"`, "a:b/c", true},
		{"StringLike", `"?"`, "é", true},
		{"StringNotLike", `"a*"`, "abc", false},
		{"StringNotLike", `"b*"`, "abc", true},
		{"ArnLike", `"arn:aws:events:*:123456789012:rule/r*"`, rule, true},
		{"ArnEquals", `"arn:aws:events:*:123456789012:rule/r*"`, rule, true},
		{"ArnLike", `"arn:aws:events:*:rule/rotated"`, rule, false}, // part by part
		{"ArnLike", `"arn:aws:events:*"`, rule, true},
		{"ArnLike", `"arn:aws:events"`, rule, false},
		{"ArnLike", `"arn:aws:events:us-east-1:123456789012:rule"`, rule, false},
		{"ArnLike", `"arn:aws:lambda:us-east-1:123456789012:function:app*"`, function + ":live", true},
		{"ArnLike", `"*"`, rule, true},
		{"ArnLike", `"*"`, "no ARN", false},
		{"ArnLike", `""`, rule, false},
		{"ArnNotLike", `"arn:aws:events:*:*:rule/x"`, rule, true},
		{"ArnNotEquals", `"arn:aws:events:*:*:rule/rotated"`, rule, false},
		{"NumericEquals", `10`, "10.0", true},
		{"NumericEquals", `"ten"`, "ten", false},
		{"NumericEquals", `"1/1"`, "1", false},
		{"NumericNotEquals", `10`, "11", true},
		{"NumericLessThan", `10`, "9.99", true},
		{"NumericLessThan", `10`, "10", false},
		{"NumericLessThanEquals", `10`, "10", true},
		{"NumericGreaterThan", `"-1"`, "0", true},
		{"NumericGreaterThan", `10`, "9", false},
		{"NumericGreaterThanEquals", `10`, "10", true},
		{"DateEquals", `"2026-01-02T03:04:05Z"`, "1767323045", true},
		{"DateNotEquals", `"2026-01-02"`, "2026-01-02T00:00:00Z", false},
		{"DateLessThan", `"2026-01-02"`, "2026-01-01T23:59:59.5Z", true},
		{"DateLessThanEquals", `"2026-01-02T03:04Z"`, "2026-01-02T03:04:00Z", true},
		{"DateGreaterThan", `"2026-01"`, "2025-12-31T23:59:59Z", false},
		{"DateGreaterThanEquals", `"2026-01-02T03:04:05+01:00"`, "2026-01-02T02:04:05Z", true},
		{"DateEquals", `"someday"`, "someday", false},
		{"Bool", `true`, "true", true},
		{"Bool", `"True"`, "true", true},
		{"Bool", `"false"`, "true", false},
		{"BinaryEquals", `"AAEC"`, "AAEC", true},
		{"BinaryEquals", `"AAEC"`, "AAED", false},
		{"BinaryEquals", `"!"`, "!", false},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.113.9", true},
		{"IpAddress", `["10.0.0.0/8","203.0.113.9"]`, "203.0.113.9", true},
		{"IpAddress", `"2001:db8::/32"`, "2001:db8::1", true},
		{"IpAddress", `"203.0.113.0/24"`, "203.0.114.9", false},
		{"IpAddress", `"203.0.113.0/24"`, "somewhere", false},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.114.9", true},
		{"NotIpAddress", `"203.0.113.0/24"`, "203.0.113.9", false},
		{"Null", `"false"`, "a", true},
		{"Null", `true`, "a", false},
		{"StringEqualsIfExists", `"a"`, "b", false},
		{"StringLikeIfExists", `"a*"`, "ab", true},
		{"ForAnyValue:StringEquals", `["a","b"]`, "b", true},
		{"ForAnyValue:StringEquals", `["a","b"]`, "c", false},
		{"ForAllValues:StringLike", `["a*"]`, "ab", true},
		{"forallvalues:stringnotlike", `["a*"]`, "ab", false},
	}
	for _, tt := range tests {
		want := policy.NotAllowed
		if tt.holds {
			want = policy.Allowed
		}
		r := policy.Request{Action: "a:b", Resource: "x", Context: map[string]string{"test:key": tt.got}}
		if got := holds(t, "2012-10-17", `"`+tt.op+`":{"Test:Key":`+tt.want+`}`, r); got.Outcome != want {
			t.Errorf("%s %s on %q: got %v, want %v", tt.op, tt.want, tt.got, got, want)
		}
	}
}

func TestKeyThatIsNotThere(t *testing.T) {
	tests := []struct {
		op    string
		holds bool
	}{
		{"StringEquals", false},
		{"StringNotEquals", true},
		{"ArnLike", false},
		{"ArnNotLike", true},
		{"NotIpAddress", true},
		{"Bool", false},
		{"StringEqualsIfExists", true},
		{"BoolIfExists", true},
		{"ForAnyValue:StringEquals", false},
		{"ForAnyValue:StringNotEquals", false},
		{"ForAnyValue:StringEqualsIfExists", true},
		{"ForAllValues:StringEquals", true},
		{"Null", true},
	}
	for _, tt := range tests {
		want := policy.NotAllowed
		if tt.holds {
			want = policy.Allowed
		}
		condition := `"` + tt.op + `":{"aws:RequestTag/Team":"true"}`
		r := policy.Request{Action: "a:b", Resource: "x", Absent: []string{"aws:requesttag/*"}}
		if got := holds(t, "2012-10-17", condition, r); got.Outcome != want {
			t.Errorf("%s: got %v, want %v", tt.op, got, want)
		}
		r.Absent = []string{"aws:ResourceTag/*"}
		got := holds(t, "2012-10-17", condition, r)
		if got.Outcome != policy.Unknown || !slices.Equal(got.Unknown, []string{"aws:RequestTag/Team"}) {
			t.Errorf("%s on a key that is unknown: got %v", tt.op, got)
		}
	}
}

// All conditions must hold, so one that certainly does not decides.
func TestConditionsTogether(t *testing.T) {
	r := policy.Request{Action: "a:b", Resource: "x", Context: map[string]string{"a:k": "1"}}
	tests := []struct {
		condition string
		want      policy.Outcome
	}{
		{`"StringEquals":{"a:k":"1"},"NumericLessThan":{"a:k":2}`, policy.Allowed},
		{`"StringEquals":{"a:k":"1"},"NumericLessThan":{"a:k":1}`, policy.NotAllowed},
		{`"StringEquals":{"a:k":"2","a:unknown":"1"}`, policy.NotAllowed},
		{`"StringEquals":{"a:k":"1","a:unknown":"1"}`, policy.Unknown},
	}
	for _, tt := range tests {
		if got := holds(t, "2012-10-17", tt.condition, r); got.Outcome != tt.want {
			t.Errorf("%s: got %v, want %v", tt.condition, got, tt.want)
		}
	}
}

func TestPolicyVariables(t *testing.T) {
	r := policy.Request{
		Principal: role, Action: "a:b", Resource: secret,
		Context: map[string]string{"test:key": "v", "aws:PrincipalTag/Team": "a*", "aws:userid": "v"},
		Absent:  []string{"aws:username"},
	}
	tests := []struct {
		version, op, want, got string
		outcome                policy.Outcome
	}{
		{"2012-10-17", "StringEquals", "${aws:userid}", "v", policy.Allowed},
		{"2012-10-17", "StringEquals", "${ AWS:UserId }", "v", policy.Allowed},
		{"2008-10-17", "StringEquals", "${aws:userid}", "v", policy.NotAllowed},
		{"2008-10-17", "StringEquals", "${aws:userid}", "${aws:userid}", policy.Allowed},
		{"2012-10-17", "StringLike", "x-${aws:userid}-*", "x-v-y", policy.Allowed},
		{"2012-10-17", "StringLike", "${aws:PrincipalTag/team}", "ab", policy.NotAllowed}, // its asterisk is no wildcard
		{"2012-10-17", "StringLike", "${aws:PrincipalTag/team}", "a*", policy.Allowed},
		{"2012-10-17", "StringLike", "${*}${?}${$}", "*?$", policy.Allowed},
		{"2012-10-17", "StringLike", "${*}", "x", policy.NotAllowed},
		{"2012-10-17", "StringEquals", "${aws:username}", "", policy.NotAllowed},
		{"2012-10-17", "StringNotEquals", "${aws:username}", "v", policy.NotAllowed},
		{"2012-10-17", "StringNotEquals", "${aws:username, 'x'}", "v", policy.Allowed},
		{"2012-10-17", "StringEquals", "${aws:username, 'nobody'}", "nobody", policy.Allowed},
		{"2012-10-17", "StringEquals", "${aws:userid,'nobody'}", "nobody", policy.NotAllowed},
		{"2012-10-17", "StringEquals", "${aws:SourceVpc}", "v", policy.Unknown},
		{"2012-10-17", "StringNotLike", "${aws:SourceVpc, 'x'}*", "v", policy.Unknown},
		{"2012-10-17", "StringEquals", "${aws:SourceVpc}-x", "v", policy.NotAllowed}, // whatever the VPC
		{"2012-10-17", "StringEqualsIgnoreCase", "${aws:SourceVpc}-X", "v-x", policy.Unknown},
		{"2012-10-17", "ArnLike", "arn:aws:x::${aws:SourceVpc}:y", "arn:aws:x::1:y", policy.Unknown},
		{"2012-10-17", "StringEquals", "${aws:userid", "${aws:userid", policy.Allowed},
		{"2012-10-17", "ArnLike", "arn:aws:x::${aws:PrincipalAccount}:y/*", "arn:aws:x::123456789012:y/z", policy.Allowed},
		{"2012-10-17", "ArnEquals", "${aws:PrincipalArn}", role, policy.Allowed},
		{"2012-10-17", "StringEquals", "${aws:ResourceAccount}", "123456789012", policy.Allowed},
		{"2012-10-17", "Bool", "${aws:userid}", "v", policy.NotAllowed}, // only in texts and ARNs
	}
	for _, tt := range tests {
		r.Context["test:key"] = tt.got
		got := holds(t, tt.version, `"`+tt.op+`":{"test:key":"`+tt.want+`"}`, r)
		if got.Outcome != tt.outcome {
			t.Errorf("%s: %s %q on %q: got %v, want %v", tt.version, tt.op, tt.want, tt.got, got, tt.outcome)
		}
		if got.Outcome == policy.Unknown && !slices.Equal(got.Unknown, []string{"aws:SourceVpc"}) {
			t.Errorf("%q: got %v", tt.want, got.Unknown)
		}
	}
}

func TestKeysThatFollowFromThePrincipal(t *testing.T) {
	const service = "events.amazonaws.com"
	tests := []struct {
		principal, condition string
		want                 policy.Outcome
	}{
		{role, `"StringEquals":{"aws:PrincipalAccount":"123456789012"}`, policy.Allowed},
		{session, `"StringEquals":{"aws:PrincipalAccount":"123456789012"}`, policy.Allowed},
		{role, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/service/*"}`, policy.Allowed},
		{session, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/service/*"}`, policy.Unknown},
		{role, `"Bool":{"aws:PrincipalIsAWSService":false}`, policy.Allowed},
		{service, `"Bool":{"aws:PrincipalIsAWSService":true}`, policy.Allowed},
		{service, `"StringEquals":{"aws:PrincipalServiceName":"events.amazonaws.com"}`, policy.Allowed},
		{service, `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}`, policy.Allowed},
		{service, `"StringNotEquals":{"aws:PrincipalAccount":"210987654321"}`, policy.Allowed},
		{service, `"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}`, policy.NotAllowed},
		{service, `"StringNotEqualsIfExists":{"aws:PrincipalTag/x":"y"}`, policy.Allowed},
		{role, `"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}`, policy.Unknown},
		{service, `"StringEquals":{"aws:SourceOrgID":"o-abcdefghij"}`, policy.Unknown},
	}
	for _, tt := range tests {
		r := policy.Request{Principal: tt.principal, Action: "a:b", Resource: function}
		if got := holds(t, "2012-10-17", tt.condition, r); got.Outcome != tt.want {
			t.Errorf("%s for %s: got %v, want %v", tt.condition, tt.principal, got, tt.want)
		}
	}
	bucket := policy.Request{Principal: role, Action: "a:b", Resource: "arn:aws:s3:::bucket"}
	if got := holds(t, "2012-10-17", `"StringEquals":{"aws:ResourceAccount":""}`, bucket); got.Outcome != policy.Unknown {
		t.Errorf("a resource whose ARN names no account: got %v", got)
	}
	told := policy.Request{Principal: role, Action: "a:b", Resource: function, Context: map[string]string{"AWS:PrincipalAccount": "210987654321"}}
	if got := holds(t, "2012-10-17", `"StringEquals":{"aws:PrincipalAccount":"210987654321"}`, told); got.Outcome != policy.Allowed {
		t.Errorf("a key that was told: got %v", got)
	}
}
