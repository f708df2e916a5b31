package awstest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func startEventBridge(t *testing.T, p awstest.Place) (*awstest.EventBridge, *eventbridge.Client) {
	t.Helper()
	fake := awstest.NewEventBridge(p)
	t.Cleanup(fake.Close)
	region := p.Region
	if region == "" {
		region = awstest.Region
	}
	return fake, eventbridge.New(eventbridge.Options{
		Region:       region,
		BaseEndpoint: aws.String(fake.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, awstest.SessionToken),
		Retryer:      aws.NopRetryer{},
	})
}

const anySource = `{"source":[{"exists":true}]}`

// maxPattern is in characters.
const maxPattern = 2048

// putRule makes a rule with a target for each ARN, called t0, t1, ….
func putRule(t *testing.T, c *eventbridge.Client, bus, name, pattern string, targets ...string) (arn string) {
	t.Helper()
	out, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: optional(bus), EventPattern: &pattern})
	if err != nil {
		t.Fatal(err)
	}
	if len(targets) > 0 {
		in := &eventbridge.PutTargetsInput{Rule: &name, EventBusName: optional(bus)}
		for i, arn := range targets {
			in.Targets = append(in.Targets, types.Target{Id: aws.String(fmt.Sprint("t", i)), Arn: &arn})
		}
		if put, err := c.PutTargets(t.Context(), in); err != nil || put.FailedEntryCount != 0 {
			t.Fatal(put, err)
		}
	}
	return *out.RuleArn
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func TestRule(t *testing.T) {
	_, c := startEventBridge(t, awstest.Place{})
	in := &eventbridge.PutRuleInput{
		Name: aws.String("r"), EventPattern: aws.String(anySource), Description: aws.String("one"),
		Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}, {Key: aws.String("a"), Value: aws.String("b")}},
	}
	put, err := c.PutRule(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	describe := func() *eventbridge.DescribeRuleOutput {
		t.Helper()
		out, err := c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: in.Name})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ignore := cmp.Options{unexported, cmpopts.IgnoreFields(eventbridge.DescribeRuleOutput{}, "ResultMetadata")}
	want := &eventbridge.DescribeRuleOutput{
		Arn: aws.String("arn:aws:events:us-east-1:123456789012:rule/r"), Name: in.Name, EventBusName: aws.String("default"),
		EventPattern: in.EventPattern, Description: in.Description, State: types.RuleStateEnabled, CreatedBy: aws.String(awstest.Account),
	}
	if diff := cmp.Diff(want, describe(), ignore); diff != "" || *put.RuleArn != *want.Arn {
		t.Errorf("PutRule: got %s (-want +got)\n%s", *put.RuleArn, diff)
	}

	// What the second call leaves out is gone, its tags are passed over, and the
	// targets stay.
	putTargets(t, c, "r", "t")
	in.Description, in.EventPattern, in.State = nil, aws.String(`{"source":["a"]}`), types.RuleStateDisabled
	in.Tags = []types.Tag{{Key: aws.String("k"), Value: aws.String("changed")}}
	if _, err := c.PutRule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	want.Description, want.EventPattern, want.State = nil, in.EventPattern, types.RuleStateDisabled
	if diff := cmp.Diff(want, describe(), ignore); diff != "" {
		t.Errorf("after the second PutRule (-want +got)\n%s", diff)
	}
	if got, want := tagsOf(t, c, *put.RuleArn), "a=b k=v"; got != want {
		t.Errorf("tags: got %s, want %s", got, want)
	}
	if got := targetIDs(t, c, "r"); got != "t" {
		t.Errorf("targets after the second PutRule: got %s", got)
	}

	if _, err := c.EnableRule(t.Context(), &eventbridge.EnableRuleInput{Name: in.Name}); err != nil || describe().State != types.RuleStateEnabled {
		t.Errorf("EnableRule: got %v, %s", err, describe().State)
	}
	if _, err := c.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: in.Name}); err != nil || describe().State != types.RuleStateDisabled {
		t.Errorf("DisableRule: got %v, %s", err, describe().State)
	}
}

