package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const (
	// canary is the first password, and must never be seen in a log or an error.
	canary = "c4n4ry"
	before = `{"host": "db", "port":5432.0,` + "\n" + `"password":"` // and here the password
	after  = `", "id":12345678901234567890, "user":"app"}`
	digits = "0123456789"
	token  = "11111111-2222-3333-4444-555555555555"
)

var steps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// trouble is what happens to a call.
type trouble int

const (
	none    trouble = iota
	refused         // nothing was done
	lost            // it was done, and the answer is lost
	garbled         // it was done, and the answer is no JSON but has the value
)

// upstream is all that the function calls: Secrets Manager, EventBridge, and a
// service that accepts one password.
type upstream struct {
	t       *testing.T
	secrets *awstest.SecretsManager
	bus     *httptest.Server
	rotator *rotator
	old     string // the version id before
	log     bytes.Buffer

	mu      sync.Mutex
	calls   int
	at      int // the call that the trouble happens to, counted from 1
	trouble trouble
	events  []string // source, detail-type, bus and detail of each
	accepts string   // the password of the service
}

// start makes a secret whose rotation has begun, and the function. The retryer is
// that of its SDK clients.
func start(t *testing.T, r aws.Retryer) *upstream {
	u := &upstream{t: t, secrets: awstest.New(), accepts: canary}
	t.Cleanup(u.secrets.Close)
	u.bus = httptest.NewServer(http.HandlerFunc(u.putEvents))
	t.Cleanup(u.bus.Close)
	keys := credentials.NewStaticCredentialsProvider("key", "secret", "")
	u.rotator = &rotator{
		secrets:  secretsmanager.New(secretsmanager.Options{Region: awstest.Region, BaseEndpoint: aws.String(u.secrets.URL()), Credentials: keys, Retryer: r, HTTPClient: u}),
		events:   eventbridge.New(eventbridge.Options{Region: awstest.Region, BaseEndpoint: &u.bus.URL, Credentials: keys, Retryer: r, HTTPClient: u}),
		service:  u,
		password: password{Key: "password", Length: 32, Exclude: defaultExclude + digits},
		log:      slog.New(slog.NewTextHandler(&u.log, nil)),
	}
	_, u.old = u.secrets.Put("prod/db", before+canary+after)
	if _, err := u.rotator.secrets.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String("prod/db"), ClientRequestToken: aws.String(token)}); err != nil {
		t.Fatal(err)
	}
	u.calls = 0
	return u
}

// Do sends a request of the SDK.
func (u *upstream) Do(r *http.Request) (*http.Response, error) {
	what := u.arrive()
	if what == refused {
		return &http.Response{StatusCode: 500, Body: http.NoBody, Request: r}, nil
	}
	res, err := http.DefaultClient.Do(r)
	switch {
	case err != nil:
		return nil, err
	case what == lost:
		res.Body.Close()
		return nil, syscall.ECONNRESET
	case what == garbled:
		rest := res.Body
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader("<html>"), rest), rest}
	}
	return res, nil
}

// arrive counts a call and returns what happens to it.
func (u *upstream) arrive() trouble {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.calls++; u.calls == u.at {
		return u.trouble
	}
	return none
}

// putEvents is EventBridge.
func (u *upstream) putEvents(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Entries []struct{ Source, DetailType, EventBusName, Detail string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Amz-Target") != "AWSEvents.PutEvents" || len(in.Entries) != 1 {
		u.t.Errorf("EventBridge: got %s %+v, %v, want PutEvents with one event", r.Header.Get("X-Amz-Target"), in, err)
		return
	}
	u.mu.Lock()
	e := in.Entries[0]
	u.events = append(u.events, strings.Join([]string{e.Source, e.DetailType, e.EventBusName, e.Detail}, "|"))
	u.mu.Unlock()
	fmt.Fprint(w, `{"FailedEntryCount":0,"Entries":[{"EventId":"event-1"}]}`)
}

// Set and Test make u the [Service].

func (u *upstream) Set(_ context.Context, current, pending cache.Value) error {
	what := u.arrive()
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case what == refused:
		return errors.New("the service is down")
	case u.accepts == passwordIn(pending):
	case u.accepts == passwordIn(current):
		u.accepts = passwordIn(pending)
	default:
		return errors.New("the service accepts neither password")
	}
	if what != none {
		return errors.New("the service did not answer")
	}
	return nil
}

func (u *upstream) Test(_ context.Context, pending cache.Value) error {
	what := u.arrive()
	u.mu.Lock()
	defer u.mu.Unlock()
	if what != none || u.accepts != passwordIn(pending) {
		return errors.New("the service does not accept the password")
	}
	return nil
}

func passwordIn(v cache.Value) string {
	var object struct{ Password string }
	_ = json.Unmarshal([]byte(v.Reveal()), &object)
	return object.Password
}

// run runs one step.
func (u *upstream) run(step string) error {
	return u.rotator.handle(u.t.Context(), events.SecretsManagerSecretRotationEvent{
		Step: step, SecretID: u.secrets.ARN("prod/db"), ClientRequestToken: token,
	})
}

// rotate runs the steps as Secrets Manager does, all of them again after one that
// failed, and returns the failures.
func (u *upstream) rotate() (failures []error) {
	u.t.Helper()
	for i := 0; i < len(steps); i++ {
		if err := u.run(steps[i]); err != nil {
			if failures = append(failures, err); len(failures) == 4 {
				u.t.Fatalf("no end of failures: %v", failures)
			}
			i = -1
		}
	}
	return failures
}

// check checks that the rotation is over and right, and that nothing said a
// password; errs is what the steps failed with.
func (u *upstream) check(errs ...error) {
	u.t.Helper()
	value := u.current().Reveal()
	rest, hasStart := strings.CutPrefix(value, before)
	made, hasEnd := strings.CutSuffix(rest, after)
	if !hasStart || !hasEnd || len(made) != 32 || made != u.accepts || strings.ContainsAny(made, u.rotator.password.Exclude) {
		u.t.Errorf("value %q, and the service accepts %q, want the members as they were and one new password", value, u.accepts)
	}
	stages := u.secrets.Stages("prod/db")
	delete(stages, pendingStage) // it may stay on the version that is current
	if diff := cmp.Diff(map[string]string{"AWSCURRENT": token, "AWSPREVIOUS": u.old}, stages); diff != "" {
		u.t.Errorf("labels (-want +got)\n%s", diff)
	}
	want := `secretsmanager|Secret Rotation||{"secretId":"prod/db","versionId":"` + token + `"}`
	if len(u.events) == 0 || slices.ContainsFunc(u.events, func(e string) bool { return e != want }) {
		u.t.Errorf("events %q, want one or more of %s", u.events, want)
	}
	said := fmt.Sprint(errs) + u.log.String()
	if strings.Contains(said, canary) || strings.Contains(said, made) {
		u.t.Errorf("a password was said: %s", said)
	}
}

// current returns the value that readers get.
func (u *upstream) current() cache.Value {
	u.t.Helper()
	o := u.rotator.secrets.Options()
	o.HTTPClient = http.DefaultClient
	out, err := secretsmanager.New(o).GetSecretValue(u.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("prod/db")})
	if err != nil {
		u.t.Fatal(err)
	}
	return cache.Text(*out.SecretString)
}
