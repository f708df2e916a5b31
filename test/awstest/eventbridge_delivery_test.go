package awstest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func putValue(t *testing.T, c *secretsmanager.Client, id, value string) (version string) {
	t.Helper()
	out, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value})
	if err != nil {
		t.Fatal(err)
	}
	return *out.VersionId
}

// deliverer logs every attempt, and fails as fail says.
func (l *log) deliverer(fail func(awstest.Delivery) error) awstest.Deliverer {
	return func(_ context.Context, d awstest.Delivery) error {
		l.add(d)
		if fail != nil {
			return fail(d)
		}
		return nil
	}
}

func drain(t *testing.T, fake *awstest.EventBridge) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := fake.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDelivery(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	ctx := t.Context()
	if _, err := c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("bus")}); err != nil {
		t.Fatal(err)
	}
	const other = appARN + "2"
	first := putRule(t, c, "", "first", `{"source":["a"]}`, appARN, other)
	putRule(t, c, "", "off", anySource, appARN)
	if _, err := c.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: aws.String("off")}); err != nil {
		t.Fatal(err)
	}
	second := putRule(t, c, "", "second", `{"source":["a","b"]}`, appARN)
	onBus := putRule(t, c, "bus", "first", anySource, appARN)
	if _, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("hourly"), ScheduleExpression: aws.String("rate(1 hour)")}); err != nil {
		t.Fatal(err)
	}
	putTargets(t, c, "hourly", "t0")
	var l log
	fake.Deliver(l.deliverer(nil))

	toBus := entry("c", "t", `{}`)
	toBus.EventBusName = aws.String("arn:aws:events:us-east-1:123456789012:event-bus/bus")
	put(t, c, entry("a", "t", `{}`), entry("b", "t", `{}`), entry("c", "t", `{}`), toBus)
	drain(t, fake)
	events := fake.Events()
	want := []awstest.Delivery{
		{Bus: "default", Rule: "first", RuleARN: first, TargetID: "t0", TargetARN: appARN, Event: events[0]},
		{Bus: "default", Rule: "first", RuleARN: first, TargetID: "t1", TargetARN: other, Event: events[0]},
		{Bus: "default", Rule: "second", RuleARN: second, TargetID: "t0", TargetARN: appARN, Event: events[0]},
		{Bus: "default", Rule: "second", RuleARN: second, TargetID: "t0", TargetARN: appARN, Event: events[1]},
		{Bus: "bus", Rule: "first", RuleARN: onBus, TargetID: "t0", TargetARN: appARN, Event: events[3]},
	}
	if diff := cmp.Diff(want, l.deliveries); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if u := fake.Undelivered(); len(u) != 0 {
		t.Errorf("undelivered: %+v", u)
	}
	if got, want := onBus, "arn:aws:events:us-east-1:123456789012:rule/bus/first"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A secret, a bus and a function, wired as in an account.
func TestSecretToFunction(t *testing.T) {
	secrets, _ := start(t)
	fake, c := startEventBridge(t, awstest.Place{})
	functions, functionClient := startLambda(t, awstest.Place{})
	functions.Create(awstest.Function{Name: "app"})
	var got []string
	functions.Handle("app", func(_ context.Context, event []byte) ([]byte, string) {
		got = append(got, labelOf(t, event))
		return []byte("null"), ""
	})
	secrets.OnLabel(fake.Emit)
	fake.Allow(functions.AllowsInvoke)
	fake.Deliver(func(ctx context.Context, d awstest.Delivery) error {
		_, err := functions.Invoke(ctx, d.TargetARN, d.Event)
		return err
	})
	rule := putRule(t, c, "", "r", `{"detail":{"labelUpdated":["AWSCURRENT"]}}`, appARN)

	secrets.Put("db", "one")
	drain(t, fake)
	if u := fake.Undelivered(); len(got) != 0 || len(u) != 1 {
		t.Errorf("without a permission: the function got %q, undelivered %v", got, u)
	}
	_, err := functionClient.AddPermission(t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("app"), StatementId: aws.String("r"), Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: &rule,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, version := secrets.Put("db", "two")
	drain(t, fake)
	if want := []string{"db AWSCURRENT " + version}; !slices.Equal(got, want) {
		t.Errorf("the function got %q, want %q", got, want)
	}
}

func TestEmitOfNoObject(t *testing.T) {
	fake := awstest.NewEventBridgeHandler(awstest.Place{})
	for _, event := range []string{"", "1", "null", "[]"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: no panic", event)
				}
			}()
			fake.Emit([]byte(event))
		}()
	}
}

