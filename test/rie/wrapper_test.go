package rie

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

// wrapped starts a function that knows nothing of the extension, as the bootstrap of a managed runtime does with
// AWS_LAMBDA_EXEC_WRAPPER: the emulator does not look at that variable.
func wrapped(t *testing.T, aws *awstest.SecretsManager, vars ...string) *sandbox {
	t.Helper()
	return start(t, options{
		env: append(append(aws.Env(), secret, "SECRETS_DOTENV_PATH=off", "AWS_LAMBDA_EXEC_WRAPPER=/opt/secrets-wrapper",
			"SECRETS_RUNTIME_PROXY_PORT="+process.Port(t)), vars...),
		args: []string{"/opt/secrets-wrapper", "/var/task/bootstrap"},
	})
}

func TestWrapperSetsVariables(t *testing.T) {
	aws := upstream(t)
	s := wrapped(t, aws)
	reply := s.invoke(probe.Request{Env: []string{"DB_password", "API_KEY"}})
	if reply.Env["DB_password"] != canary+"-one" || reply.Env["API_KEY"] != apiKey {
		t.Errorf("variables %v", reply.Env)
	}
	if got := aws.CallCount(""); got != 2 {
		t.Errorf("%d calls, want one for each secret", got)
	}
	s.shutdown()
}

func TestWrapperWithoutTheExtensionFailsTheInit(t *testing.T) {
	s := start(t, options{
		env:  []string{secret, "AWS_SESSION_TOKEN=t", "SECRETS_RUNTIME_PROXY=on", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=1"},
		args: []string{"/opt/secrets-wrapper", "/var/task/bootstrap"},
	})
	if status, body := s.post(probe.Request{}); status == http.StatusOK && !strings.Contains(string(body), "error") {
		t.Errorf("the function ran without its secrets: %d %s", status, body)
	}
}

func TestProxyAnswersRotationsOfAnyRuntime(t *testing.T) {
	aws := upstream(t)
	s := wrapped(t, aws, "SECRETS_RUNTIME_PROXY=on")
	s.invoke(probe.Request{})
	arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
	status, body := s.post(native(arn, "prod/db", version))
	rotated(t, status, body, version)
	if got := s.get("/v1/prod/db?key=password").Body; got != canary+"-two" {
		t.Errorf("endpoint: %q", got)
	}

	aws.Fail(awstest.Fault{Kind: awstest.AccessDenied, SecretID: "prod/db"})
	arn, version = aws.Put("prod/db", `{"user":"app","password":"`+canary+`-three"}`)
	if _, body := s.post(native(arn, "prod/db", version)); !strings.Contains(string(body), `"errorType":"RotationError"`) || !strings.Contains(string(body), "AccessDenied") {
		t.Errorf("a rotation whose refresh failed: %s", body)
	}

	arn, version = aws.Put("somebody/else", canary)
	for _, event := range []string{native(arn, "somebody/else", version), large(native(arn, "somebody/else", version))} {
		status, body := s.post(event)
		var reply probe.Reply
		if err := json.Unmarshal(body, &reply); err != nil || reply.Event != "Secret Label Updated" {
			t.Errorf("%d bytes: the handler did not get the event: %d %.200s", len(event), status, body)
		}
	}
	s.shutdown()
}

// large is an event that has every word of a rotation, and almost 6 MB of others.
func large(event string) string {
	return fmt.Sprintf(`{"noise":[%s1],%s`, strings.Repeat(`"Secret Rotation","detail-type","secretsmanager",`, 110_000), event[1:])
}

func TestRestartGivesEveryRuntimeTheNewVariables(t *testing.T) {
	aws := upstream(t)
	s := wrapped(t, aws, "SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart")
	for i, number := range []string{"one", "two", "three"} {
		if i > 0 {
			arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-`+number+`"}`)
			status, body := s.post(native(arn, "prod/db", version))
			rotated(t, status, body, version)
		}
		if got := s.invoke(probe.Request{Env: []string{"DB_password"}}).Env["DB_password"]; got != canary+"-"+number {
			t.Errorf("the process has %q, want %q", got, number)
		}
	}
	if got := len(s.children()); got != 2 {
		t.Errorf("the emulator has %d children, want the extension and the wrapper", got)
	}
	s.shutdown()
}
