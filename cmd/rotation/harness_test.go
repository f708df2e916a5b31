package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// canary is in every secret value here, and must never be printed.
const canary = "c4n4ry"

// world is an account with one function and its secret, all there but the wiring.
type world struct {
	t       *testing.T
	place   awstest.Place
	secrets *awstest.SecretsManager
	events  *awstest.EventBridge
	lambda  *awstest.Lambda
	iam     *awstest.IAM
	layer   string
	arn     string // of the secret prod/db
}

func newWorld(t *testing.T) *world { return newWorldIn(t, awstest.Place{}) }

func newWorldIn(t *testing.T, place awstest.Place) *world {
	t.Helper()
	if place.Region == "" {
		place.Region = awstest.Region
	}
	w := &world{
		t: t, place: place, secrets: awstest.New(awstest.InRegion(place.Region)),
		events: awstest.NewEventBridge(place), lambda: awstest.NewLambda(place), iam: awstest.NewIAM(place),
	}
	t.Cleanup(w.secrets.Close)
	t.Cleanup(w.events.Close)
	t.Cleanup(w.lambda.Close)
	t.Cleanup(w.iam.Close)
	for _, v := range slices.Concat(w.secrets.Env(), w.events.Env(), w.lambda.Env(), w.iam.Env(), []string{
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nowhere", "AWS_SHARED_CREDENTIALS_FILE=/nowhere", "AWS_PROFILE=",
		"AWS_MAX_ATTEMPTS=1", "AWS_REGION=" + place.Region,
	}) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	w.arn, _ = w.secrets.Put("prod/db", `{"password":"`+canary+`"}`)
	w.layer = w.lambda.PutLayer("aws-secretsmanager-x86_64", []string{"x86_64"}, "")
	role := w.iam.PutRole("app")
	w.grant()
	w.lambda.Create(awstest.Function{Name: "orders", Role: role, Layers: []string{w.layer}, Env: map[string]string{"SECRET": "prod/db"}})
	w.lambda.Handle("orders", extensionAnswers)
	return w
}

func (w *world) grant() {
	w.iam.PutRolePolicy("app", "read", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"`+w.arn+`"}]}`)
}

// run runs the command, and makes sure that no secret is in what it prints.
func (w *world) run(args ...string) (stdout, stderr string, status int) {
	w.t.Helper()
	var out, errs bytes.Buffer
	status = run(w.t.Context(), args, &out, &errs)
	if strings.Contains(out.String()+errs.String(), canary) {
		w.t.Errorf("%q printed a secret", args)
	}
	return out.String(), errs.String(), status
}

func (w *world) must(args ...string) string {
	w.t.Helper()
	out, errs, status := w.run(args...)
	if status != exitOK {
		w.t.Fatalf("rotation %s: status %d\n%s%s", strings.Join(args, " "), status, out, errs)
	}
	return out
}

// fails wants an exit status, one message that has every part, and no more than
// one.
func (w *world) fails(status int, parts []string, args ...string) {
	w.t.Helper()
	out, errs, got := w.run(args...)
	if got != status {
		w.t.Errorf("rotation %s: status %d, want %d\n%s%s", strings.Join(args, " "), got, status, out, errs)
	}
	for _, p := range parts {
		if !strings.Contains(errs, p) {
			w.t.Errorf("rotation %s: printed %q, want %q in it", strings.Join(args, " "), errs, p)
		}
	}
	if n := strings.Count(errs, "rotation: "); n != 1 {
		w.t.Errorf("rotation %s: %d messages in %q, want one", strings.Join(args, " "), n, errs)
	}
}

var reading = []string{"Describe", "List", "Get", "Test", "Simulate"}

// writes returns the names of all calls so far that change something, and forgets them.
func (w *world) writes() []string {
	var names []string
	note := func(action string) {
		_, op, ok := strings.Cut(action, ":")
		if !ok {
			op = action
		}
		if !slices.ContainsFunc(reading, func(prefix string) bool { return strings.HasPrefix(op, prefix) }) {
			names = append(names, op)
		}
	}
	for _, c := range w.events.Calls() {
		note(c.Action)
	}
	for _, c := range w.lambda.Calls() {
		note(c.Action)
	}
	for _, c := range w.secrets.Calls() {
		note(c.Op)
	}
	w.events.ResetCalls()
	w.lambda.ResetCalls()
	w.secrets.ResetCalls()
	return names
}

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
