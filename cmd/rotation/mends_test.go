package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const ordersARN = "arn:aws:lambda:us-east-1:123456789012:function:orders"

// rule makes a rule by hand, with the function as its target, and lets it in.
func (w *world) rule(bus, name, pattern string, targets ...types.Target) {
	w.t.Helper()
	events, functions := w.clients()
	out, err := events.PutRule(w.t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: &bus, EventPattern: &pattern})
	w.do(err)
	if targets == nil {
		targets = []types.Target{{Id: aws.String("x"), Arn: aws.String(ordersARN)}}
	}
	_, err = events.PutTargets(w.t.Context(), &eventbridge.PutTargetsInput{Rule: &name, EventBusName: &bus, Targets: targets})
	w.do(err)
	_, err = functions.AddPermission(w.t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: aws.String(name), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: out.RuleArn,
	})
	w.do(err)
}

const nativeOfDB = `{"source":["aws.secretsmanager"],"detail":{"name":["prod/db"]}}`

func TestWhatTheMendOfARuleNames(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "gone"} {
		w.secrets.Put(name, canary)
	}
	w.must("setup", "--function", "orders", "--secret", "a", "b", "gone", "--event", "custom")
	w.secrets.Purge("gone")
	events, _ := w.clients()
	_, err := events.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: aws.String("secrets-rotation-orders-custom"), Ids: []string{"secrets-rotation"}})
	w.do(err)
	bad := w.checks("--secret", "a")
	if got, want := bad[wiring.CheckTarget].Mend, "rotation setup --function orders --event custom --secret a --secret b"; got != want {
		t.Errorf("got %q, want %q: all that the rule has and that is still there", got, want)
	}
}

// The id of our permission is taken: setup alone would refuse.
func TestMendOfAPermissionThatIsTaken(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders")
	plan := decode[planOutput](t, w.must("setup", "--function", "orders", "--json"))
	_, functions := w.clients()
	id := &plan.Steps[1].Name
	_, err := functions.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("orders"), StatementId: id})
	w.do(err)
	_, err = functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: id, Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:us-east-1:123456789012:rule/another"),
	})
	w.do(err)
	w.only(wiring.CheckPermission, wiring.Failed, "does not let", "aws lambda remove-permission --function-name orders --statement-id "+*id+" && rotation setup")
}

func TestRulesByHandOfCustomEvents(t *testing.T) {
	w := newWorld(t)
	w.rule("default", "by-name", `{"source":["secretsmanager"],"detail":{"secretId":["prod/db"]}}`)
	if out := w.must("verify", "--function", "orders"); !strings.Contains(out, "not where the event calls it "+w.arn) {
		t.Errorf("verify printed\n%s", out)
	}
	// One of ours carries every spelling.
	w.must("setup", "--function", "orders", "--event", "custom")
	events, _ := w.clients()
	_, err := events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("secrets-rotation-orders-custom"), EventPattern: aws.String(`{"source":["secretsmanager"],"detail":{"secretId":["prod/db"]}}`)})
	w.do(err)
	_, err = events.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: aws.String("by-name"), Ids: []string{"x"}})
	w.do(err)
	w.only(wiring.CheckPattern, wiring.Failed, "event of "+w.arn, "rotation setup")
}

// What is printed is for a shell, whatever the profile is called.
func TestCommandsAreForThisProfile(t *testing.T) {
	w := newWorld(t)
	config := filepath.Join(t.TempDir(), "config")
	w.do(os.WriteFile(config, []byte("[profile $0&it's]\naws_access_key_id = a\naws_secret_access_key = b\n"), 0o600))
	t.Setenv("AWS_CONFIG_FILE", config)
	const flags = ` --profile '$0&it'\''s'`
	if out := w.must("setup", "--function", "orders", "--profile", "$0&it's"); !strings.Contains(out, "Next: rotation verify --function orders"+flags) {
		t.Errorf("setup printed\n%s", out)
	}
	w.lambda.SetConcurrency("orders", 0)
	out, _, _ := w.run("verify", "--function", "orders", "--profile", "$0&it's")
	if !strings.Contains(out, "aws lambda delete-function-concurrency"+flags+" --function-name orders") {
		t.Errorf("verify printed\n%s", out)
	}
}

