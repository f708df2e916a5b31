package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// extensionAnswers is a handler behind an extension that holds what it is asked for.
func extensionAnswers(_ context.Context, payload []byte) (response []byte, functionError string) {
	for _, r := range (event.Matcher{}).Match(payload) {
		body, _ := json.Marshal(map[string]any{"rotated": true, "secretId": r.SecretID, "versionId": r.VersionID, "changed": false})
		return body, ""
	}
	return []byte(`"` + canary + `"`), ""
}

// answering is a handler that always says the same.
func answering(answer string) awstest.Handler {
	return func(context.Context, []byte) ([]byte, string) { return []byte(answer), "" }
}

// checks runs verify and returns what is not ok, by the name of the check.
func (w *world) checks(args ...string) map[string]wiring.Check {
	w.t.Helper()
	out, errs, status := w.run(append([]string{"verify", "--function", "orders", "--json"}, args...)...)
	report := decode[wiring.Report](w.t, out)
	bad := map[string]wiring.Check{}
	for _, c := range report.Checks {
		if c.Status != wiring.OK {
			bad[c.Name] = c
		}
		if c.Status == wiring.Failed && c.Mend == "" {
			w.t.Errorf("%s failed, and nothing says how to mend it: %s", c.Name, c.Detail)
		}
	}
	if holds := len(bad) == 0; report.Holds != holds || (status == exitOK) != holds {
		w.t.Errorf("holds is %v and the status %d (%s), with %d checks that are not ok", report.Holds, status, errs, len(bad))
	}
	return bad
}

// only wants one check not to be ok, with parts of its detail and of its mend.
func (w *world) only(name string, status wiring.Status, detail, mend string, args ...string) {
	w.t.Helper()
	bad := w.checks(args...)
	got, ok := bad[name]
	if len(bad) != 1 || !ok || got.Status != status || !strings.Contains(got.Detail, detail) || !strings.Contains(got.Mend, mend) {
		w.t.Errorf("got %+v\nwant %s %s with %q and %q alone", bad, name, status, detail, mend)
	}
}

