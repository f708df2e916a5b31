package wiring

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

func TestFunctionIDs(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want FunctionID
	}{
		{"orders", FunctionID{Name: "orders"}},
		{"orders:live", FunctionID{Name: "orders", Qualifier: "live"}},
		{"orders:7", FunctionID{Name: "orders", Qualifier: "7"}},
		{"orders:$LATEST", FunctionID{Name: "orders"}},
		{"function:orders", FunctionID{Name: "orders"}},
		{"111122223333:function:orders", FunctionID{Account: "111122223333", Name: "orders"}},
		{"111122223333:function:orders:live", FunctionID{Account: "111122223333", Name: "orders", Qualifier: "live"}},
		{"arn:aws:lambda:eu-west-1:111122223333:function:orders", FunctionID{"aws", "eu-west-1", "111122223333", "orders", ""}},
		{"arn:aws-cn:lambda:cn-north-1:111122223333:function:orders:live", FunctionID{"aws-cn", "cn-north-1", "111122223333", "orders", "live"}},
		{"arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:or_de-rs:3", FunctionID{"aws-us-gov", "us-gov-west-1", "111122223333", "or_de-rs", "3"}},
	} {
		got, err := ParseFunctionID(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("%s: got %+v, %v; want %+v", tc.in, got, err, tc.want)
		}
	}
	for _, in := range []string{
		"", "two words", "orders:", ":live", "orders:a:b", "arn:aws:lambda:eu-west-1:111122223333:orders",
		"arn:aws:lambda:eu-west-1::function:orders", "arn:aws:s3:::bucket", "arn:aws:lambda:eu-west-1:111122223333:function:",
	} {
		if got, err := ParseFunctionID(in); err == nil || !strings.Contains(err.Error(), "want NAME, NAME:ALIAS") {
			t.Errorf("%q: got %+v, %v; want an error that says what is wanted", in, got, err)
		}
	}
}

func TestRuleNames(t *testing.T) {
	long := strings.Repeat("f", 64)
	functions := []FunctionID{
		{Name: "orders"},
		{Name: "orders", Qualifier: "live"},
		{Name: "orders-live"},
		{Name: "orders-native"},
		{Name: "orders", Qualifier: "native"},
		{Name: "orders-native", Qualifier: "2"},
		{Name: long},
		{Name: long, Qualifier: "live"},
		{Name: long[:63] + "g"},
		{Name: long[:40]},
		{Name: long[:50]},
	}
	valid := regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)
	validID := regexp.MustCompile(`^[a-zA-Z0-9-_]{1,100}$`)
	seen := map[string]FunctionID{}
	for _, f := range functions {
		for _, e := range []Event{Native, Custom} {
			for _, n := range []int{1, 2, 11, 999} {
				name := ruleName(f, e, n)
				if !valid.MatchString(name) {
					t.Errorf("%+v: %q is no name of a rule", f, name)
				}
				if other, ok := seen[name]; ok {
					t.Errorf("%+v and %+v have the same rule name %q", f, other, name)
				}
				seen[name] = f
				if got, ok := ruleEvent(f, name); !ok || got != e {
					t.Errorf("%q: read back as %q, %v; want %q", name, got, ok, e)
				}
				for _, other := range functions {
					if _, ok := ruleEvent(other, name); ok && other != f {
						t.Errorf("%q of %+v is taken for a rule of %+v", name, f, other)
					}
				}
				if id := statementID("default", name, e); !validID.MatchString(id) || id == statementID("other", name, e) {
					t.Errorf("statement id %q: want one for each bus", id)
				}
			}
		}
	}
	if got, want := ruleName(FunctionID{Name: "orders", Qualifier: "live"}, Native, 1), "secrets-rotation-orders.live-native"; got != want {
		t.Errorf("got %q, want %q: what users have in their accounts must stay", got, want)
	}
}

func TestRuleARNs(t *testing.T) {
	f := FunctionID{"aws-cn", "cn-north-1", "111122223333", "orders", ""}
	for bus, want := range map[string]string{
		DefaultBus:      "arn:aws-cn:events:cn-north-1:111122223333:rule/r",
		"mine":          "arn:aws-cn:events:cn-north-1:111122223333:rule/mine/r",
		"partner/x/bus": "arn:aws-cn:events:cn-north-1:111122223333:rule/partner/x/bus/r",
	} {
		got := ruleARN(f, bus, "r")
		if got != want {
			t.Errorf("%s: got %s, want %s", bus, got, want)
		}
		if b, n, ok := busOfRule(got); b != bus || n != "r" || !ok {
			t.Errorf("%s: read back as %q %q %v", got, b, n, ok)
		}
	}
	for _, in := range []string{"", "arn:aws:events:us-east-1:111122223333:event-bus/x", "arn:aws:s3:::rule/x"} {
		if b, n, ok := busOfRule(in); ok {
			t.Errorf("%q is taken for rule %q on %q", in, n, b)
		}
	}
}

func TestBusNames(t *testing.T) {
	f := FunctionID{"aws", "eu-west-1", "111122223333", "orders", ""}
	for in, want := range map[string]string{
		"": DefaultBus, "default": DefaultBus, "mine": "mine",
		"arn:aws:events:eu-west-1:111122223333:event-bus/mine":    "mine",
		"arn:aws:events:eu-west-1:111122223333:event-bus/default": DefaultBus,
	} {
		if got, err := busName(in, f); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"two words": "want a name or arn", "arn:aws:sns:eu-west-1:111122223333:topic": "want a name or arn",
		"arn:aws:events:eu-west-1:999999999999:event-bus/mine": "not in the account and Region",
		"arn:aws:events:us-east-1:111122223333:event-bus/mine": "not in the account and Region",
	} {
		if got, err := busName(in, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %q, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestOwnershipIsInTheTags(t *testing.T) {
	f := Function{FunctionID: FunctionID{"aws", "eu-west-1", "111122223333", "orders", "live"}, ARN: "arn:aws:lambda:eu-west-1:111122223333:function:orders:live"}
	ours := tags(f)
	tag := func(k, v string) types.Tag { return types.Tag{Key: aws.String(k), Value: aws.String(v)} }
	for _, tc := range []struct {
		name string
		tags []types.Tag
		id   FunctionID
		want bool
	}{
		{"ours", ours, f.FunctionID, true},
		{"ours among others", append([]types.Tag{tag("team", "x")}, ours...), f.FunctionID, true},
		{"ours, of a function that is gone", ours, FunctionID{Name: "orders", Qualifier: "live"}, true},
		{"none", nil, f.FunctionID, false},
		{"of the unqualified function", ours, FunctionID{Name: "orders"}, false},
		{"without the mark", ours[1:], f.FunctionID, false},
		{"without the function", ours[:1], f.FunctionID, false},
		{"of another tool", []types.Tag{tag(tagManaged, "terraform"), ours[1]}, f.FunctionID, false},
	} {
		if got := owned(tc.tags, tc.id); got != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Tag.html
	valid := regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$`)
	for _, tg := range ours {
		if !valid.MatchString(*tg.Key) || !valid.MatchString(*tg.Value) {
			t.Errorf("tag %s=%s is not one that EventBridge takes", *tg.Key, *tg.Value)
		}
	}
}
