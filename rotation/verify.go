package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// Status is what a check came to.
type Status string

const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Unknown Status = "unknown" // it could not be looked at, Detail says why
)

// Check is one thing that must hold for a rotation to reach a function.
type Check struct {
	Name   string `json:"name"` // what is checked, one of the Check constants
	On     string `json:"on"`   // the function, secret or rule it is about
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"`
	Mend   string `json:"mend,omitempty"` // the command that mends it, where it failed
}

// The names of checks.
const (
	CheckFunction     = "function can be invoked"
	CheckLayer        = "layer is attached"
	CheckArchitecture = "layer has the function's architecture"
	CheckVariable     = "SECRET names the secret"
	CheckSecret       = "secret is there"
	CheckAccess       = "function may read the secret"
	CheckKey          = "function may decrypt the secret"
	CheckRule         = "rule is there"
	CheckEnabled      = "rule is enabled"
	CheckPattern      = "rule matches the event"
	CheckTarget       = "target is the function"
	CheckPermission   = "EventBridge may invoke the function"
	CheckPublished    = "event is published"
	CheckAnswer       = "extension answers the event"
)

// Report is the checklist of [Clients.Verify].
type Report struct {
	Function string  `json:"function"`
	Holds    bool    `json:"holds"` // every check is OK
	Checks   []Check `json:"checks"`
}

// Verification says what to verify.
type Verification struct {
	Wiring
	// Layer is a part of the name of the layer, for one that was not published under
	// its usual name; "" is aws-secretsmanager.
	Layer string
	// Send invokes the function with a rotation event for each secret that names its
	// current version, and publishes the custom event where that one is wired. It
	// changes no secret.
	Send bool
}

// Verify reads back everything that a rotation needs on its way to the function.
// Without w.Events it looks at those that are wired. What does not hold is in the
// report; the error is of a function that does not exist, or of calls without
// which nothing can be said.
func (c Clients) Verify(ctx context.Context, v Verification) (*Report, error) {
	l, ids, err := c.lookUpFunction(ctx, v.Wiring)
	if err != nil {
		return nil, err
	}
	r := &report{clients: c, v: v, looked: l, now: time.Now()}
	r.functionState(ctx)
	r.layer(ctx)
	for _, id := range ids {
		s, ok := r.secret(ctx, id)
		if !ok {
			continue
		}
		r.variable(s)
		r.access(ctx, s)
		r.secrets = append(r.secrets, s)
	}
	if len(r.secrets) > 0 {
		if err := r.rules(ctx); err != nil {
			return nil, err
		}
		if v.Send {
			r.send(ctx)
		}
	}
	out := &Report{Function: l.function.ARN, Checks: r.checks, Holds: true}
	for _, check := range r.checks {
		out.Holds = out.Holds && check.Status == OK
	}
	return out, nil
}

// report collects the checks of one run.
type report struct {
	looked
	clients Clients
	v       Verification
	now     time.Time
	checks  []Check
	events  []Event // those that were looked at

	noSimulation bool // IAM does not simulate for this caller
	rolePolicies *rolePolicies
	testsEvents  *bool // EventBridge tests patterns for this caller; nil before it was asked
}

func (r *report) add(name, on string, status Status, detail, mend string) {
	r.checks = append(r.checks, Check{Name: name, On: on, Status: status, Detail: detail, Mend: mend})
}

func (r *report) ok(name, on, detail string) { r.add(name, on, OK, detail, "") }

func (r *report) failed(name, on, detail, mend string) { r.add(name, on, Failed, detail, mend) }

func (r *report) unknown(name, on string, err error) {
	r.add(name, on, Unknown, Explain(err).Error(), "")
}

// functionState checks that an invocation would reach the handler at all.
func (r *report) functionState(ctx context.Context) {
	f, config := r.function, r.function.config
	on := f.String()
	switch {
	case config.State != "" && config.State != lambdatypes.StateActive && config.State != lambdatypes.StateInactive:
		r.failed(CheckFunction, on, fmt.Sprintf("its state is %s: %s", config.State, aws.ToString(config.StateReason)),
			"aws lambda wait function-active-v2 "+f.flags())
		return
	case config.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed:
		r.failed(CheckFunction, on, "its last update failed: "+aws.ToString(config.LastUpdateStatusReason),
			"aws lambda get-function-configuration "+f.flags())
		return
	}
	out, err := r.clients.Lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(f.unqualifiedARN())})
	switch {
	case err != nil:
		r.unknown(CheckFunction, on, err)
	case out.ReservedConcurrentExecutions != nil && *out.ReservedConcurrentExecutions == 0:
		r.failed(CheckFunction, on, "its reserved concurrency is 0: every invocation is throttled",
			"aws lambda delete-function-concurrency --function-name "+f.Name)
	default:
		r.ok(CheckFunction, on, "")
	}
}

// secret looks a secret up and checks that it can have events.
func (r *report) secret(ctx context.Context, id string) (Secret, bool) {
	s, err := r.clients.secret(ctx, id)
	_, missing := errors.AsType[*NotFoundError](err)
	switch {
	case missing:
		r.failed(CheckSecret, id, err.Error(), "aws secretsmanager create-secret --name "+quote(id)+" --secret-string file://VALUE.json")
	case err != nil:
		r.unknown(CheckSecret, id, err)
	case !s.Deleted.IsZero():
		r.failed(CheckSecret, id, "it is marked for deletion: no reader gets it, and no event is sent",
			"aws secretsmanager restore-secret --secret-id "+quote(id))
	default:
		r.ok(CheckSecret, id, s.ARN)
	}
	return s, err == nil
}

// variable checks that the extension will hold the secret from its start.
func (r *report) variable(s Secret) {
	key := r.function.secretsKey()
	refs, err := r.function.references()
	if err != nil {
		r.failed(CheckVariable, s.ID, err.Error(), r.setVariable(key, s))
		return
	}
	ids := variables.IDs(refs)
	if slices.ContainsFunc(ids, s.is) {
		r.ok(CheckVariable, s.ID, "")
		return
	}
	detail := key + " is not set"
	if len(ids) > 0 {
		detail = key + " names " + strings.Join(ids, ", ")
	}
	want := s.ID
	if have := r.function.variable(key); have != "" && len(ids) > 0 {
		want = have + "," + s.ID
	}
	r.failed(CheckVariable, s.ID, detail, r.setVariable(key, Secret{ID: want}))
}

// is reports whether an id means the secret.
func (s Secret) is(id string) bool { return id == s.Name || id == s.ARN || id == s.partialARN() }

// setVariable adds to what the function has: Lambda replaces all variables at
// once. They go through a pipe, since argument lists can be read by others.
func (r *report) setVariable(key string, s Secret) string {
	f := r.function
	command := fmt.Sprintf("aws lambda get-function-configuration --function-name %s --query Environment | jq '.Variables[\"%s\"]=\"%s\"' | aws lambda update-function-configuration --function-name %s --environment file:///dev/stdin",
		f.Name, key, s.ID, f.Name)
	return command + r.publish()
}

// publish is what must follow a change of the function, because a version cannot
// be changed.
func (r *report) publish() string {
	if r.function.Qualifier == "" {
		return ""
	}
	return " && aws lambda publish-version --function-name " + r.function.Name + " # then move " + r.function.Qualifier + " to it"
}

func (f Function) unqualifiedARN() string { return f.unqualified() }
