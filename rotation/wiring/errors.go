package wiring

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"
)

// NotFoundError is a function or secret that does not exist where it was looked for.
type NotFoundError struct {
	What, ID, Region string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%s %q does not exist in Region %s; see the name, the Region and the account", e.What, e.ID, e.Region)
}

// AccessError is a call that the caller's own permissions do not allow.
type AccessError struct {
	Action string // as IAM policies spell it: events:PutRule
	Err    error
}

func (e *AccessError) Error() string {
	return fmt.Sprintf("access denied: you need %s (%s)", e.Action, message(e.Err))
}

func (e *AccessError) Unwrap() error { return e.Err }

// Explain makes what an SDK call failed with readable: the action that access was
// denied to, or the service's own words without the SDK's frame around them.
func Explain(err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	_, explained := errors.AsType[*apiError](err)
	if !ok || explained || isAccessError(err) {
		return err
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized":
		return &AccessError{Action: action(err), Err: err}
	}
	return &apiError{err: err, api: api}
}

// apiError prints as what the service said.
type apiError struct {
	err error
	api smithy.APIError
}

func (e *apiError) Error() string {
	if op, ok := errors.AsType[*smithy.OperationError](e.err); ok {
		return fmt.Sprintf("%s: %s: %s", op.Operation(), e.api.ErrorCode(), e.api.ErrorMessage())
	}
	return e.api.ErrorCode() + ": " + e.api.ErrorMessage()
}

func (e *apiError) Unwrap() error { return e.err }

func message(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorMessage()
	}
	return err.Error()
}

// action is what an IAM policy must allow for the call that failed.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
func action(err error) string {
	// One call can need several: PutRule with tags needs TagResource too. AWS's message has the one that lacks.
	if m := deniedAction.FindStringSubmatch(message(err)); m != nil {
		return m[1]
	}
	op, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return "an action that the service did not name"
	}
	service := map[string]string{
		"EventBridge": "events", "Lambda": "lambda", "Secrets Manager": "secretsmanager", "IAM": "iam",
	}[op.Service()]
	name := op.Operation()
	if name == "Invoke" {
		name = "InvokeFunction"
	}
	if service == "" {
		service = strings.ToLower(strings.ReplaceAll(op.Service(), " ", ""))
	}
	return service + ":" + name
}

var deniedAction = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)`)

func isAccessError(err error) bool {
	_, ok := errors.AsType[*AccessError](err)
	return ok
}
