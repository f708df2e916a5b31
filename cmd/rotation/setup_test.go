package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// clients are for what somebody else does in the account.
func (w *world) clients() (*eventbridge.Client, *lambda.Client) {
	w.t.Helper()
	cfg, err := config.LoadDefaultConfig(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return eventbridge.NewFromConfig(cfg), lambda.NewFromConfig(cfg)
}

// bus makes an event bus.
func (w *world) bus(name string) {
	w.t.Helper()
	events, _ := w.clients()
	_, err := events.CreateEventBus(w.t.Context(), &eventbridge.CreateEventBusInput{Name: &name})
	w.do(err)
	w.writes()
}

func (w *world) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// state is all that is there of rules, targets, tags and permissions.
func (w *world) state(function string) string {
	w.t.Helper()
	events, functions := w.clients()
	var s strings.Builder
	buses, err := events.ListEventBuses(w.t.Context(), &eventbridge.ListEventBusesInput{})
	w.do(err)
	for _, bus := range buses.EventBuses {
		rules, err := events.ListRules(w.t.Context(), &eventbridge.ListRulesInput{EventBusName: bus.Name})
		w.do(err)
		for _, r := range rules.Rules {
			targets, err := events.ListTargetsByRule(w.t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: r.Name, EventBusName: bus.Name})
			w.do(err)
			tags, err := events.ListTagsForResource(w.t.Context(), &eventbridge.ListTagsForResourceInput{ResourceARN: r.Arn})
			w.do(err)
			fmt.Fprintf(&s, "%s %s %s %s\n", *bus.Name, *r.Name, r.State, aws.ToString(r.EventPattern))
			for _, t := range targets.Targets {
				fmt.Fprintf(&s, "  target %s %s\n", *t.Id, *t.Arn)
			}
			for _, t := range tags.Tags {
				fmt.Fprintf(&s, "  tag %s=%s\n", *t.Key, *t.Value)
			}
		}
	}
	name, qualifier, _ := strings.Cut(function, ":")
	in := &lambda.GetPolicyInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	if p, err := functions.GetPolicy(w.t.Context(), in); err == nil {
		s.WriteString(*p.Policy)
	}
	return s.String()
}

func TestSetupIsIdempotentAndTeardownComplete(t *testing.T) {
	w := newWorld(t)
	w.lambda.Publish("orders", "live")
	w.bus("mine")
	for _, args := range [][]string{
		{"--function", "orders", "--secret", "prod/db"},
		{"--function", "orders:live", "--secret", "prod/db"},
		{"--function", "orders:1", "--secret", w.arn},
		{"--function", "orders", "--secret", w.arn[:strings.LastIndex(w.arn, "-")]},
		{"--function", "arn:aws:lambda:us-east-1:123456789012:function:orders:live"},
		{"--function", "123456789012:function:orders", "--event", "both"},
		{"--function", "orders", "--event", "custom", "--bus", "mine"},
		{"--function", "orders", "--event", "both", "--bus", "arn:aws:events:us-east-1:123456789012:event-bus/mine"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			w.t = t
			function := strings.TrimPrefix(strings.TrimPrefix(args[1], "arn:aws:lambda:us-east-1:"), "123456789012:function:")
			empty := w.state(function)
			setup := append([]string{"setup"}, args...)
			w.must(setup...)
			rules := 1
			if slices.Contains(args, "both") {
				rules = 2
			}
			if got := w.writes(); len(got) != 3*rules {
				t.Errorf("the first setup wrote %q, want a rule, a permission and a target for each event", got)
			}
			wired := w.state(function)
			if out := w.must(setup...); !strings.Contains(out, "Nothing to change.") {
				t.Errorf("the second setup printed\n%s", out)
			}
			if got := w.writes(); len(got) != 0 || w.state(function) != wired {
				t.Errorf("the second setup wrote %q", got)
			}
			w.must("verify", "--function", args[1], "--secret", "prod/db")
			if got := w.writes(); len(got) != 0 {
				t.Errorf("verify wrote %q", got)
			}
			w.must("teardown", "--function", args[1])
			if got := w.state(function); got != empty {
				t.Errorf("after teardown there is\n%s, want\n%s", got, empty)
			}
			w.writes()
			if out := w.must("teardown", "--function", args[1]); !strings.Contains(out, "Nothing of ours is there.") {
				t.Errorf("the second teardown printed\n%s", out)
			}
			if got := w.writes(); len(got) != 0 {
				t.Errorf("the second teardown wrote %q", got)
			}
		})
	}
}

