package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// A rule of our name that lost its tags may be somebody's by now, and the
// permission keeps its events coming.
func TestPermissionStaysWithItsRule(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	events, _ := w.clients()
	_, err := events.UntagResource(t.Context(), &eventbridge.UntagResourceInput{
		ResourceARN: aws.String("arn:aws:events:us-east-1:123456789012:rule/secrets-rotation-orders-native"), TagKeys: []string{"managed-by"},
	})
	w.do(err)
	before := w.state("orders")
	w.must("teardown", "--function", "orders")
	if got := w.state("orders"); got != before {
		t.Errorf("teardown left\n%s, want\n%s", got, before)
	}
}

func TestPolicyOfTheSecretItself(t *testing.T) {
	const deny = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	const allow = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/app"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	w.secrets.SetResourcePolicy("prod/db", deny)
	w.only(wiring.CheckAccess, wiring.Failed, "the secret's own policy denies", "aws secretsmanager get-resource-policy")
	w.secrets.SetResourcePolicy("prod/db", allow)
	w.iam.PutRolePolicy("app", "read", `{"Version":"2012-10-17","Statement":[]}`)
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("allowed by the secret alone: %+v", bad)
	}
	w.secrets.SetResourcePolicy("prod/db", "no policy")
	w.only(wiring.CheckAccess, wiring.Unknown, "read the policy of secret", "")
}

// Where the custom event comes in by another bus, a sample sent to the default one
// would prove nothing.
func TestSampleGoesToTheBusOfTheRule(t *testing.T) {
	w := newWorld(t)
	w.bus("mine")
	w.must("setup", "--function", "orders", "--event", "custom", "--bus", "mine")
	if out := w.must("verify", "--function", "orders", "--send"); !strings.Contains(out, "on bus mine") {
		t.Errorf("verify printed\n%s", out)
	}
	var bus []string
	for _, c := range w.events.Calls() {
		if c.Action == "events:PutEvents" {
			bus = append(bus, c.Resource)
		}
	}
	if len(bus) != 1 || !strings.HasSuffix(bus[0], "event-bus/mine") {
		t.Errorf("published on %q, want mine", bus)
	}
}

func TestDeletedSecret(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	w.secrets.Delete("prod/db")
	w.only(wiring.CheckSecret, wiring.Failed, "marked for deletion", "aws secretsmanager restore-secret --secret-id prod/db")
	w.secrets.Purge("prod/db")
	bad := w.checks("--secret", w.arn)
	if got := bad[wiring.CheckSecret]; !strings.Contains(got.Mend, "create-secret --name prod/db ") {
		t.Errorf("gone, and asked for by ARN: %+v", got)
	}
}

// The answer of an extension that holds something else proves nothing.
func TestAnswerOfAnotherSecret(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	for answer, want := range map[string]string{
		`{"rotated":true,"secretId":"prod/other","versionId":"v"}`: "another secret",
		`{"rotated":true,"secretId":"prod/db","versionId":"old"}`:  `it holds version "old"`,
	} {
		w.lambda.Handle("orders", answering(answer))
		w.only(wiring.CheckAnswer, wiring.Failed, want, "", "--send")
	}
}

func TestNativeRuleThatWentMissing(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--event", "both")
	w.dropRule("default", "secrets-rotation-orders-native")
	w.only(wiring.CheckRule, wiring.Failed, "no rule with it has function orders as a target", "rotation setup --function orders --event native --secret prod/db")
}

func TestUnknownFunctionOfTeardown(t *testing.T) {
	w := newWorld(t)
	w.fails(exitFailed, []string{`function "nope" does not exist`}, "teardown", "--function", "nope")
}

func TestJSONWhateverHappens(t *testing.T) {
	w := newWorld(t)
	type document struct {
		Error   string
		Changes int
		Steps   []struct{ Done bool }
	}
	out, _, status := w.run("setup", "--function", "nope", "--json")
	if d := decode[document](t, out); status != exitFailed || !strings.Contains(d.Error, `"nope" does not exist`) {
		t.Errorf("unknown function: %d, %+v", status, d)
	}
	w.lambda.Deny("lambda:AddPermission")
	out, _, status = w.run("setup", "--function", "orders", "--output", "json")
	d := decode[document](t, out)
	if status != exitFailed || !strings.Contains(d.Error, "lambda:AddPermission") || d.Changes != 1 || len(d.Steps) != 3 || !d.Steps[0].Done || d.Steps[1].Done {
		t.Errorf("denied in the middle: %d, %+v", status, d)
	}
}

