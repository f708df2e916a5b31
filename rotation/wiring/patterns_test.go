package wiring

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

var orders = Function{
	FunctionID: FunctionID{"aws", "eu-west-1", "111122223333", "orders", ""},
	ARN:        "arn:aws:lambda:eu-west-1:111122223333:function:orders",
}

func secretNamed(name string) Secret {
	return Secret{ID: name, Name: name, ARN: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:" + name + "-AbCdEf", current: "11111111-2222-4333-8444-555555555555"}
}

func TestPatternsAsTheyStand(t *testing.T) {
	secrets := []Secret{secretNamed("prod/api"), secretNamed("prod/db")}
	for _, tc := range []struct {
		name, want string
		event      Event
		matcher    event.Matcher
		secrets    []Secret
	}{
		{"native", `{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["prod/api","prod/db"]}}`, Native, event.Matcher{}, secrets},
		{"custom", `{"source":["secretsmanager"],"detail-type":["Secret Rotation"],"detail":{"secretId":["prod/db","arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf","arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db"]}}`, Custom, event.Matcher{}, secrets[1:]},
		{"custom, all overridden", `{"source":["my.app"],"detail-type":["Rotated <&>"],"detail":{"arn":["prod/db","arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf","arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db"]}}`, Custom, event.Matcher{Source: "my.app", DetailType: "Rotated <&>", DetailKey: "arn"}, secrets[1:]},
		{"native, of another account", `{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"account":["999999999999"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["theirs"]}}`, Native, event.Matcher{}, []Secret{{Name: "theirs", ARN: "arn:aws:secretsmanager:eu-west-1:999999999999:secret:theirs-AbCdEf"}}},
	} {
		if got := patternFor(tc.event, tc.matcher, orders, tc.secrets); got != tc.want {
			t.Errorf("%s: got\n%s, want\n%s", tc.name, got, tc.want)
		}
	}
}

// What the extension takes for a rotation and what a rule lets through must be the
// same events.
func TestSamplesMatchPatternAndExtension(t *testing.T) {
	secrets := []Secret{secretNamed("prod/db"), secretNamed("ends-abcdef"), secretNamed("with+_=.@-")}
	for _, m := range []event.Matcher{{}, {Source: "my.app", DetailType: "Rotated", DetailKey: "arn"}, {DetailKey: "versionId"}} {
		for _, e := range []Event{Native, Custom} {
			p, err := pattern.Parse([]byte(patternFor(e, m, orders, secrets)))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range append(secrets, secretNamed("prod/other")) {
				ev := sample(e, m, orders, s, s.ARN, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
				matched, err := p.Match(ev)
				if want := s.Name != "prod/other"; err != nil || matched != want {
					t.Errorf("%s %+v %s: matched %v, %v; want %v", e, m, s.Name, matched, err, want)
				}
				rotations := m.Match(ev)
				if len(rotations) != 1 || rotations[0].SecretID != s.ARN || rotations[0].Time.IsZero() {
					t.Errorf("%s %+v: the extension sees %+v in %s", e, m, rotations, ev)
				}
				if want := s.current; m.DetailKey != event.VersionKey && rotations[0].VersionID != want {
					t.Errorf("%s: version %q, want %q", e, rotations[0].VersionID, want)
				}
			}
		}
	}
}

func TestLongPatternsAreSplit(t *testing.T) {
	var secrets []Secret
	for i := range 120 {
		secrets = append(secrets, secretNamed(fmt.Sprintf("team/service-%03d/database", i)))
	}
	for _, e := range []Event{Native, Custom} {
		groups := split(e, event.Matcher{}, orders, secrets)
		if len(groups) < 2 {
			t.Errorf("%s: %d groups for %d secrets", e, len(groups), len(secrets))
		}
		n := 0
		for i, g := range groups {
			n += len(g)
			if got := len(patternFor(e, event.Matcher{}, orders, g)); got > maxPattern {
				t.Errorf("%s: pattern %d has %d characters, want %d at most", e, i, got, maxPattern)
			}
		}
		if n != len(secrets) {
			t.Errorf("%s: %d secrets in the groups, want %d", e, n, len(secrets))
		}
	}
	if groups := split(Native, event.Matcher{}, orders, secrets[:1]); len(groups) != 1 {
		t.Errorf("one secret: %d groups", len(groups))
	}
	// One name cannot be taken apart; two may be exactly as long as EventBridge takes.
	two := func(n int) []Secret { return []Secret{secretNamed("a"), secretNamed(strings.Repeat("b", n))} }
	fits := 1 + maxPattern - len(patternFor(Native, event.Matcher{}, orders, two(1)))
	for n, want := range map[int]int{fits: 1, fits + 1: 2} {
		if got := len(split(Native, event.Matcher{}, orders, two(n))); got != want {
			t.Errorf("a pattern of %d characters: %d groups, want %d", len(patternFor(Native, event.Matcher{}, orders, two(n))), got, want)
		}
	}
	if groups := split(Native, event.Matcher{}, orders, two(maxPattern)[1:]); len(groups) != 1 || len(groups[0]) != 1 {
		t.Errorf("one long name: %d groups, want one", len(groups))
	}
}

func TestWhatWouldMatchNothing(t *testing.T) {
	id := orders.FunctionID
	for _, tc := range []struct {
		name, want string
		w          Spec
	}{
		{"native on another bus", "default bus alone", Spec{Function: id, Bus: "mine"}},
		{"AWS's own source", "would match nothing", Spec{Function: id, Events: []Event{Custom}, Matcher: event.Matcher{Source: "aws.mine"}}},
		{"long detail-type", "128 at most", Spec{Function: id, Events: []Event{Custom}, Matcher: event.Matcher{DetailType: strings.Repeat("x", 129)}}},
		{"another event", "want native or custom", Spec{Function: id, Events: []Event{"both"}}},
	} {
		if err := tc.w.check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error with %q", tc.name, err, tc.want)
		}
	}
	for _, w := range []Spec{
		{Function: id},
		{Function: id, Bus: "default"},
		{Function: id, Bus: "arn:aws:events:eu-west-1:111122223333:event-bus/default"},
		{Function: id, Bus: "mine", Events: []Event{Native, Custom}},
		{Function: id, Bus: "mine", Events: []Event{Custom}},
	} {
		if err := w.check(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

func TestPlaceOfSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"prod/db": "", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf": "",
		"arn:aws:secretsmanager:eu-west-1:999999999999:secret:prod/db": "",
		"arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db": "do not leave its Region",
		"arn:aws-cn:secretsmanager:eu-west-1:111122223333:secret:x":    "is in partition aws-cn",
		"arn:aws:ssm:eu-west-1:111122223333:parameter/x":               "ARN of something else",
	} {
		err := checkPlace(in, orders.FunctionID)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}
