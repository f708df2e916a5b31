package wiring

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Of what a handler says nothing is shown, but for the errors that clients of the
// extension fail with.
func TestAnswers(t *testing.T) {
	const canary = "c4n4ry"
	s := secretNamed("prod/db")
	rotated := func(id, version, more string) string {
		return `{"rotated":true,"secretId":"` + id + `","versionId":"` + version + `"` + more + `}`
	}
	for _, tc := range []struct {
		name, payload, failure string
		want                   string
		mended                 string // "" for an answer that is right
	}{
		{"held", rotated(s.Name, s.current, ""), "", "held that version already", ""},
		{"held, by ARN", rotated(s.ARN, s.current, `,"changed":false`), "", "held that version already", ""},
		{"held, by partial ARN", rotated(s.partialARN(), s.current, ""), "", "version " + s.current, ""},
		{"changed", rotated(s.Name, s.current, `,"changed":true`), "", "took the new value", ""},
		{"another secret", rotated("prod/other", s.current, ""), "", `it answers for "prod/other"`, "aws logs tail /aws/lambda/orders"},
		{"old version", rotated(s.Name, "old", ""), "", `it holds version "old"`, "aws logs tail"},
		{"no version", `{"rotated":true,"secretId":"prod/db"}`, "", `it holds version ""`, "aws logs tail"},
		{"not held", `{"rotated":false}`, "", "does not hold", "rotation verify --function orders --secret prod/db"},
		{"of a handler", `{"password":"` + canary + `"}`, "", "an ordinary one", "wrap the handler"},
		{"of a handler that says rotated", `{"rotated":"` + canary + `"}`, "", "an ordinary one", "wrap the handler"},
		{"half an answer", rotated(s.Name, s.current, "")[:40], "", "an ordinary one", "wrap the handler"},
		{"right, and then something else", `{"rotated":true,"secretId":"prod/db","versionId":"` + s.current + `","changed":"` + canary + `"}`, "", "an ordinary one", "wrap the handler"},
		{"an error's form without an error", `{"errorType":"RotationError","errorMessage":"` + canary + `"}`, "", "an ordinary one", "wrap the handler"},
		{"RotationError", `{"errorType":"RotationError","errorMessage":"no access"}`, "Unhandled", "the refresh failed: no access", "aws logs tail"},
		{"RotationError of a package", `{"errorType":"secrets.RotationError","errorMessage":"no access"}`, "Unhandled", "the refresh failed: no access", "aws logs tail"},
		{"another error", `{"errorType":"KeyError","errorMessage":"` + canary + `"}`, "Unhandled", "the invocation failed: KeyError", "aws logs tail"},
		{"an error that answers too", `{"rotated":true,"errorType":"KeyError","errorMessage":"` + canary + `"}`, "Unhandled", "the invocation failed: KeyError", "aws logs tail"},
		{"no reason", canary, "Unhandled", "did not say why (Unhandled)", "aws logs tail"},
	} {
		out := &lambda.InvokeOutput{Payload: []byte(tc.payload)}
		if tc.failure != "" {
			out.FunctionError = aws.String(tc.failure)
		}
		detail, mend := readAnswer(out).judge(orders, s)
		if !strings.Contains(detail, tc.want) || !strings.Contains(mend, tc.mended) || (mend == "") != (tc.mended == "") {
			t.Errorf("%s: got %q, mended by %q; want %q, %q", tc.name, detail, mend, tc.want, tc.mended)
		}
		if strings.Contains(detail+mend, canary) {
			t.Errorf("%s: shows what the handler said: %q, %q", tc.name, detail, mend)
		}
	}
}