// The function's own variables say what its extension recognises.
func TestEventOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	flags := []string{"--source", "my.app", "--detail-type", "It's rotated", "--detail-key", "arn"}
	out := w.must(append([]string{"setup", "--function", "orders", "--event", "custom"}, flags...)...)
	if !strings.Contains(out, "the function's own variables name another custom event") {
		t.Errorf("setup printed\n%s", out)
	}
	w.only(wiring.CheckRecognised, wiring.Unknown, `"secretsmanager", "Secret Rotation"`, `--arg SECRETS_ROTATION_DETAIL_TYPE 'It'\''s rotated'`, flags...)
	if bad := w.checks(append(flags, "--send")...); len(bad) != 2 || !strings.Contains(bad[wiring.CheckAnswer].Detail, "ordinary") {
		t.Errorf("sent to a handler that does not know the event: %+v", bad)
	}
	w.lambda.Configure("orders", func(f *awstest.Function) {
		f.Env = map[string]string{"SECRET": "prod/db", "SECRETS_ROTATION_SOURCE": "my.app", "SECRETS_ROTATION_DETAIL_TYPE": "It's rotated", "SECRETS_ROTATION_DETAIL_KEY": "arn"}
	})
	if out := w.must("setup", "--function", "orders", "--event", "custom"); !strings.Contains(out, "Nothing to change.") {
		t.Errorf("with the variables, setup printed\n%s", out)
	}
	w.must("verify", "--function", "orders")
	w.fails(exitFailed, []string{"not everything holds"}, "verify", "--function", "orders", "--source", "another")
	// What is printed to mend a rule must not forget how the event looks.
	events, _ := w.clients()
	_, err := events.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: aws.String("secrets-rotation-orders-custom"), Ids: []string{"secrets-rotation"}})
	w.do(err)
	w.only(wiring.CheckTarget, wiring.Failed, "it has no target", `--source my.app --detail-type 'It'\''s rotated' --detail-key arn`, flags...)
}

func TestOtherPartitions(t *testing.T) {
	for region, partition := range map[string]string{"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		w := newWorldIn(t, awstest.Place{Region: region, Partition: partition})
		w.must("setup", "--function", "orders", "--secret", w.arn, "--event", "both")
		state := w.state("orders")
		if strings.Contains(state, "arn:aws:") || !strings.Contains(state, "arn:"+partition+":events:"+region+":123456789012:rule/secrets-rotation-orders-native") {
			t.Errorf("%s: there is\n%s", partition, state)
		}
		w.must("verify", "--function", "arn:"+partition+":lambda:"+region+":123456789012:function:orders", "--send")
		w.must("teardown", "--function", "orders")
	}
}

// Whatever stops a setup, the next one completes it, and a teardown finds all of it.
func TestInterruptedSetup(t *testing.T) {
	for _, action := range []string{"events:PutRule", "lambda:AddPermission", "events:PutTargets"} {
		for _, then := range []string{"setup", "teardown"} {
			t.Run(action+" then "+then, func(t *testing.T) {
				w := newWorld(t)
				empty := w.state("orders")
				w.deny(action)
				w.fails(exitFailed, []string{"access denied: you need " + action}, "setup", "--function", "orders", "--secret", "prod/db")
				w.heal()
				if then == "setup" {
					w.must("setup", "--function", "orders", "--secret", "prod/db")
					w.must("verify", "--function", "orders")
				}
				w.must("teardown", "--function", "orders")
				if got := w.state("orders"); got != empty {
					t.Errorf("after teardown there is\n%s", got)
				}
			})
		}
	}
}

