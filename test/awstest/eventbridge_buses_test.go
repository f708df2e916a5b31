package awstest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func TestEventBuses(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{Region: "eu-central-1"})
	ctx := t.Context()
	create := func(name string) error {
		_, err := c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &name, Description: aws.String("d")})
		return err
	}
	for _, name := range []string{"c", "b"} {
		if err := create(name); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"b":       "Bad Request: ResourceAlreadyExistsException: Event bus b already exists.",
		"default": "Bad Request: ResourceAlreadyExistsException: Event bus default already exists.",
		"a/b":     `Bad Request: ValidationException: 1 validation error detected: Value 'a/b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`,
	} {
		if got := apiError(create(name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	fake.SetPageSize(2)
	var names []string
	in := &eventbridge.ListEventBusesInput{}
	for {
		out, err := c.ListEventBuses(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range out.EventBuses {
			names = append(names, *b.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if want := []string{"b", "c", "default"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
	if out, err := c.ListEventBuses(ctx, &eventbridge.ListEventBusesInput{NamePrefix: aws.String("b")}); err != nil || len(out.EventBuses) != 1 {
		t.Errorf("with a prefix: got %v, %v", out, err)
	}

	const busARN = "arn:aws:events:eu-central-1:123456789012:event-bus/b"
	for _, id := range []string{"b", busARN} {
		out, err := c.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &id})
		if err != nil || *out.Arn != busARN || *out.Description != "d" || out.CreationTime == nil {
			t.Errorf("%s: got %+v, %v", id, out, err)
		}
	}
	if out, err := c.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{}); err != nil || *out.Name != "default" {
		t.Errorf("no name: got %+v, %v", out, err)
	}

	_, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("s"), EventBusName: aws.String("b"), ScheduleExpression: aws.String("rate(1 hour)")})
	if got, want := apiError(err), "Bad Request: ValidationException: ScheduleExpression is supported only on the default event bus."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}

	// A rule on a bus, which may be named by its ARN.
	if got, want := putRule(t, c, busARN, "r", anySource), "arn:aws:events:eu-central-1:123456789012:rule/b/r"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDeleteEventBus(t *testing.T) {
	_, c := startEventBridge(t, awstest.Place{})
	for _, name := range []string{"b", "c"} {
		if _, err := c.CreateEventBus(t.Context(), &eventbridge.CreateEventBusInput{Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	putRule(t, c, "b", "r", anySource)
	remove := func(name string) string {
		_, err := c.DeleteEventBus(t.Context(), &eventbridge.DeleteEventBusInput{Name: &name})
		return apiError(err)
	}
	for name, want := range map[string]string{
		"b":       "Bad Request: ValidationException: EventBus can't be deleted since it has rules.",
		"default": "Bad Request: ValidationException: Cannot delete event bus default.",
		"c":       "",
		"none":    "",
	} {
		if got := remove(name); got != want {
			t.Errorf("delete %s: got %q, want %q", name, got, want)
		}
	}
	_, err := c.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: aws.String("c")})
	if got, want := apiError(err), "Bad Request: ResourceNotFoundException: Event bus c does not exist."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTestEventPattern(t *testing.T) {
	_, c := startEventBridge(t, awstest.Place{})
	const event = `{"id":"i","account":"1","source":"s","time":"2026-01-02T03:04:05Z","region":"r","resources":[],"detail-type":"d","detail":{}}`
	for _, tt := range []struct {
		pattern, event string
		want           bool
		err            string
	}{
		{`{"source":["s"]}`, event, true, ""},
		{`{"source":["t"]}`, event, false, ""},
		{`{"source":[]}`, event, false, "InvalidEventPatternException: Event pattern is not valid. Reason: Empty arrays are not allowed\n at [Source: (String)\"{\"source\":[]}\"; line: 1, column: 13]"},
		{`{"source":["s"]}`, `{"source":"s"}`, false, "ValidationException: Parameter Event is not valid. Reason: id is a required member."},
		{`{"source":["s"]}`, `[]`, false, "ValidationException: Parameter Event is not valid. Reason: it is not a JSON object."},
	} {
		out, err := c.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{EventPattern: &tt.pattern, Event: &tt.event})
		if got := strings.TrimPrefix(apiError(err), "Bad Request: "); got != tt.err || err == nil && out.Result != tt.want {
			t.Errorf("%s and %s: got %v, %q", tt.pattern, tt.event, out, got)
		}
	}
}
