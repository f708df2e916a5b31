package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const nativeRule = "secrets-rotation-orders-native"

// putRule changes a rule by hand.
func (w *world) putRule(in *eventbridge.PutRuleInput) {
	w.t.Helper()
	events, _ := w.clients()
	_, err := events.PutRule(w.t.Context(), in)
	w.do(err)
}

// What differs is put right and named; what only looks different stays.
func TestWhatSetupPutsRight(t *testing.T) {
	w := newWorld(t)
	plan := decode[planOutput](t, w.must("setup", "--function", "orders", "--json"))
	events, _ := w.clients()
	have, err := events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String(nativeRule)})
	w.do(err)
	target := func(change types.Target) func() {
		return func() {
			change.Id, change.Arn = aws.String("secrets-rotation"), aws.String(ordersARN)
			_, err := events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String(nativeRule), Targets: []types.Target{change}})
			w.do(err)
		}
	}
	var spaced strings.Builder
	enc := json.NewEncoder(&spaced)
	enc.SetIndent("", "  ")
	w.do(enc.Encode(json.RawMessage(plan.Rules[0].Pattern)))
	rule := func(pattern, description string) func() {
		return func() {
			w.putRule(&eventbridge.PutRuleInput{Name: aws.String(nativeRule), EventPattern: &pattern, Description: &description})
		}
	}
	for _, tc := range []struct {
		name, want string
		change     func()
	}{
		{"description", "(description)", rule(*have.EventPattern, "mine")},
		{"a pattern that lets more through", "(pattern)", rule(nativeOfDB, *have.Description)},
		{"a pattern with spaces", "Nothing to change.", rule(spaced.String(), *have.Description)},
		{"constant input", "with an input of its own", target(types.Target{Input: aws.String("{}")})},
		{"transformed input", "with an input of its own", target(types.Target{InputTransformer: &types.InputTransformer{InputTemplate: aws.String(`"x"`)}})},
	} {
		tc.change()
		if out := w.must("setup", "--function", "orders"); !strings.Contains(out, tc.want) {
			t.Errorf("%s: want %q in\n%s", tc.name, tc.want, out)
		}
		if out := w.must("setup", "--function", "orders"); !strings.Contains(out, "Nothing to change.") {
			t.Errorf("%s: a second time, setup printed\n%s", tc.name, out)
		}
	}
}

func TestVariablesThatWouldMatchNothing(t *testing.T) {
	w := newWorld(t)
	w.lambda.Configure("orders", func(f *awstest.Function) { f.Env["SECRETS_ROTATION_SOURCE"] = "aws.mine" })
	w.fails(exitFailed, []string{`source "aws.mine" would match nothing`}, "setup", "--function", "orders", "--event", "custom")
	if got := w.writes(); len(got) != 0 {
		t.Errorf("it wrote %q", got)
	}
}

// The buses that setup itself needs are looked at without the list of all.
func TestLeftoversWithoutTheListOfBuses(t *testing.T) {
	w := newWorld(t)
	w.bus("mine")
	args := []string{"setup", "--function", "orders", "--event", "custom", "--bus", "mine", "--secret", "prod/db"}
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("team/service-%02d/database", i))
		w.secrets.Put(many[i], canary)
	}
	w.must(append(args, many...)...)
	w.deny("events:ListEventBuses")
	w.must(args...)
	w.heal()
	if state := w.state("orders"); strings.Count(state, "mine secrets-rotation") != 1 {
		t.Errorf("one secret has\n%s", state)
	}
}

// One secret by name, ARN and partial ARN is one, whatever stands between.
func TestOneSecretByAllItsIDs(t *testing.T) {
	w := newWorld(t)
	w.secrets.Put("another", canary)
	plan := decode[planOutput](t, w.must("setup", "--function", "orders", "--dry-run", "--json", "--secret",
		"prod/db", "another", w.arn, "prod/db", w.arn[:strings.LastIndex(w.arn, "-")]))
	if got := strings.Join(plan.Rules[0].Secrets, " "); got != "another prod/db" {
		t.Errorf("got %s, want each secret once", got)
	}
}

// Not every emulator answers with the alias that it was asked for.
func TestAliasThatIsNotInTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.lambda.Publish("orders", "live")
	w.between(func(rw http.ResponseWriter, r *http.Request, forward http.Handler) bool {
		if !strings.HasSuffix(r.URL.Path, "/configuration") {
			return false
		}
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		rw.Header().Set("Content-Type", "application/json")
		_, _ = rw.Write([]byte(strings.ReplaceAll(answer.Body.String(), ordersARN+":live", ordersARN)))
		return true
	})
	plan := decode[planOutput](t, w.must("setup", "--function", "orders:live", "--json"))
	if want := ordersARN + ":live"; plan.Function != want || plan.Steps[2].Detail != want {
		t.Errorf("got %+v, want the target %s", plan, want)
	}
	w.must("verify", "--function", "orders:live")
}

// Of another account, a secret tells its rotations there.
func TestNotesOnSecretsOfOthers(t *testing.T) {
	w := newWorld(t)
	theirs := awstest.New(awstest.InAccount("210987654321"))
	t.Cleanup(theirs.Close)
	arn, _ := theirs.Put("theirs", canary)
	t.Setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", theirs.URL())
	for event, noted := range map[string]bool{"native": true, "custom": false, "both": true} {
		out := w.must("setup", "--function", "orders", "--secret", arn, "--event", event, "--dry-run")
		if got := strings.Contains(out, "secret theirs is of account 210987654321"); got != noted {
			t.Errorf("%s: noted is %v, want %v, in\n%s", event, got, noted, out)
		}
	}
	w.must("setup", "--function", "orders", "--secret", arn, "--event", "both")
	w.lambda.Configure("orders", func(f *awstest.Function) { f.Env = map[string]string{"SECRET": arn} })
	allow := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/app"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}}`
	theirs.SetResourcePolicy("theirs", allow)
	w.iam.PutRolePolicy("app", "read", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"`+arn+`"}}`)
	w.only("rule matches the event", "unknown", "it arrives only if it is forwarded from there", "")
	// The custom event is sent to this account.
	if bad := w.checks("--event", "custom"); len(bad) != 0 {
		t.Errorf("custom: %+v", bad)
	}
}
