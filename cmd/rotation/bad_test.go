package main

import (
	"context"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func TestUsage(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"no command, want notify, setup, verify or teardown", "See 'rotation --help'"}},
		{[]string{"wire"}, []string{`unknown command "wire"`}},
		{[]string{"setup"}, []string{"--function is missing", "See 'rotation setup --help'"}},
		{[]string{"setup", "--function", "two words"}, []string{`"two words" is no function, want NAME`}},
		{[]string{"setup", "--function", "orders", "--event", "some"}, []string{`--event "some": want native, custom or both`}},
		{[]string{"setup", "--function", "orders", "--output", "yaml"}, []string{`--output "yaml": want text, json, cloudformation, terraform`}},
		{[]string{"setup", "--function", "orders", "--json", "--output", "terraform"}, []string{"--json contradicts --output terraform"}},
		{[]string{"setup", "--function", "orders", "--secret", ""}, []string{"--secret"}},
		{[]string{"setup", "--functon", "orders"}, []string{"unknown flag: --functon"}},
		{[]string{"verify", "--function", "orders", "--output", "terraform"}, []string{`want text, json`}},
		{[]string{"teardown", "--function", "orders", "prod/db"}, []string{`unknown command "prod/db"`}},
		{[]string{"notify"}, []string{"accepts 1 arg(s), received 0"}},
		{[]string{"notify", ""}, []string{"SECRET_ID is empty"}},
		{[]string{"setup", "--function", "arn:aws:lambda:eu-west-1:123456789012:function:orders", "--region", "us-east-1"}, []string{"contradicts the ARN, which is in eu-west-1"}},
	} {
		w.fails(exitUsage, tc.want, tc.args...)
	}
	if got := w.writes(); len(got) != 0 {
		t.Errorf("it wrote %q", got)
	}
	for _, args := range [][]string{{"--help"}, {"setup", "--help"}, {"help", "verify"}, {"--version"}} {
		if out := w.must(args...); out == "" {
			t.Errorf("%q printed nothing", args)
		}
	}
}

func TestWhatDoesNotExist(t *testing.T) {
	w := newWorld(t)
	w.secrets.Put("deleted", canary)
	w.secrets.Delete("deleted")
	w.lambda.Create(awstest.Function{Name: "bare"})
	for _, tc := range []struct {
		args []string
		want []string
	}{
		{[]string{"setup", "--function", "nope", "--secret", "prod/db"}, []string{`function "nope" does not exist in Region us-east-1`}},
		{[]string{"setup", "--function", "orders:nope", "--secret", "prod/db"}, []string{`function "orders:nope" does not exist`}},
		{[]string{"verify", "--function", "nope"}, []string{`function "nope" does not exist in Region us-east-1`}},
		{[]string{"setup", "--function", "orders", "--secret", "one", "two"}, []string{`secret "one" does not exist`, `secret "two" does not exist`}},
		{[]string{"setup", "--function", "orders", "--secret", "deleted"}, []string{"marked for deletion", "aws secretsmanager restore-secret --secret-id deleted"}},
		{[]string{"setup", "--function", "bare"}, []string{"no secrets: name some with --secret, or set SECRET"}},
		{[]string{"setup", "--function", "orders", "--event", "custom", "--bus", "nope"}, []string{`event bus "nope" does not exist`}},
		{[]string{"setup", "--function", "orders", "--bus", "mine"}, []string{"would match nothing", "--event custom"}},
		{[]string{"setup", "--function", "orders", "--event", "custom", "--source", "aws.mine"}, []string{"would match nothing"}},
		{[]string{"setup", "--function", "orders", "--secret", strings.Replace(w.arn, "us-east-1", "eu-west-1", 1)}, []string{"do not leave its Region"}},
		{[]string{"notify", "nope"}, []string{`secret "nope" does not exist`}},
	} {
		w.fails(exitFailed, tc.want, tc.args...)
	}
	if got := w.writes(); len(got) != 0 {
		t.Errorf("it wrote %q", got)
	}
}

func TestAccessDeniedNamesTheAction(t *testing.T) {
	w := newWorld(t)
	for action, args := range map[string][]string{
		"lambda:GetFunctionConfiguration": {"setup", "--function", "orders"},
		"lambda:GetPolicy":                {"setup", "--function", "orders"},
		"events:DescribeRule":             {"setup", "--function", "orders"},
		"events:ListRules":                {"setup", "--function", "orders"},
		"events:PutEvents":                {"notify", "prod/db"},
		"events:ListEventBuses":           {"teardown", "--function", "orders"},
		"events:ListRuleNamesByTarget":    {"verify", "--function", "orders"},
	} {
		w.deny(action)
		w.fails(exitFailed, []string{"access denied: you need " + action}, args...)
		w.heal()
	}
	// What only a part needs does not stop the rest.
	w.must("setup", "--function", "orders")
	for _, action := range []string{"events:TestEventPattern", "events:ListEventBuses", "iam:SimulatePrincipalPolicy", "lambda:GetLayerVersion"} {
		w.deny(action)
		w.must("verify", "--function", "orders")
		w.heal()
	}
	w.iam.Deny("iam:SimulatePrincipalPolicy")
	w.iam.Deny("iam:ListRolePolicies")
	out, _, status := w.run("verify", "--function", "orders")
	if status != exitFailed || !strings.Contains(out, "unknown   function may read the secret: prod/db  (read role \"app\": access denied: you need iam:ListRolePolicies") {
		t.Errorf("status %d\n%s", status, out)
	}
	// The extension's answer shows what could not be looked at.
	w.must("verify", "--function", "orders", "--send")
}

func TestNoRegionOrCredentials(t *testing.T) {
	w := newWorld(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	w.fails(exitFailed, []string{"no AWS credentials: want AWS_PROFILE"}, "setup", "--function", "orders")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	w.fails(exitFailed, []string{"no AWS Region: want --region, AWS_REGION"}, "setup", "--function", "orders")
	w.fails(exitFailed, []string{"no AWS credentials"}, "setup", "--function", "arn:aws:lambda:us-east-1:123456789012:function:orders")
	w.fails(exitFailed, []string{"AWS configuration:", "mine"}, "setup", "--function", "orders", "--profile", "mine", "--region", "us-east-1")
}

func TestPutEventsThatFailsInPart(t *testing.T) {
	w := newWorld(t)
	w.events.Fail(awstest.EventFault{Action: "events:PutEvents", Entries: true, Times: 1, Code: "InternalFailure", Message: "try again"})
	w.fails(exitFailed, []string{"EventBridge refused it: InternalFailure: try again"}, "notify", "prod/db")
	w.must("notify", "prod/db")
	out := decode[struct{ EventID, SecretID, Bus string }](t, w.must("notify", "prod/db", "--json"))
	if out.EventID == "" || out.SecretID != "prod/db" || out.Bus != "default" {
		t.Errorf("got %+v", out)
	}
	w.fails(exitFailed, []string{`event bus "nope" does not exist`}, "notify", "prod/db", "--bus", "nope")
	w.fails(exitFailed, []string{"would match nothing"}, "notify", "prod/db", "--source", "aws.secretsmanager")
}

func TestInterrupt(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs strings.Builder
	if status := run(ctx, []string{"setup", "--function", "orders"}, &out, &errs); status != exitFailed || !strings.Contains(errs.String(), "run the same command again") {
		t.Errorf("status %d, %q", status, errs.String())
	}
	if got := w.writes(); len(got) != 0 {
		t.Errorf("it wrote %q", got)
	}
}
