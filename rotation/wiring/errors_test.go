package wiring

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
)

func TestExplainNamesTheAction(t *testing.T) {
	call := func(service, operation, code, message string) error {
		return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: message}}
	}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{call("EventBridge", "PutRule", "AccessDeniedException", "User: me is not authorized to perform: events:TagResource on resource: it"), "events:TagResource"},
		{call("EventBridge", "PutRule", "AccessDeniedException", "no"), "events:PutRule"},
		{call("Lambda", "Invoke", "AccessDeniedException", "no"), "lambda:InvokeFunction"},
		{call("Secrets Manager", "DescribeSecret", "AccessDeniedException", "no"), "secretsmanager:DescribeSecret"},
		{call("IAM", "GetRole", "AccessDenied", "no"), "iam:GetRole"},
	} {
		for _, err := range []error{tc.err, Explain(tc.err), fmt.Errorf("read: %w", Explain(tc.err))} {
			access, ok := errors.AsType[*AccessError](Explain(err))
			if !ok || access.Action != tc.want {
				t.Errorf("%v: got %v, want access denied to %s", err, Explain(err), tc.want)
			}
		}
	}
	other := call("Lambda", "GetPolicy", "ServiceException", "try again")
	if got, want := Explain(other).Error(), "GetPolicy: ServiceException: try again"; got != want || !errors.Is(Explain(other), other) {
		t.Errorf("got %q, want %q", got, want)
	}
	plain := errors.New("connection refused")
	if got := Explain(plain); got != plain {
		t.Errorf("got %v, want %v as it is", got, plain)
	}
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
func TestLongestPattern(t *testing.T) {
	if maxPattern != 2048 {
		t.Errorf("got %d characters, want 2048", maxPattern)
	}
}
