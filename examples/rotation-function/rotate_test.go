package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/aws-secretsmanager/lambda-extension/rotation"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func TestRotation(t *testing.T) {
	u := start(t, aws.NopRetryer{})
	if failures := u.rotate(); failures != nil {
		t.Fatal(failures)
	}
	u.check()
	if len(u.events) != 1 || u.calls != 15 {
		t.Errorf("got %d events and %d calls, want 1 and 15", len(u.events), u.calls)
	}
}

func TestEachStepAnyNumberOfTimes(t *testing.T) {
	u := start(t, aws.NopRetryer{})
	for range 2 { // in the second round the version is current
		for _, step := range steps {
			for range 3 {
				if err := u.run(step); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	u.check()
	// finishSecret alone tells again of what is done.
	if len(u.events) != 6 {
		t.Errorf("got %d events, want one of each finishSecret: 6", len(u.events))
	}
	for did, want := range map[string]int{
		"made a new password": 1, "kept the value that the version has": 2, "the service accepts": 3, "the new password works": 3,
		"nothing to do, the version is current": 9, "told by event": 6,
	} {
		if got := strings.Count(u.log.String(), did); got != want {
			t.Errorf("%q: got %d times, want %d", did, got, want)
		}
	}
}

// Every call that a rotation makes goes wrong once, in every way.
func TestInterruptedAtEveryCall(t *testing.T) {
	for name, what := range map[string]trouble{"refused": refused, "lost": lost, "garbled": garbled} {
		t.Run(name, func(t *testing.T) {
			for at := 1; ; at++ {
				u := start(t, aws.NopRetryer{})
				u.at, u.trouble = at, what
				failures := u.rotate()
				u.check(failures...)
				if u.calls < at {
					if at != 16 || failures != nil {
						t.Errorf("the last was call %d, failures %v, want 15 and none", at-1, failures)
					}
					return
				}
				// A move of the label whose answer does not come is looked after at once.
				if len(failures) > 1 || len(failures) == 0 && (at != 14 || what == refused) {
					t.Errorf("call %d: got failures %v, want 1", at, failures)
				}
			}
		})
	}
}

// The SDK sends a call again whose answer was lost, and the service has done it.
func TestAnswerLostWithinTheSDK(t *testing.T) {
	for at := 1; ; at++ {
		u := start(t, retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}))
		u.at, u.trouble = at, lost
		failures := u.rotate()
		u.check(failures...)
		if u.calls < at {
			if at != 16 {
				t.Errorf("the last was call %d, want 15", at-1)
			}
			return
		}
		// The service of the test has no SDK.
		if own := at == 9 || at == 12; (len(failures) == 1) != own || len(failures) > 1 {
			t.Errorf("call %d: got failures %v", at, failures)
		}
	}
}

func TestDuplicatesOfAStepAtOnce(t *testing.T) {
	const n = 8
	u := start(t, aws.NopRetryer{})
	var mu sync.Mutex
	arrived, all := map[string]int{}, map[string]chan struct{}{"PutSecretValue": make(chan struct{}), "UpdateSecretVersionStage": make(chan struct{})}
	// None of the calls that change something is let through before all duplicates have come to it.
	u.secrets.Answer(func(_ http.ResponseWriter, c awstest.Call) bool {
		gate := all[c.Op]
		if gate == nil {
			return false
		}
		mu.Lock()
		if arrived[c.Op]++; arrived[c.Op] == n {
			close(gate)
		}
		mu.Unlock()
		select {
		case <-gate:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: not every duplicate made the call", c.Op)
		}
		return false
	})
	for _, step := range steps {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if err := u.run(step); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	u.check()
	if len(u.events) != n {
		t.Errorf("got %d events, want %d", len(u.events), n)
	}
}

// What no rotation should ask for, and how the function says so.
func TestRefusals(t *testing.T) {
	other := strings.Repeat("0", 36)
	tests := map[string]struct {
		prepare             func(u *upstream)
		step, secret, token string // "" = createSecret of the secret and version that is rotated
		want                string // a part of the error
	}{
		"unknown step": {step: "deleteSecret", want: `event with Step "deleteSecret"`},
		"no version":   {token: other, want: "no version of this id"},
		"no secret":    {secret: "none", want: "ResourceNotFoundException"},
		"the version before": {
			prepare: func(u *upstream) { u.rotate() },
			token:   "old", want: `labelled ["AWSPREVIOUS"], want AWSPENDING`,
		},
		"rotation off": {
			prepare: func(u *upstream) { u.secrets.Put("off", "{}") },
			secret:  "off", want: "rotation is off",
		},
		"no JSON":   {prepare: func(u *upstream) { u.secrets.Put("prod/db", canary) }, want: "no JSON object"},
		"binary":    {prepare: func(u *upstream) { u.secrets.PutBinary("prod/db", []byte(canary)) }, want: "value is binary"},
		"no member": {prepare: func(u *upstream) { u.secrets.Put("prod/db", `{"pass":"`+canary+`"}`) }, want: `no member "password": PASSWORD_KEY`},
		"no value to set": {
			step: "setSecret", want: "the version has no value: createSecret makes that of AWSPENDING",
		},
		"no value to test": {step: "testSecret", want: "the version has no value"},
		"answer without a value": {
			prepare: func(u *upstream) {
				_ = u.run("createSecret")
				u.secrets.Fail(awstest.Fault{Kind: awstest.NoValue, Times: 1})
			},
			step: "setSecret", want: "the version has no value",
		},
		"service": {
			prepare: func(u *upstream) { _ = u.run("createSecret") },
			step:    "testSecret", want: "the service does not accept the password",
		},
		"no bus": {
			prepare: func(u *upstream) { u.bus.Close() },
			step:    "finishSecret", want: `notify of the rotation of "prod/db"`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u := start(t, aws.NopRetryer{})
			if tt.prepare != nil {
				tt.prepare(u)
			}
			e := events.SecretsManagerSecretRotationEvent{Step: "createSecret", SecretID: "prod/db", ClientRequestToken: token}
			if tt.step != "" {
				e.Step = tt.step
			}
			if tt.secret != "" {
				e.SecretID = tt.secret
			}
			switch tt.token {
			case "":
			case "old":
				e.ClientRequestToken = u.old
			default:
				e.ClientRequestToken = tt.token
			}
			err := u.rotator.handle(t.Context(), e)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error has the value: %v", err)
			}
		})
	}
}

