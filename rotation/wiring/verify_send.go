package wiring

import (
	"context"
	"encoding/json"
	"fmt"

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
	// An extension that holds the secret is attached, runs and could read it.
	for i, check := range r.checks {
		if check.Status != Unknown {
			continue
		}
		switch check.Name {
		case CheckLayer, CheckArchitecture, CheckAccess, CheckKey, CheckFunction:
			r.checks[i].Status = OK
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
		r.failed(CheckPublished, s.ID, Explain(err).Error(), "rotation notify "+quote(s.ID))
		return
	}
	r.ok(CheckPublished, s.ID, "event "+id)
}

// invoke sends a rotation event to the function and reads the extension's answer.
func (r *report) invoke(ctx context.Context, e Event, s Secret) bool {
	on := string(e) + " event of " + s.ID
	f := r.function
	if s.current == "" {
		r.failed(CheckAnswer, on, "the secret has no current version to send an event of", "aws secretsmanager put-secret-value --secret-id "+quote(s.ID)+" --secret-string file://VALUE.json")
		return false
	}
	out, err := r.clients.Lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(f.unqualified()), Qualifier: f.qualifier(),
		InvocationType: lambdatypes.InvocationTypeRequestResponse,
		Payload:        sample(e, r.matcher, f, s, r.now),
	})
	if err != nil {
		r.unknown(CheckAnswer, on, err)
		return false
	}
	detail, mend := readAnswer(out, f, s)
	if mend == "" {
		r.ok(CheckAnswer, on, detail)
		return true
	}
	r.failed(CheckAnswer, on, detail, mend)
	return false
}

// readAnswer says what came back, and how to mend it if that is not what an
// extension answers. The answer of a handler can be anything, a secret among it:
// only fields that the extension writes are shown.
func readAnswer(out *lambda.InvokeOutput, f Function, s Secret) (detail, mend string) {
	var answer struct {
		Rotated   *bool
		SecretID  string
		VersionID string
		Changed   bool

		ErrorType, ErrorMessage string
	}
	err := json.Unmarshal(out.Payload, &answer)
	logs := "aws logs tail /aws/lambda/" + f.Name + " --since 5m"
	switch {
	case out.FunctionError != nil:
		if err != nil || answer.ErrorMessage == "" {
			return "the invocation failed, and did not say why (" + aws.ToString(out.FunctionError) + ")", logs
		}
		return fmt.Sprintf("the invocation failed: %s: %s", answer.ErrorType, answer.ErrorMessage), logs
	case err != nil || answer.Rotated == nil:
		return "the handler took the event for an ordinary one: it does not hand rotation events to the extension",
			"wrap the handler (shim.Start in Go), or post such events to http://localhost:2773/rotation, see Rotate in the README"
	case !*answer.Rotated:
		return "the extension does not hold this secret", "rotation verify --function " + f.String() + " --secret " + quote(s.ID) + " # see the line of SECRET"
	}
	change := "held that version already"
	if answer.Changed {
		change = "took the new value"
	}
	return fmt.Sprintf("rotated: %s, version %s; the extension %s", answer.SecretID, answer.VersionID, change), ""
}