func TestNativeEventsComeByTheDefaultBus(t *testing.T) {
	w := newWorld(t)
	w.bus("mine")
	w.rule("mine", "elsewhere", nativeOfDB)
	if bad := w.checks(); bad[wiring.CheckRule].Status != wiring.Failed {
		t.Errorf("on another bus: %+v", bad)
	}
	w.rule("default", "here", nativeOfDB)
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("on the default bus: %+v", bad)
	}
}

// The rule that carries the event counts, whatever else has the function as a target.
func TestBestOfSeveralRules(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	events, _ := w.clients()
	_, err := events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("secrets-rotation-orders-native"), EventPattern: aws.String(`{"source":["aws.s3"]}`)})
	w.do(err)
	w.only(wiring.CheckPattern, wiring.Failed, "pass by", "rotation setup")
	w.rule("default", "z-by-hand", nativeOfDB, types.Target{Id: aws.String("a"), Arn: aws.String(ordersARN), InputPath: aws.String("$.detail")})
	w.only(wiring.CheckTarget, wiring.Failed, "with an input in place of the event", "aws events put-targets --rule z-by-hand --targets Id=secrets-rotation,Arn="+ordersARN)
	_, err = events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("z-by-hand"), Targets: []types.Target{{Id: aws.String("secrets-rotation"), Arn: aws.String(ordersARN)}}})
	w.do(err)
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("after what was printed: %+v", bad)
	}
}

func TestFiveTargetsInPages(t *testing.T) {
	w := newWorld(t)
	var targets []types.Target
	for i := range 4 {
		targets = append(targets, types.Target{Id: aws.String(strconv.Itoa(i)), Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:q" + strconv.Itoa(i))})
	}
	w.rule("default", "a-queues", nativeOfDB, append(targets, types.Target{Id: aws.String("z"), Arn: aws.String(ordersARN), InputPath: aws.String("$.detail")})...)
	w.rule("default", "b-by-hand", nativeOfDB, append(targets, types.Target{Id: aws.String("z"), Arn: aws.String(ordersARN)})...)
	w.events.SetPageSize(1)
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("the last target of the last rule is the function: %+v", bad)
	}
}

func TestSettingsThatArePutBack(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders")
	events, _ := w.clients()
	_, err := events.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String("secrets-rotation-orders-native")})
	w.do(err)
	if out := w.must("setup", "--function", "orders"); !strings.Contains(out, "(was disabled)") || !strings.Contains(out, "1 written") {
		t.Errorf("setup of a disabled rule printed\n%s", out)
	}
	w.must("verify", "--function", "orders")
	// The same secret by its name and its ARN is one.
	if out := w.must("setup", "--function", "orders", "--secret", "prod/db", w.arn); !strings.Contains(out, "Nothing to change.") {
		t.Errorf("setup of one secret twice printed\n%s", out)
	}
}

func TestRulesOnAnotherBusStay(t *testing.T) {
	w := newWorld(t)
	w.bus("first")
	w.must("setup", "--function", "orders", "--event", "custom", "--bus", "first")
	out := w.must("setup", "--function", "orders", "--event", "custom")
	if !strings.Contains(out, "note      rule secrets-rotation-orders-custom on bus first") || !strings.Contains(out, "--event custom --bus first removes it") {
		t.Errorf("setup printed\n%s", out)
	}
	w.must("teardown", "--function", "orders", "--bus", "first")
	state := w.state("orders")
	if strings.Contains(state, "first secrets-rotation") || !strings.Contains(state, "default secrets-rotation-orders-custom") || strings.Count(state, `"Sid"`) != 1 {
		t.Errorf("there is\n%s", state)
	}
}

// A permission whose id only looks like ours is somebody's.
func TestPermissionsOfOthersStay(t *testing.T) {
	w := newWorld(t)
	_, functions := w.clients()
	_, err := functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: aws.String("theirs"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:us-east-1:123456789012:rule/secrets-rotation-orders-native"),
	})
	w.do(err)
	before := w.state("orders")
	w.must("teardown", "--function", "orders")
	if got := w.state("orders"); got != before {
		t.Errorf("there is\n%s, want\n%s", got, before)
	}
}