func TestInterruptedTeardown(t *testing.T) {
	for _, action := range []string{"events:RemoveTargets", "lambda:RemovePermission", "events:DeleteRule"} {
		t.Run(action, func(t *testing.T) {
			w := newWorld(t)
			empty := w.state("orders")
			w.must("setup", "--function", "orders", "--secret", "prod/db")
			w.deny(action)
			w.fails(exitFailed, []string{"access denied: you need " + action}, "teardown", "--function", "orders")
			w.heal()
			w.must("teardown", "--function", "orders")
			if got := w.state("orders"); got != empty {
				t.Errorf("there is\n%s", got)
			}
		})
	}
}

func (w *world) deny(action string) {
	switch service, _, _ := strings.Cut(action, ":"); service {
	case "events":
		w.events.Deny(action)
	case "lambda":
		w.lambda.Deny(action)
	case "iam":
		w.iam.Deny(action)
	}
}

func (w *world) heal() {
	w.events.Heal()
	w.lambda.Heal()
	w.iam.Heal()
}

func TestWhatIsNotOursStays(t *testing.T) {
	w := newWorld(t)
	events, functions := w.clients()
	_, err := events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("secrets-rotation-orders-native"), EventPattern: aws.String(`{"source":["theirs"]}`)})
	w.do(err)
	before := w.state("orders")
	w.fails(exitFailed, []string{`rule "secrets-rotation-orders-native" is there and not ours`, "Nothing was changed", "rename or delete it"},
		"setup", "--function", "orders", "--secret", "prod/db")
	w.must("teardown", "--function", "orders")
	if got := w.state("orders"); got != before {
		t.Errorf("somebody else's rule is now\n%s, want\n%s", got, before)
	}
	_, err = events.DeleteRule(t.Context(), &eventbridge.DeleteRuleInput{Name: aws.String("secrets-rotation-orders-native")})
	w.do(err)

	w.must("setup", "--function", "orders", "--secret", "prod/db")
	plan := decode[planOutput](t, w.must("setup", "--function", "orders", "--secret", "prod/db", "--json"))
	id := plan.Steps[1].Name
	_, err = functions.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("orders"), StatementId: &id})
	w.do(err)
	_, err = functions.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: &id, Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:us-east-1:123456789012:rule/another"),
	})
	w.do(err)
	before = w.state("orders")
	w.writes()
	w.fails(exitFailed, []string{`permission "` + id + `"`, "its source is arn:aws:events:us-east-1:123456789012:rule/another", "aws lambda remove-permission --function-name orders --statement-id " + id},
		"setup", "--function", "orders", "--secret", "prod/db")
	if got := w.writes(); len(got) != 0 || w.state("orders") != before {
		t.Errorf("it wrote %q", got)
	}
}

func TestTargetsOfOthersStay(t *testing.T) {
	w := newWorld(t)
	events, _ := w.clients()
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	rule := aws.String("secrets-rotation-orders-native")
	_, err := events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, Targets: []types.Target{
		{Id: aws.String("queue"), Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:q")},
	}})
	w.do(err)
	if out := w.must("setup", "--function", "orders", "--secret", "prod/db"); !strings.Contains(out, "Nothing to change.") {
		t.Errorf("with another target, setup printed\n%s", out)
	}
	if out := w.must("teardown", "--function", "orders"); !strings.Contains(out, "it has targets of somebody else: queue") {
		t.Errorf("teardown printed\n%s", out)
	}
	state := w.state("orders")
	if !strings.Contains(state, "target queue") || strings.Contains(state, "target secrets-rotation") || strings.Contains(state, "lambda:InvokeFunction") {
		t.Errorf("after teardown there is\n%s", state)
	}
}

// A changed target keeps what the operator gave it.
func TestTargetKeepsItsQueue(t *testing.T) {
	w := newWorld(t)
	events, _ := w.clients()
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	rule := aws.String("secrets-rotation-orders-native")
	_, err := events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, Targets: []types.Target{{
		Id: aws.String("secrets-rotation"), Arn: aws.String("arn:aws:lambda:us-east-1:123456789012:function:orders"), InputPath: aws.String("$.detail"),
		DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:dead")},
	}}})
	w.do(err)
	w.fails(exitFailed, []string{"not everything holds"}, "verify", "--function", "orders")
	w.must("setup", "--function", "orders", "--secret", "prod/db")
	w.must("verify", "--function", "orders")
	out, err := events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule})
	w.do(err)
	if target := out.Targets[0]; target.InputPath != nil || target.DeadLetterConfig == nil {
		t.Errorf("the target is now %+v, want no input path and the queue", target)
	}
}