// An event that EventBridge does not take fails the step although AWSCURRENT has
// moved, and the next try makes up for it.
func TestEventIsMadeUpFor(t *testing.T) {
	u := start(t, aws.NopRetryer{})
	u.at, u.trouble = 15, refused
	for _, step := range steps[:3] {
		if err := u.run(step); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.run("finishSecret"); err == nil || u.secrets.Stages("prod/db")[currentStage] != token || u.events != nil {
		t.Errorf("got %v, labels %v, events %v", err, u.secrets.Stages("prod/db"), u.events)
	}
	if err := u.run("finishSecret"); err != nil {
		t.Error(err)
	}
	u.check()
}

func TestTheEventIsAsConfigured(t *testing.T) {
	u := start(t, aws.NopRetryer{})
	u.rotator.notification = rotation.Notification{Source: "my.source", DetailType: "changed", DetailKey: "id", Bus: "mine"}
	u.rotate()
	if want := `my.source|changed|mine|{"id":"prod/db","versionId":"` + token + `"}`; len(u.events) != 1 || u.events[0] != want {
		t.Errorf("got %q, want %q", u.events, want)
	}
}

// Where Secrets Manager has a function of another account rotate, it wants its
// token back with the value.
func TestRotationToken(t *testing.T) {
	u := start(t, aws.NopRetryer{})
	var bodies wire
	o := u.rotator.secrets.Options()
	o.HTTPClient = &bodies
	u.rotator.secrets = secretsmanager.New(o)
	e := events.SecretsManagerSecretRotationEvent{Step: "createSecret", SecretID: "prod/db", ClientRequestToken: token, RotationToken: canary + "-source"}
	if err := u.rotator.handle(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if want := `"RotationToken":"` + canary + `-source"`; !strings.Contains(string(bodies["secretsmanager.PutSecretValue"]), want) {
		t.Errorf("PutSecretValue has no %s", want)
	}
	if strings.Contains(u.log.String(), canary) {
		t.Errorf("the token is in the log: %s", u.log.String())
	}
}

// wire keeps the last request of each operation.
type wire map[string][]byte

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if *w == nil {
		*w = wire{}
	}
	(*w)[r.Header.Get("X-Amz-Target")] = body
	r.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultClient.Do(r)
}
