package policy_test

import (
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

// FuzzEvaluate wants a decision that a value for a missing key does not overturn,
// and a statement that denies everything to win.
func FuzzEvaluate(f *testing.F) {
	for _, statement := range []string{
		`{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + function + `","Condition":{"ArnLike":{"AWS:SourceArn":"` + rule + `"}}}`,
		`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceArn":"${test:key, 'x'}"},"Null":{"test:key":"false"}}}`,
		`{"Effect":"Allow","NotAction":["iam:*"],"NotResource":"arn:*:s?:::${*}${test:key}*","Condition":{"ForAllValues:StringLikeIfExists":{"test:key":["a*","?"]}}}`,
		`{"Effect":"Allow","Action":"*","NotPrincipal":{"AWS":["123456789012","*"]},"Condition":{"NumericLessThan":{"test:key":1e9},"DateGreaterThan":{"test:key":"2026-01-02T03:04:05Z"},"IpAddress":{"test:key":"::/0"},"BinaryEquals":{"test:key":"AA=="}}}`,
	} {
		doc := []byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)
		f.Add(doc, "events.amazonaws.com", "lambda:InvokeFunction", function, rule)
		f.Add(doc, role, "secretsmanager:GetSecretValue", secret, "1")
	}
	everything, err := policy.Parse([]byte(`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte, principal, action, resource, value string) {
		d, err := policy.Parse(document)
		if err != nil {
			return
		}
		r := policy.Request{Principal: principal, Action: action, Resource: resource, Context: map[string]string{}}
		before := policy.Evaluate([]*policy.Document{d}, r)
		if before.Outcome != policy.Unknown && before.Unknown != nil {
			t.Errorf("got %+v", before)
		}
		for _, key := range append(before.Unknown, "aws:SourceArn", "test:key") {
			r.Context[key] = value
		}
		after := policy.Evaluate([]*policy.Document{d}, r)
		if before.Outcome != policy.Unknown && after.Outcome != policy.Unknown && (before.Outcome == policy.Allowed) != (after.Outcome == policy.Allowed) {
			t.Errorf("%v, and %v once every key is told", before, after)
		}
		r.Absent = []string{"*"}
		if got := policy.Evaluate([]*policy.Document{d}, r); got.Outcome == policy.Unknown && got.Unknown[0] != "the session's name" {
			t.Errorf("%v though every key is told", got)
		}
		if got := policy.Evaluate([]*policy.Document{d, everything}, r); got.Outcome != policy.Denied {
			t.Errorf("%v though everything is denied", got)
		}
	})
}