func TestTeardownOfOneEvent(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--event", "both")
	w.dropRule("default", "secrets-rotation-orders-native")
	w.dropRule("default", "secrets-rotation-orders-custom")
	w.must("teardown", "--function", "orders", "--event", "native")
	if state := w.state("orders"); strings.Contains(state, "rotation-native-") || !strings.Contains(state, "rotation-custom-") {
		t.Errorf("there is\n%s", state)
	}
}

// The best witness is believed in what it can know, and in nothing else.
func TestWhatAnAnswerShows(t *testing.T) {
	w := newWorld(t)
	w.secrets.Put("prod/other", canary)
	w.lambda.Configure("orders", func(f *awstest.Function) { f.PackageType, f.Layers = "Image", nil })
	w.must("setup", "--function", "orders", "--secret", "prod/db", "prod/other")
	w.iam.PutRolePolicy("app", "other", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"*"}}`)
	w.lambda.Configure("orders", func(f *awstest.Function) { f.Env = map[string]string{"SECRET": "prod/db,prod/other"} })
	// It answers for one of two secrets.
	w.lambda.Handle("orders", answering(`{"rotated":true,"secretId":"prod/other","versionId":"`+w.secrets.Stages("prod/other")["AWSCURRENT"]+`"}`))
	bad := w.checks("--send")
	if bad[wiring.CheckLayer].Status != wiring.Unknown || bad[wiring.CheckAnswer].Status != wiring.Failed {
		t.Errorf("with one answer of two: %+v", bad)
	}
}

func TestVersionsOfNotify(t *testing.T) {
	w := newWorld(t)
	old := w.secrets.Stages("prod/db")["AWSCURRENT"]
	_, current := w.secrets.Put("prod/db", canary)
	w.fails(exitFailed, []string{`has no version "bogus"`, "list-secret-version-ids"}, "notify", "prod/db", "--version-id", "bogus")
	if _, errs, status := w.run("notify", "prod/db", "--version-id", current); status != exitOK || errs != "" {
		t.Errorf("the current version: %d, %q", status, errs)
	}
	if _, errs, status := w.run("notify", "prod/db", "--version-id", old); status != exitOK || !strings.Contains(errs, "is not AWSCURRENT now (it is AWSPREVIOUS)") {
		t.Errorf("the version before: %d, %q", status, errs)
	}
	w.fails(exitUsage, []string{"want both in one Region"}, "notify", w.arn, "--bus", "arn:aws:events:eu-west-1:123456789012:event-bus/mine")
}

func TestFallbacksOfIAM(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	w.iam.SetBoundary("app", w.iam.PutPolicy("limit", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`))
	w.only(wiring.CheckAccess, wiring.Failed, "no policy allows role", "aws iam put-role-policy")
	w.iam.Deny("iam:SimulatePrincipalPolicy")
	w.only(wiring.CheckAccess, wiring.Failed, "no policy allows role", "aws iam put-role-policy")
	// AWS's own key needs no permission.
	w.iam.PutRole("app")
	w.grant()
	w.secrets.SetKey("prod/db", "alias/aws/secretsmanager")
	w.lambda.Configure("orders", func(f *awstest.Function) { f.Architectures = []string{} })
	if bad := w.checks(); len(bad) != 0 {
		t.Errorf("with the key of AWS: %+v", bad)
	}
}

func TestFunctionThatIsBeingMade(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders")
	w.lambda.Configure("orders", func(f *awstest.Function) { f.State = "Pending" })
	timer := time.AfterFunc(100*time.Millisecond, func() {
		w.lambda.Configure("orders", func(f *awstest.Function) { f.State = "Active" })
	})
	defer timer.Stop()
	w.must("verify", "--function", "orders")
}

func TestAccountInTheName(t *testing.T) {
	w := newWorld(t)
	w.fails(exitFailed, []string{`function "orders" does not exist`}, "setup", "--function", "210987654321:function:orders")
}

// What cannot be read is not held against a function whose extension has the secret.
func TestAnswerMakesUpForWhatIsNotReadable(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders")
	w.secrets.SetResourcePolicy("prod/db", "no policy")
	w.only(wiring.CheckAccess, wiring.Unknown, "read the policy of secret", "")
	if bad := w.checks("--send"); len(bad) != 0 {
		t.Errorf("with the extension's answer: %+v", bad)
	}
}
