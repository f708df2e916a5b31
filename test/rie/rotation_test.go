package rie

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

// native is the event that Secrets Manager itself sends when the label AWSCURRENT moved.
func native(arn, name, versionID string) string {
	return fmt.Sprintf(`{"version":"0","id":"5f2b6c1e-8c5c-4c5e-9d1f-2f3a4b5c6d7e","detail-type":"Secret Label Updated",`+
		`"source":"aws.secretsmanager","account":%q,"time":%q,"region":%q,"resources":[%q],`+
		`"detail":{"name":%q,"labelUpdated":"AWSCURRENT","versionId":%q}}`,
		awstest.Account, time.Now().UTC().Format(time.RFC3339), awstest.Region, arn, name, versionID)
}

// custom is the event that a rotation function sends.
func custom(id string) string {
	return fmt.Sprintf(`{"source":"secretsmanager","detail-type":"Secret Rotation","time":%q,"detail":{"secretId":%q}}`,
		time.Now().UTC().Format(time.RFC3339), id)
}

// rotation is the endpoint's answer to a rotation event, and with the shim the function's.
type rotation struct {
	Rotated, Changed    bool
	SecretID, VersionID string
}

func rotated(t *testing.T, status int, body []byte, versionID string) {
	t.Helper()
	var got rotation
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
		t.Fatalf("rotation event: %d %s", status, body)
	}
	if !got.Rotated || !got.Changed || got.VersionID != versionID {
		t.Errorf("rotation event: %s, want it rotated and changed to version %s", body, versionID)
	}
}

func TestRotationReachesAFunctionWithTheShim(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{function: "function", env: append(aws.Env(), secret)})
	expect := func(password string) {
		t.Helper()
		password = canary + password
		reply := s.invoke(probe.Request{Env: []string{"DB_password"}, Calls: []probe.Call{{Path: "/v1/prod/db?key=password"}}})
		if got := reply.Env["DB_password"]; got != password {
			t.Errorf("process has the password %q, want %q", got, password)
		}
		if got := reply.Answers[0].Body; got != password {
			t.Errorf("endpoint has the password %q, want %q", got, password)
		}
		if !strings.Contains(reply.File.Text, "DB_password="+password+"\n") {
			t.Errorf("file is %q, want the password %q", reply.File.Text, password)
		}
	}
	expect("-one")

	calls := aws.CallCount("")
	arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
	status, body := s.post(native(arn, "prod/db", version))
	rotated(t, status, body, version)
	expect("-two")
	if got := aws.CallCount("") - calls; got != 1 {
		t.Errorf("the rotation made %d calls, want 1", got)
	}

	_, version = aws.Put("prod/db", `{"user":"app","password":"`+canary+`-three"}`)
	status, body = s.post(custom("prod/db"))
	rotated(t, status, body, version)
	expect("-three")

	// A key that left the secret leaves the process, too.
	arn, version = aws.Put("prod/db", `{"password":"`+canary+`-four"}`)
	status, body = s.post(custom(arn))
	rotated(t, status, body, version)
	expect("-four")
	if reply := s.invoke(probe.Request{Env: []string{"DB_user"}}); len(reply.Env) != 0 || strings.Contains(reply.File.Text, "DB_user") {
		t.Errorf("DB_user left the secret, and is in the process (%v) or in the file (%q)", reply.Env, reply.File.Text)
	}
}

func TestOtherEventsReachTheHandler(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{function: "function", env: append(aws.Env(), secret)})
	arn, version := aws.Put("somebody/else", canary)
	for _, event := range []string{
		native(arn, "somebody/else", version), // not held here
		`{"source":"aws.s3","detail-type":"Secret Label Updated","detail":{}}`,
	} {
		status, body := s.post(event)
		var reply probe.Reply
		if err := json.Unmarshal(body, &reply); err != nil || reply.Event != "Secret Label Updated" {
			t.Errorf("event %s: the handler did not get it: %d %s", event, status, body)
		}
	}
}

func TestFailedRotationFailsTheInvocation(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{function: "function", env: append(aws.Env(), secret)})
	s.invoke(probe.Request{})
	arn, version := aws.Put("prod/db", `{"password":"`+canary+`-two"}`)
	aws.Fail(awstest.Fault{Kind: awstest.AccessDenied, SecretID: "prod/db"})
	// Lambda retries an asynchronous invocation only when it ends in an error.
	if _, body := s.post(native(arn, "prod/db", version)); !strings.Contains(string(body), "errorMessage") {
		t.Errorf("the invocation answered %s, want an error", body)
	}
	if got := s.get("/v1/prod/db?key=password"); got.Body != canary+"-one" {
		t.Errorf("after a failed rotation: %d %s, want the old value", got.Status, got.Body)
	}
}

func TestRotationByPlainPost(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), secret)})
	s.invoke(probe.Request{})
	arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
	reply := s.invoke(probe.Request{Calls: []probe.Call{
		{Method: "POST", Path: "/rotation", Body: native(arn, "prod/db", version)},
		{Path: "/v1/prod/db?key=password"},
	}})
	rotated(t, reply.Answers[0].Status, []byte(reply.Answers[0].Body), version)
	if got := reply.Answers[1].Body; got != canary+"-two" {
		t.Errorf("endpoint: %q", got)
	}
	if !strings.Contains(reply.File.Text, "DB_password="+canary+"-two\n") {
		t.Errorf("file: %q", reply.File.Text)
	}
	if text, _ := s.file(); text != reply.File.Text {
		t.Errorf("file as seen from outside: %q", text)
	}
}