func TestManySecretsTakeSeveralRules(t *testing.T) {
	w := newWorld(t)
	events, _ := w.clients()
	args := []string{"setup", "--function", "orders", "--event", "both", "--secret"}
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("team/service-%02d/database/credentials", i))
		w.secrets.Put(names[i], canary)
	}
	w.must(append(args, names...)...)
	w.writes()
	if out := w.must(append(args, names...)...); !strings.Contains(out, "Nothing to change.") {
		t.Errorf("the second setup printed\n%s", out)
	}
	rules, err := events.ListRules(t.Context(), &eventbridge.ListRulesInput{NamePrefix: aws.String("secrets-rotation-orders-")})
	w.do(err)
	if len(rules.Rules) < 4 {
		t.Errorf("%d rules for 60 secrets and two events, want several for each", len(rules.Rules))
	}
	out := w.must(append(args, names[0])...)
	if !strings.Contains(out, "no longer matches ") || !strings.Contains(out, names[1]) {
		t.Errorf("what is dropped is not said in\n%s", out)
	}
	rules, err = events.ListRules(t.Context(), &eventbridge.ListRulesInput{NamePrefix: aws.String("secrets-rotation-orders-")})
	w.do(err)
	if len(rules.Rules) != 2 {
		t.Errorf("%d rules for one secret and two events, want 2", len(rules.Rules))
	}
	w.must("teardown", "--function", "orders")
	if state := w.state("orders"); strings.Contains(state, "secrets-rotation") {
		t.Errorf("there is\n%s", state)
	}
}

func TestTheOtherEventStays(t *testing.T) {
	w := newWorld(t)
	w.must("setup", "--function", "orders", "--event", "custom")
	if out := w.must("setup", "--function", "orders"); !strings.Contains(out, "rotation teardown --function orders --event custom") {
		t.Errorf("setup printed\n%s", out)
	}
	w.must("teardown", "--function", "orders", "--event", "custom")
	if state := w.state("orders"); strings.Contains(state, "-custom") || !strings.Contains(state, "-native") {
		t.Errorf("there is\n%s", state)
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	w := newWorld(t)
	plan := decode[planOutput](t, w.must("setup", "--function", "orders", "--dry-run", "--json"))
	if plan.Changes != 3 || plan.Steps[0].Done || !plan.DryRun || plan.Rules[0].Secrets[0] != "prod/db" {
		t.Errorf("got %+v", plan)
	}
	if out := w.must("setup", "--function", "orders", "--dry-run"); !strings.Contains(out, "3 to be written, nothing was") || !strings.Contains(out, `"name":["prod/db"]`) {
		t.Errorf("got\n%s", out)
	}
	w.must("setup", "--function", "orders")
	w.writes()
	w.must("teardown", "--function", "orders", "--dry-run")
	if got := w.writes(); len(got) != 0 {
		t.Errorf("dry runs wrote %q", got)
	}
}

// A function that is gone, or a rule, leaves things behind that are still ours.
func TestTeardownOfWhatIsHalfGone(t *testing.T) {
	w := newWorld(t)
	empty := w.state("orders")
	w.must("setup", "--function", "orders")
	w.dropRule("default", "secrets-rotation-orders-native")
	w.must("teardown", "--function", "orders")
	if got := w.state("orders"); got != empty {
		t.Errorf("without the rule: there is\n%s", got)
	}

	w.must("setup", "--function", "orders")
	w.lambda.Delete("orders")
	if out := w.must("teardown", "--function", "orders"); !strings.Contains(out, `function "orders" does not exist`) {
		t.Errorf("without the function, teardown printed\n%s", out)
	}
	if got := w.state("orders"); got != empty {
		t.Errorf("without the function: there is\n%s", got)
	}
}
