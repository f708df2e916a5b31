package awstest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func TestTargets(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	rule := aws.String("r")
	putRule(t, c, "", "r", anySource)
	putRule(t, c, "", "s", anySource, appARN)
	whole := types.Target{
		Id: aws.String("b"), Arn: aws.String(appARN), Input: aws.String(`{"x":1}`),
		RetryPolicy:      &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(2)},
		DeadLetterConfig: &types.DeadLetterConfig{Arn: aws.String("arn:aws:sqs:us-east-1:123456789012:dead")},
	}
	if _, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, Targets: []types.Target{whole}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: rule})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]types.Target{whole}, out.Targets, unexported); diff != "" {
		t.Errorf("a target as it was put (-want +got)\n%s", diff)
	}

	putTargets(t, c, "r", "e", "a", "d", "b", "c") // b is replaced
	fake.SetPageSize(2)
	if got, want := targetIDs(t, c, "r"), "a b c d e"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	fake.SetPageSize(0)
	names, err := c.ListRuleNamesByTarget(t.Context(), &eventbridge.ListRuleNamesByTargetInput{TargetArn: aws.String(appARN)})
	if err != nil || !slices.Equal(names.RuleNames, []string{"r", "s"}) {
		t.Errorf("rules of a target: got %v, %v", names, err)
	}
	names, err = c.ListRuleNamesByTarget(t.Context(), &eventbridge.ListRuleNamesByTargetInput{TargetArn: aws.String(appARN + "2")})
	if err != nil || len(names.RuleNames) != 0 {
		t.Errorf("rules of no target: got %v, %v", names, err)
	}
}

func TestTargetsThatAreRefused(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	rule := aws.String("r")
	putRule(t, c, "", "r", anySource)
	putTargets(t, c, "r", "a", "b", "c", "d", "e")
	put := func(targets ...types.Target) (string, *eventbridge.PutTargetsOutput) {
		out, err := c.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: rule, Targets: targets})
		return apiError(err), out
	}
	for _, tt := range []struct {
		target types.Target
		want   string
	}{
		{types.Target{Id: aws.String("f"), Arn: aws.String(appARN)}, "LimitExceededException: The requested resource exceeds the maximum number allowed."},
		{types.Target{Id: aws.String("a"), Arn: aws.String("app")}, "ValidationException: Parameter app is not valid. Reason: Provided Arn is not in correct format."},
		{types.Target{Id: aws.String("a"), Arn: aws.String("arn:app")}, "ValidationException: Parameter arn:app is not valid. Reason: Provided Arn is not in correct format."},
		{types.Target{Id: aws.String("a b"), Arn: aws.String(appARN)}, `ValidationException: 1 validation error detected: Value 'a b' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`},
	} {
		if got, _ := put(tt.target); got != "Bad Request: "+tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}

	fake.Fail(awstest.EventFault{Action: "events:PutTargets", Code: "ConcurrentModificationException", Entries: true, Skip: 1, Times: 1})
	failed, some := put(types.Target{Id: aws.String("a"), Arn: aws.String(appARN)}, types.Target{Id: aws.String("b"), Arn: aws.String(appARN)}, types.Target{Id: aws.String("c"), Arn: aws.String(appARN)})
	if failed != "" || some.FailedEntryCount != 1 || *some.FailedEntries[0].TargetId != "b" || *some.FailedEntries[0].ErrorCode != "ConcurrentModificationException" {
		t.Errorf("one entry fails: got %q, %+v", failed, some)
	}

	removed, err := c.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: rule, Ids: []string{"a", "x", "c"}})
	if err != nil || removed.FailedEntryCount != 1 || *removed.FailedEntries[0].TargetId != "x" || *removed.FailedEntries[0].ErrorCode != "ResourceNotFoundException" {
		t.Errorf("RemoveTargets: got %+v, %v", removed, err)
	}
	if got, want := targetIDs(t, c, "r"), "b d e"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	*rule = "none"
	const gone = "Bad Request: ResourceNotFoundException: Rule none does not exist on EventBus default."
	if got, _ := put(types.Target{Id: aws.String("a"), Arn: aws.String(appARN)}); got != gone {
		t.Errorf("got %q, want %q", got, gone)
	}
	_, err = c.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: rule, Ids: []string{"a"}})
	if got := apiError(err); got != gone {
		t.Errorf("got %q, want %q", got, gone)
	}
}

func targetIDs(t *testing.T, c *eventbridge.Client, rule string) string {
	t.Helper()
	var ids []string
	in := &eventbridge.ListTargetsByRuleInput{Rule: &rule}
	for {
		out, err := c.ListTargetsByRule(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range out.Targets {
			ids = append(ids, *target.Id)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return strings.Join(ids, " ")
		}
	}
}

func TestTags(t *testing.T) {
	_, c := startEventBridge(t, awstest.Place{})
	ruleARN := putRule(t, c, "", "r", anySource)
	bus, err := c.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: aws.String("b"), Tags: []types.Tag{{Key: aws.String("of"), Value: aws.String("bus")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := tagsOf(t, c, *bus.EventBusArn); got != "of=bus" {
		t.Errorf("tags of the bus: got %s", got)
	}
	if _, err := c.TagResource(t.Context(), &eventbridge.TagResourceInput{ResourceARN: &ruleARN, Tags: []types.Tag{{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")}}}); err != nil {
		t.Fatal(err)
	}
	if got := tagsOf(t, c, ruleARN); got != "a=1 b=2" {
		t.Errorf("got %s", got)
	}
	if _, err := c.UntagResource(t.Context(), &eventbridge.UntagResourceInput{ResourceARN: &ruleARN, TagKeys: []string{"a", "x"}}); err != nil {
		t.Fatal(err)
	}
	if got := tagsOf(t, c, ruleARN); got != "b=2" {
		t.Errorf("got %s", got)
	}
	for arn, want := range map[string]string{
		ruleARN + "2":                            "ResourceNotFoundException: Rule r2 does not exist on EventBus default.",
		*bus.EventBusArn + "2":                   "ResourceNotFoundException: Event bus b2 does not exist.",
		strings.TrimSuffix(ruleARN, "r") + "b/r": "ResourceNotFoundException: Rule r does not exist on EventBus b.",
		"r":                                      "ValidationException: Parameter ResourceARN is not valid. Reason: Provided Arn is not in correct format.",
	} {
		_, err := c.ListTagsForResource(t.Context(), &eventbridge.ListTagsForResourceInput{ResourceARN: &arn})
		if got := apiError(err); got != "Bad Request: "+want {
			t.Errorf("%s: got %q, want %q", arn, got, want)
		}
	}
}

func tagsOf(t *testing.T, c *eventbridge.Client, arn string) string {
	t.Helper()
	out, err := c.ListTagsForResource(t.Context(), &eventbridge.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for _, tag := range out.Tags {
		tags = append(tags, *tag.Key+"="+*tag.Value)
	}
	return strings.Join(tags, " ")
}
