package wiring

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
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
	CheckRecognised   = "function recognises the event"
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
	Spec
	// Layer is a part of the name of the layer, for one that was not published under
	// its usual name; "" is aws-secretsmanager.
	Layer string
	// Flags, quoted for a shell, are put into the commands that the report prints:
	// --region and --profile, where the caller has been given them.
	Flags string
	// Send invokes the function with a rotation event for each secret that names its
	// current version, and publishes the custom event where that one is wired. It
	// changes no secret.
	Send bool
}

// Verify reads back everything that a rotation needs on its way to the function.
// Without v.Events it looks at those that are wired. What does not hold is in the
// report; the error is of a function that does not exist, or of calls without
// which nothing can be said.
func (c Clients) Verify(ctx context.Context, v Verification) (*Report, error) {
	f, err := c.settled(ctx, v.Function)
	if err != nil {
		return nil, err
	}
	bus, err := busName(v.Bus, f.FunctionID)
	if err != nil {
		return nil, err
	}
	r := &report{clients: c, v: v, now: time.Now(), looked: looked{function: f, matcher: f.matcher(v.Matcher), bus: bus}}
	r.functionState(ctx)
	r.layer(ctx)
	routes, err := r.routes(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range r.ids(routes) {
		if s, ok := r.secret(ctx, id); ok {
			r.variable(s)
			r.access(ctx, s)
			r.secrets = append(r.secrets, s)
		}
	}
	if len(r.secrets) > 0 {
		if err := r.rules(ctx, routes); err != nil {
			return nil, err
		}
		if v.Send {
			r.send(ctx)
		}
	}
	out := &Report{Function: f.ARN, Checks: r.checks, Holds: true}
	for _, check := range r.checks {
		out.Holds = out.Holds && check.Status == OK
	}
	return out, nil
}

// A function that was made or changed a moment ago is given this long to become
// what it is going to be.
const (
	settleTimeout = 30 * time.Second
	settlePoll    = 500 * time.Millisecond
)

// settled waits for the end of a change of the function that is under way.
// https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
func (c Clients) settled(ctx context.Context, id FunctionID) (Function, error) {
	for end := time.Now().Add(settleTimeout); ; {
		f, err := c.function(ctx, id)
		if err != nil {
			return f, err
		}
		underWay := f.config.State == lambdatypes.StatePending || f.config.LastUpdateStatus == lambdatypes.LastUpdateStatusInProgress
		if !underWay || time.Now().After(end) {
			return f, nil
		}
		select {
		case <-time.After(settlePoll):
		case <-ctx.Done():
			return f, context.Cause(ctx)
		}
	}
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
	if r.v.Flags != "" {
		mend = command.ReplaceAllStringFunc(mend, func(c string) string { return c + " " + r.v.Flags })
	}
	r.checks = append(r.checks, Check{Name: name, On: on, Status: status, Detail: detail, Mend: mend})
}

// command is the beginning of one, behind which flags can stand.
var command = regexp.MustCompile(`\b(?:aws [a-z]+ [a-z][a-z0-9-]+|rotation (?:setup|verify|notify))\b`)

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
	case config.LastUpdateStatus == lambdatypes.LastUpdateStatusInProgress:
		r.failed(CheckFunction, on, fmt.Sprintf("a change of it has been under way for %s: %s", settleTimeout, aws.ToString(config.LastUpdateStatusReason)),
			"aws lambda wait function-updated-v2 "+f.flags())
		return
	case config.LastUpdateStatus == lambdatypes.LastUpdateStatusFailed:
		r.failed(CheckFunction, on, "its last update failed: "+aws.ToString(config.LastUpdateStatusReason),
			"aws lambda get-function-configuration "+f.flags())
		return
	}
	out, err := r.clients.Lambda.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String(f.unqualified())})
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