func TestCommandsAreForThisRegion(t *testing.T) {
	w := newWorld(t)
	const function = "arn:aws:lambda:us-east-1:123456789012:function:orders"
	t.Setenv("AWS_REGION", "eu-west-1")
	if out := w.must("setup", "--function", function); !strings.Contains(out, "Next: rotation verify --function orders --region us-east-1") {
		t.Errorf("setup printed\n%s", out)
	}
	w.lambda.SetConcurrency("orders", 0)
	out, _, _ := w.run("verify", "--function", function)
	if !strings.Contains(out, "aws lambda delete-function-concurrency --region us-east-1 --function-name orders") {
		t.Errorf("verify printed\n%s", out)
	}
}

func TestFunctionOfAnotherAccount(t *testing.T) {
	w := newWorld(t)
	theirs := awstest.NewLambda(awstest.Place{Account: "210987654321"})
	t.Cleanup(theirs.Close)
	theirs.Create(awstest.Function{Name: "orders", Env: map[string]string{"SECRET": "prod/db"}})
	t.Setenv("AWS_ENDPOINT_URL_LAMBDA", theirs.URL())
	w.fails(exitFailed, []string{"is of account 210987654321, and your credentials are of 123456789012"},
		"setup", "--function", "arn:aws:lambda:us-east-1:210987654321:function:orders")
	if got := w.writes(); len(got) != 0 {
		t.Errorf("it wrote %q", got)
	}
}

// EventBridge refuses single targets in an answer of status 200.
func TestTargetsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	empty := w.state("orders")
	refuse := func(action string) {
		w.events.Fail(awstest.EventFault{Action: action, Entries: true, Times: 1, Code: "ConcurrentModificationException", Message: "try again"})
	}
	refuse("events:PutTargets")
	w.fails(exitFailed, []string{`create target "secrets-rotation"`, "ConcurrentModificationException: try again"}, "setup", "--function", "orders")
	w.must("setup", "--function", "orders")
	refuse("events:RemoveTargets")
	w.fails(exitFailed, []string{`delete target "secrets-rotation"`, "ConcurrentModificationException: try again"}, "teardown", "--function", "orders")
	w.must("teardown", "--function", "orders")
	if got := w.state("orders"); got != empty {
		t.Errorf("there is\n%s", got)
	}
}

// AWS answers lists in pages.
func TestPages(t *testing.T) {
	w := newWorld(t)
	for _, bus := range []string{"a", "b", "mine"} {
		w.bus(bus)
	}
	empty := w.state("orders")
	for i := range 3 {
		w.lambda.Create(awstest.Function{Name: "orders-" + strconv.Itoa(i), Env: map[string]string{"SECRET": "prod/db"}})
		w.must("setup", "--function", "orders-"+strconv.Itoa(i))
	}
	others := w.state("orders")
	w.must("setup", "--function", "orders", "--event", "both", "--bus", "mine")
	w.events.SetPageSize(1)
	w.iam.SetPageSize(1)
	w.iam.PutRolePolicy("app", "a-first", `{"Version":"2012-10-17","Statement":[]}`)
	w.iam.Attach("app", w.iam.PutPolicy("first", `{"Version":"2012-10-17","Statement":[]}`))
	w.must("verify", "--function", "orders", "--event", "both")
	w.iam.Deny("iam:SimulatePrincipalPolicy")
	w.must("verify", "--function", "orders")
	if out := w.must("setup", "--function", "orders", "--event", "both", "--bus", "mine"); !strings.Contains(out, "Nothing to change.") {
		t.Errorf("setup printed\n%s", out)
	}
	w.must("teardown", "--function", "orders")
	w.events.SetPageSize(0)
	if got := w.state("orders"); got != others || got == empty {
		t.Errorf("after teardown there is\n%s, want\n%s", got, others)
	}
}