func TestUndelivered(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	rule := putRule(t, c, "", "r", anySource, appARN)
	var asked []string
	allowed := false
	fake.Emit([]byte(`{"source":"nobody"}`))
	drain(t, fake)

	var l log
	fake.Deliver(l.deliverer(func(d awstest.Delivery) error {
		if strings.Contains(string(d.Event), "broken") {
			return errors.New("the function is broken")
		}
		return nil
	}))
	fake.Allow(func(targetARN, ruleARN string) bool {
		asked = append(asked, targetARN+" "+ruleARN)
		return allowed
	})
	fake.Emit([]byte(`{"source":"refused"}`))
	drain(t, fake)
	allowed = true
	fake.Emit([]byte(`{"source":"broken"}`))
	fake.Emit([]byte(`{"source":"fine"}`))
	drain(t, fake)

	var reasons []string
	for _, u := range fake.Undelivered() {
		reasons = append(reasons, string(u.Event)+" "+u.Reason)
	}
	want := []string{
		`{"source":"nobody"} nobody delivers`,
		`{"source":"refused"} the target's policy does not let the rule in`,
		`{"source":"broken"} the function is broken`,
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, want := l.sources(), "broken broken broken fine"; got != want {
		t.Errorf("attempts: got %s, want %s", got, want)
	}
	if want := slices.Repeat([]string{appARN + " " + rule}, 3); !slices.Equal(asked, want) {
		t.Errorf("asked for permission: got %q, want %q", asked, want)
	}
}

func TestRetry(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	putRule(t, c, "", "r", anySource, appARN)
	var l log
	fake.Deliver(l.deliverer(func(d awstest.Delivery) error {
		d.Event[0] = 'x' // what a target does to its event no other attempt sees
		if len(l.deliveries) == 2 {
			return nil
		}
		return errors.New("not yet")
	}))
	fake.Emit([]byte(`{"source":"a"}`))
	drain(t, fake)
	if len(l.deliveries) != 2 || len(fake.Undelivered()) != 0 {
		t.Errorf("got %d attempts, undelivered %v", len(l.deliveries), fake.Undelivered())
	}
	if got := string(fake.Events()[0]); got != `{"source":"a"}` {
		t.Errorf("the event became %s", got)
	}
}

func TestInput(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	putRule(t, c, "", "r", anySource)
	targets := []types.Target{
		{Id: aws.String("constant"), Arn: aws.String(appARN), Input: aws.String(`{"x":1}`)},
		{Id: aws.String("missing"), Arn: aws.String(appARN), InputPath: aws.String("$.detail.b")},
		{Id: aws.String("part"), Arn: aws.String(appARN), InputPath: aws.String("$.detail.a")},
		{Id: aws.String("transformed"), Arn: aws.String(appARN), InputTransformer: &types.InputTransformer{InputTemplate: aws.String("{}")}},
		{Id: aws.String("whole"), Arn: aws.String(appARN), InputPath: aws.String("$")},
	}
	if _, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: targets}); err != nil {
		t.Fatal(err)
	}
	var l log
	fake.Deliver(l.deliverer(nil))
	fake.Emit([]byte(`{"source":"s","detail":{"a":[1]}}`))
	drain(t, fake)
	var got []string
	for _, d := range l.deliveries {
		got = append(got, d.TargetID+" "+string(d.Event))
	}
	for _, u := range fake.Undelivered() {
		got = append(got, u.TargetID+": "+u.Reason)
	}
	want := []string{
		`constant {"x":1}`, `part [1]`, `whole {"source":"s","detail":{"a":[1]}}`,
		"missing: the event has no $.detail.b", "transformed: awstest: an InputTransformer is kept but not applied",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