func TestDeleteRule(t *testing.T) {
	_, c := startEventBridge(t, awstest.Place{})
	putRule(t, c, "", "r", anySource, appARN)
	name := aws.String("r")
	remove := &eventbridge.DeleteRuleInput{Name: name}
	_, err := c.DeleteRule(t.Context(), remove)
	if got, want := apiError(err), "Bad Request: ValidationException: Rule can't be deleted since it has targets."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := c.RemoveTargets(t.Context(), &eventbridge.RemoveTargetsInput{Rule: name, Ids: []string{"t0"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds none, which is no error
		if _, err := c.DeleteRule(t.Context(), remove); err != nil {
			t.Error(err)
		}
	}
	_, err = c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: name})
	if got, want := apiError(err), "Bad Request: ResourceNotFoundException: Rule r does not exist on EventBus default."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func putTargets(t *testing.T, c *eventbridge.Client, rule string, ids ...string) {
	t.Helper()
	in := &eventbridge.PutTargetsInput{Rule: &rule}
	for _, id := range ids {
		in.Targets = append(in.Targets, types.Target{Id: &id, Arn: aws.String(appARN)})
	}
	if _, err := c.PutTargets(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	const constraint = "ValidationException: 1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must "
	long := `{"source":["` + strings.Repeat("é", maxPattern-len(`{"source":[""]}`)) + `"]}`
	tests := []struct {
		name string
		in   eventbridge.PutRuleInput
		want string
	}{
		{"a pattern that is none", eventbridge.PutRuleInput{EventPattern: aws.String(`{"source":"a"}`)}, "InvalidEventPatternException: Event pattern is not valid. Reason: \"source\" must be an object or an array\n at [Source: (String)\"{\"source\":\"a\"}\"; line: 1, column: 14]"},
		{"a pattern that is too long", eventbridge.PutRuleInput{EventPattern: aws.String(long + " ")}, fmt.Sprintf(constraint, long+" ", "eventPattern") + "have length less than or equal to 2048"},
		{"neither pattern nor schedule", eventbridge.PutRuleInput{}, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."},
		{"a name with a space", eventbridge.PutRuleInput{Name: aws.String("a b"), EventPattern: aws.String(anySource)}, fmt.Sprintf(constraint, "a b", "name") + `satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`},
		{"a long name", eventbridge.PutRuleInput{Name: aws.String(strings.Repeat("n", 65)), EventPattern: aws.String(anySource)}, fmt.Sprintf(constraint, strings.Repeat("n", 65), "name") + "have length less than or equal to 64"},
		{"no name", eventbridge.PutRuleInput{Name: aws.String(""), EventPattern: aws.String(anySource)}, fmt.Sprintf(constraint, "", "name") + "have length greater than or equal to 1"},
		{"a long description", eventbridge.PutRuleInput{Description: aws.String(strings.Repeat("d", 513)), EventPattern: aws.String(anySource)}, fmt.Sprintf(constraint, strings.Repeat("d", 513), "description") + "have length less than or equal to 512"},
		{"another state", eventbridge.PutRuleInput{State: "ON", EventPattern: aws.String(anySource)}, fmt.Sprintf(constraint, "ON", "state") + "satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"},
		{"another bus", eventbridge.PutRuleInput{EventBusName: aws.String("none"), EventPattern: aws.String(anySource)}, "ResourceNotFoundException: Event bus none does not exist."},
		{"another account's bus", eventbridge.PutRuleInput{EventBusName: aws.String("arn:aws:events:us-east-1:999999999999:event-bus/default"), EventPattern: aws.String(anySource)}, "ResourceNotFoundException: Event bus default does not exist."},
	}
	for _, tt := range tests {
		if tt.in.Name == nil {
			tt.in.Name = aws.String("r")
		}
		_, err := c.PutRule(t.Context(), &tt.in)
		if got, want := apiError(err), "Bad Request: "+tt.want; got != want {
			t.Errorf("%s: got %q, want %q", tt.name, got, want)
		}
	}
	if out, err := c.ListRules(t.Context(), &eventbridge.ListRulesInput{}); err != nil || len(out.Rules) != 0 {
		t.Errorf("rules there are: got %v, %v", out, err)
	}

	// 2,048 characters, not bytes.
	putRule(t, c, "", "long", long)

	fake.Deny("events:TagResource")
	_, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("tagged"), EventPattern: aws.String(anySource), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	if got, want := apiError(err), "Bad Request: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ops/me is not authorized to perform: events:TagResource on resource: arn:aws:events:us-east-1:123456789012:rule/tagged because no identity-based policy allows the events:TagResource action"; got != want {
		t.Errorf("tags without the permission: got %q, want %q", got, want)
	}
	if _, err := c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String("tagged")}); err == nil {
		t.Error("the rule was made")
	}
	putRule(t, c, "", "untagged", anySource)
}

func TestListRules(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	for i := range 7 {
		putRule(t, c, "", fmt.Sprint("a", i), anySource)
	}
	putRule(t, c, "", "b", anySource)
	list := func(in eventbridge.ListRulesInput) (names []string, pages int) {
		t.Helper()
		for {
			out, err := c.ListRules(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, r := range out.Rules {
				names = append(names, *r.Name)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return names, pages
			}
		}
	}
	want := []string{"a0", "a1", "a2", "a3", "a4", "a5", "a6", "b"}
	for _, tt := range []struct {
		in    eventbridge.ListRulesInput
		size  int
		want  []string
		pages int
	}{
		{eventbridge.ListRulesInput{}, 0, want, 1},
		{eventbridge.ListRulesInput{NamePrefix: aws.String("a")}, 0, want[:7], 1},
		{eventbridge.ListRulesInput{Limit: aws.Int32(3)}, 0, want, 3},
		{eventbridge.ListRulesInput{Limit: aws.Int32(4)}, 0, want, 2},
		{eventbridge.ListRulesInput{}, 5, want, 2},
		{eventbridge.ListRulesInput{NamePrefix: aws.String("c")}, 0, nil, 1},
	} {
		fake.SetPageSize(tt.size)
		if names, pages := list(tt.in); !slices.Equal(names, tt.want) || pages != tt.pages {
			t.Errorf("got %q in %d pages, want %q in %d", names, pages, tt.want, tt.pages)
		}
	}
	for want, in := range map[string]eventbridge.ListRulesInput{
		"ValidationException: 1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value between 1 and 100": {Limit: aws.Int32(0)},
		"ValidationException: The nextToken is invalid.":            {NextToken: aws.String("!")},
		"ResourceNotFoundException: Event bus none does not exist.": {EventBusName: aws.String("none")},
	} {
		_, err := c.ListRules(t.Context(), &in)
		if got := apiError(err); got != "Bad Request: "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestEventBridgeDenyFailAndCalls(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{Region: "cn-north-1", Account: "210987654321"})
	put := func() string {
		_, err := c.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(anySource)})
		return apiError(err)
	}
	fake.Deny("events:PutRule")
	if got, want := put(), "Bad Request: AccessDeniedException: User: arn:aws-cn:sts::210987654321:assumed-role/ops/me is not authorized to perform: events:PutRule on resource: arn:aws-cn:events:cn-north-1:210987654321:rule/r because no identity-based policy allows the events:PutRule action"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.Heal()
	fake.Fail(awstest.EventFault{Action: "events:DescribeRule"})
	fake.Fail(awstest.EventFault{Action: "events:PutRule", Message: "Rate exceeded", Times: 2})
	fake.Fail(awstest.EventFault{Code: "InternalException", Status: 500, Times: 1})
	for _, want := range []string{
		"Bad Request: ThrottlingException: Rate exceeded", "Bad Request: ThrottlingException: Rate exceeded",
		"Internal Server Error: InternalException: InternalException", "",
	} {
		if got := put(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	describe := func() string {
		_, err := c.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String("r")})
		return apiError(err)
	}
	if got, want := describe(), "Bad Request: ThrottlingException: ThrottlingException"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.Heal()
	if got := describe(); got != "" {
		t.Errorf("after Heal: got %q", got)
	}
	var log []string
	for _, call := range fake.Calls() {
		log = append(log, fmt.Sprint(call.Action, " ", call.Status))
	}
	want := []string{"events:PutRule 400", "events:PutRule 400", "events:PutRule 400", "events:PutRule 500", "events:PutRule 200", "events:DescribeRule 400", "events:DescribeRule 200"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
	if env := fake.Env(); !slices.Contains(env, "AWS_ENDPOINT_URL_EVENTBRIDGE="+fake.URL()) || !slices.Contains(env, "AWS_REGION=cn-north-1") {
		t.Errorf("got %q", env)
	}
}
