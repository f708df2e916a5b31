package policy_test

import (
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/rotation/policy"
)

// parse returns a document of one or several statements, each in JSON.
func parse(t *testing.T, statements ...string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestParseTakesEveryForm(t *testing.T) {
	for _, doc := range []string{
		`{"Statement":{"Effect":"Allow","Action":"a:b","Resource":"*"}}`,
		`{"Version":"2008-10-17","Id":"x","Statement":[{"Sid":"s","Effect":"Deny","NotAction":["a:b"],"NotResource":["*"]}]}`,
		`{"Version":"2012-10-17","Statement":[]}`,
		`{"Version":"2012-10-17"}`,
		`{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["a.amazonaws.com","b.amazonaws.com"],"AWS":"123456789012","Federated":"x","CanonicalUser":["y"]}}}`,
		`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","NotPrincipal":"*"}}`,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":[10,"20"]},"ForAnyValue:StringLikeIfExists":{"a:b":[]}}}}`,
		" \n{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}\n",
	} {
		if _, err := policy.Parse([]byte(doc)); err != nil {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ doc, want string }{
		{``, "no valid JSON"},
		{`{"Version":"2012-10-17"} x`, "no valid JSON"},
		{`[]`, "cannot unmarshal array"},
		{`{"Version":"2020-01-01"}`, `Version is "2020-01-01", want 2012-10-17 or 2008-10-17`},
		{`{"Statements":[]}`, `unknown field "Statements"`},
		{`{"Statement":{"Sid":"x","Effect":"allow","Action":"a","Resource":"*"}}`, `statement "x": got the Effect "allow", want Allow or Deny`},
		{`{"Statement":[{"Effect":"Allow","Action":"a"},{"Effect":"Allow","Resource":"*"}]}`, "statement 1: got neither Action nor NotAction"},
		{`{"Statement":{"Effect":"Allow","Action":"a","NotAction":"b"}}`, "got both Action and NotAction"},
		{`{"Statement":{"Effect":"Allow","Action":"a","Resource":"*","NotResource":"*"}}`, "got both Resource and NotResource"},
		{`{"Statement":{"Effect":"Allow","Action":"a","Principal":"*","NotPrincipal":"*"}}`, "got both Principal and NotPrincipal"},
		{`{"Statement":{"Effect":"Allow","Action":null,"Resource":"*"}}`, "got neither Action nor NotAction"},
		{`{"Statement":{"Effect":"Allow","Action":[]}}`, "Action is an empty list"},
		{`{"Statement":{"Effect":"Allow","Action":"a","Resource":[]}}`, "Resource is an empty list"},
		{`{"Statement":{"Effect":"Allow","Action":"a","NotResource":[]}}`, "Resource is an empty list"},
		{`{"Statement":{"Effect":"Allow","Action":7}}`, "cannot unmarshal number"},
		{`{"Statement":{"Effect":"Allow","Action":"a","NotCondition":{}}}`, `unknown field "NotCondition"`},
		{`{"Statement":{"Effect":"Allow","Action":"a","Principal":"123456789012"}}`, `got the Principal "123456789012", want "*" or an object`},
		{`{"Statement":{"Effect":"Allow","Action":"a","Principal":{"Aws:":"*"}}}`, `unknown field "Aws:"`},
		{`{"Statement":{"Effect":"Allow","Action":"a","Condition":{"StringIs":{"a:b":"c"}}}}`, `unknown operator "StringIs"`},
		{`{"Statement":{"Effect":"Allow","Action":"a","Condition":{"NullIfExists":{"a:b":"true"}}}}`, `unknown operator "NullIfExists"`},
		{`{"Statement":{"Effect":"Allow","Action":"a","Condition":{"SomeValues:StringLike":{"a:b":"c"}}}}`, `unknown operator "SomeValues:StringLike"`},
		{`{"Statement":{"Effect":"Allow","Action":"a","Condition":{"StringLike":{"a:b":{}}}}}`, "want a string, a number or a boolean"},
		{`{"Statement":{"Effect":"Allow","Action":"a","Condition":{"StringLike":{"a:b":[null]}}}}`, "want a string, a number or a boolean"},
	}
	for _, tt := range tests {
		_, err := policy.Parse([]byte(tt.doc))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "parse policy: ") {
			t.Errorf("%s: got %v, want an error with %q", tt.doc, err, tt.want)
		}
	}
}

func TestParseReportsEveryStatement(t *testing.T) {
	_, err := policy.Parse([]byte(`{"Statement":[{"Effect":"Allow"},{"Sid":"ok","Effect":"Allow","Action":"a"},{"Sid":"two","Action":"a","Condition":{"X":{"a":"b"}}}]}`))
	for _, want := range []string{"statement 0: got neither", `statement "two": got the Effect ""`, `unknown operator "X"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
