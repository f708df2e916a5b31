package wiring

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-secretsmanager/lambda-extension/rotation"
)

// send puts an event of each kind through the function, for each secret. Nobody but
// AWS may publish AWS's events, so the native one goes to the function directly; the
// custom one does too, since what is published has no answer to see.
func (r *report) send(ctx context.Context) {
	answered := true
	for _, e := range r.events {
		for _, s := range r.secrets {
			if e == Custom {
				r.publishSample(ctx, s)
			}
			answered = r.invoke(ctx, e, s) && answered
		}
	}
	if !answered {
		return
	}
	// An extension that holds the secrets is attached, runs and could read them.
	for i, check := range r.checks {
		if check.Status != Unknown {
			continue
		}
		switch check.Name {
		case CheckFunction, CheckLayer, CheckArchitecture, CheckAccess, CheckKey, CheckRecognised:
			r.checks[i].Status, r.checks[i].Mend = OK, ""
			r.checks[i].Detail = "shown by the extension's answer (" + check.Detail + ")"
		}
	}
}

func (r *report) publishSample(ctx context.Context, s Secret) {
	id, err := rotation.Notify(ctx, r.clients.Events, rotation.Notification{
		SecretID: s.ARN, VersionID: s.current, Bus: r.bus,
		Source: r.matcher.Source, DetailType: r.matcher.DetailType, DetailKey: r.matcher.DetailKey,
	})
	if err != nil {
		r.failed(CheckPublished, s.ID, Explain(err).Error(), "rotation notify "+Quote(s.ID)+customFlags(r.bus, r.matcher))
		return
	}
	r.ok(CheckPublished, s.ID, "event "+id+" on bus "+r.bus)
}

// invoke sends a rotation event to the function and reads the extension's answer.
func (r *report) invoke(ctx context.Context, e Event, s Secret) bool {
	on := string(e) + " event of " + s.ID
	f := r.function
	if s.current == "" {
		r.failed(CheckAnswer, on, "the secret has no current version to send an event of", "aws secretsmanager put-secret-value --secret-id "+Quote(s.ID)+" --secret-string file://VALUE.json")
		return false
	}
	out, err := r.clients.Lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(f.unqualified()), Qualifier: f.qualifier(),
		InvocationType: lambdatypes.InvocationTypeRequestResponse,
		Payload:        sample(e, r.matcher, f, s, s.ARN, r.now),
	})
	if err != nil {
		r.unknown(CheckAnswer, on, err)
		return false
	}
	a := readAnswer(out)
	detail, mend := a.judge(f, s)
	// Rotated while this was asked: the extension is ahead of what was looked up here.
	if now, err := r.clients.secret(ctx, s.ARN); mend != "" && err == nil && now.current != s.current {
		detail, mend = a.judge(f, now)
	}
	if mend != "" {
		r.failed(CheckAnswer, on, detail, mend)
		return false
	}
	r.ok(CheckAnswer, on, detail)
	return true
}

// answer is what came back. That of a handler can be anything, a secret among it, so
// of what is no extension's nothing is shown.
type answer struct {
	Rotated   *bool
	SecretID  string
	VersionID string
	Changed   bool

	ErrorType, ErrorMessage string

	failure   string // Lambda's word for a function that failed, "" if it did not
	malformed bool
}

func readAnswer(out *lambda.InvokeOutput) (a answer) {
	a.malformed = json.Unmarshal(out.Payload, &a) != nil
	a.failure = aws.ToString(out.FunctionError)
	return a
}

// judge says what the answer means, and how to mend it if it is not the one that an
// extension gives which holds s; else mend is "".
func (a answer) judge(f Function, s Secret) (detail, mend string) {
	logs := "aws logs tail /aws/lambda/" + f.Name + " --since 5m"
	switch {
	// Only clients of the extension fail with this, and say the cause without a value.
	case a.failure != "" && strings.HasSuffix(a.ErrorType, "RotationError"):
		return "the refresh failed: " + a.ErrorMessage, logs
	case a.failure != "" && a.ErrorType != "":
		return "the invocation failed: " + a.ErrorType, logs
	case a.failure != "":
		return "the invocation failed, and did not say why (" + a.failure + ")", logs
	case a.malformed || a.Rotated == nil:
		return "the handler took the event for an ordinary one: it does not hand rotation events to the extension",
			"wrap the handler (shim.Start in Go), or post such events to http://localhost:2773/rotation, see Rotate in the README"
	case !*a.Rotated:
		return "the extension does not hold this secret", "rotation verify --function " + f.String() + " --secret " + Quote(s.ID) + " # see the line of SECRET"
	case !s.is(a.SecretID):
		return fmt.Sprintf("it answers for %q, which is another secret", a.SecretID), logs
	case a.VersionID != s.current:
		return fmt.Sprintf("it holds version %q, and %s is the current one", a.VersionID, s.current), logs
	}
	change := "held that version already"
	if a.Changed {
		change = "took the new value"
	}
	return fmt.Sprintf("rotated: %s, version %s; the extension %s", a.SecretID, a.VersionID, change), ""
}