func TestFaultsOfTheFunction(t *testing.T) {
	for _, tc := range []struct {
		name, check  string
		status       wiring.Status
		detail, mend string
		plant        func(w *world)
	}{
		{
			"no concurrency", wiring.CheckFunction, wiring.Failed, "throttled", "aws lambda delete-function-concurrency --function-name orders",
			func(w *world) { w.lambda.SetConcurrency("orders", 0) },
		},
		{
			"failed update", wiring.CheckFunction, wiring.Failed, "last update failed", "aws lambda get-function-configuration",
			func(w *world) {
				w.lambda.Configure("orders", func(f *awstest.Function) { f.LastUpdateStatus = "Failed" })
			},
		},
		{
			"failed state", wiring.CheckFunction, wiring.Failed, "its state is Failed", "aws lambda wait",
			func(w *world) { w.lambda.Configure("orders", func(f *awstest.Function) { f.State = "Failed" }) },
		},
		{
			"no layer", wiring.CheckLayer, wiring.Failed, "it has no layer", "--layers LAYER_VERSION_ARN",
			func(w *world) { w.lambda.Configure("orders", func(f *awstest.Function) { f.Layers = nil }) },
		},
		{
			"another layer", wiring.CheckLayer, wiring.Failed, "its layers are", ":layer:other:1 LAYER_VERSION_ARN",
			func(w *world) {
				other := w.lambda.PutLayer("other", nil, "")
				w.lambda.Configure("orders", func(f *awstest.Function) { f.Layers = []string{other} })
			},
		},
		{
			"wrong architecture", wiring.CheckArchitecture, wiring.Failed, "the layer is for x86_64, the function is arm64", "LAYER_VERSION_ARN_FOR_arm64",
			func(w *world) {
				w.lambda.Configure("orders", func(f *awstest.Function) { f.Architectures = []string{"arm64"} })
			},
		},
		{
			"other secret", wiring.CheckVariable, wiring.Failed, "SECRET names prod/other", "jq --arg k SECRET --arg v prod/db ",
			func(w *world) {
				w.lambda.Configure("orders", func(f *awstest.Function) { f.Env = map[string]string{"SECRET": "prod/other"} })
			},
		},
		{
			"other variable", wiring.CheckVariable, wiring.Failed, "MINE is not set", "jq --arg k MINE --arg v prod/db ",
			func(w *world) {
				w.lambda.Configure("orders", func(f *awstest.Function) { f.Env = map[string]string{"SECRET": "prod/db", "SECRETS_KEY": "MINE"} })
			},
		},
		{
			"not readable", wiring.CheckAccess, wiring.Failed, "no policy allows role", "aws iam put-role-policy --role-name app",
			func(w *world) { w.iam.PutRolePolicy("app", "read", `{"Version":"2012-10-17","Statement":[]}`) },
		},
		{
			"denied", wiring.CheckAccess, wiring.Failed, "a policy denies role", "aws iam simulate-principal-policy",
			func(w *world) {
				w.iam.PutRolePolicy("app", "no", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"secretsmanager:*","Resource":"*"}}`)
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.must("setup", "--function", "orders", "--secret", "prod/db")
			tc.plant(w)
			w.only(tc.check, tc.status, tc.detail, tc.mend, "--secret", "prod/db")
		})
	}
}

// The extension itself is the best witness for what cannot be looked into.
func TestContainerImage(t *testing.T) {
	w := newWorld(t)
	w.lambda.Configure("orders", func(f *awstest.Function) { f.PackageType, f.Layers = "Image", nil })
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	w.only(wiring.CheckLayer, wiring.Unknown, "container image", "")
	if bad := w.checks("--send"); len(bad) != 0 {
		t.Errorf("with the extension's answer: %+v", bad)
	}
}

func TestLayerUnderAnotherName(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	use := func(layer string) {
		w.lambda.Configure("orders", func(f *awstest.Function) { f.Layers = []string{layer} })
	}
	use(w.lambda.PutLayer("mine-x86_64", nil, ""))
	w.only(wiring.CheckLayer, wiring.Failed, "its layers are", "")
	if bad := w.checks("--layer", "mine"); len(bad) != 0 {
		t.Errorf("named: %+v", bad)
	}
	use(w.lambda.PutLayer("whatever", []string{"x86_64", "arm64"}, wiring.LayerDescription))
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("by its description: %+v", bad)
	}
}

func TestWiringByHand(t *testing.T) {
	w := newWorld(t)
	events, functions := w.clients()
	if bad := w.checks(); !strings.Contains(bad[wiring.CheckRule].Mend, "rotation setup --function orders --event native --secret prod/db") || len(bad) != 1 {
		t.Errorf("without a rule: %+v", bad)
	}
	rule := aws.String("by-hand")
	put := func(pattern string) {
		_, err := events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: rule, EventPattern: &pattern})
		w.do(err)
	}
	put(`{"source":["aws.secretsmanager"],"detail":{"name":[{"prefix":"prod/"}]}}`)
	_, err := events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, Targets: []types.Target{
		{Id: aws.String("x"), Arn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:orders")},
	}})
	w.do(err)
	w.only(wiring.CheckPermission, wiring.Failed, "it has no policy", "aws lambda add-permission --function-name orders")
	_, err = functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: aws.String("y"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:us-east-1:123456789012:rule/by-*"),
	})
	w.do(err)
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("wired by hand: %+v", bad)
	}
	_, err = events.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: rule})
	w.do(err)
	w.only(wiring.CheckEnabled, wiring.Failed, "disabled", "aws events enable-rule --name by-hand")
	// It is not ours: what does not match is no way at all.
	put(`{"source":["aws.s3"]}`)
	if bad := w.checks(); bad[wiring.CheckRule].Status != wiring.Failed {
		t.Errorf("with a rule for something else: %+v", bad)
	}
}

func TestSourceAccountKeepsEventsOut(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	_, functions := w.clients()
	plan := decode[planOutput](t, w.must("setup", "--function", "orders", "--json"))
	_, err := functions.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("orders"), StatementId: &plan.Steps[1].Name})
	w.do(err)
	_, err = functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: aws.String("y"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"),
		SourceArn: aws.String(plan.Rules[0].ARN), SourceAccount: aws.String("123456789012"),
	})
	w.do(err)
	w.only(wiring.CheckPermission, wiring.Failed, "SourceAccount", "rotation setup")
}

func TestSend(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db", "--event", "both")
	out := w.must("verify", "--function", "orders", "--send")
	for _, want := range []string{
		"extension answers the event: native event of prod/db  (rotated: " + w.arn,
		"extension answers the event: custom event of prod/db",
		"event is published: prod/db  (event ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	for _, tc := range []struct {
		name, answer, failure, detail string
	}{
		{"no extension behind it", `"` + canary + `"`, "", "the handler took the event for an ordinary one"},
		{"not held", `{"rotated":false}`, "", "does not hold this secret"},
		{"failed refresh", `{"errorType":"RotationError","errorMessage":"rotation of prod/db: AccessDeniedException"}`, "Unhandled", "the refresh failed: rotation of prod/db: AccessDeniedException"},
		{"no reason given", `oops`, "Unhandled", "did not say why"},
	} {
		w.lambda.Handle("orders", func(context.Context, []byte) ([]byte, string) { return []byte(tc.answer), tc.failure })
		w.only(wiring.CheckAnswer, wiring.Failed, tc.detail, "", "--event", "native", "--send")
	}
	w.lambda.Deny("lambda:InvokeFunction")
	w.only(wiring.CheckAnswer, wiring.Unknown, "access denied: you need lambda:InvokeFunction", "", "--event", "native", "--send")
}

func TestCustomerKey(t *testing.T) {
	w := newWorld(t)
	w.secrets.SetKey("prod/db", "11111111-2222-4333-8444-555555555555")
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	w.only(wiring.CheckKey, wiring.Failed, "kms:Decrypt", `"Resource":"arn:aws:kms:us-east-1:123456789012:key/11111111-2222-4333-8444-555555555555"`)
	for condition, want := range map[string]int{
		`{}`: 0,
		`{"StringLike":{"kms:ViaService":"secretsmanager.us-east-1.*"}}`:                          0,
		`{"StringEquals":{"kms:EncryptionContext:SecretARN":"` + w.arn + `"}}`:                    0,
		`{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}`:                        1,
		`{"StringEquals":{"kms:EncryptionContext:SecretARN":"arn:aws:secretsmanager:::another"}}`: 1,
	} {
		w.iam.PutRolePolicy("app", "key", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":`+condition+`}}`)
		if bad := w.checks(); len(bad) != want {
			t.Errorf("with the condition %s: %+v, want %d", condition, bad, want)
		}
		w.iam.Deny("iam:SimulatePrincipalPolicy")
		if bad := w.checks(); len(bad) != want {
			t.Errorf("read here, with the condition %s: %+v, want %d", condition, bad, want)
		}
		w.iam.Heal()
	}
}
