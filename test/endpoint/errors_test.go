package endpoint

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// failures are what Secrets Manager or the way to it may do, and what a caller is
// told who has no value. All but the first are transient or lie with permissions:
// whoever has a value keeps it.
var failures = []struct {
	name   string
	fault  fault
	status int
	typ    string
	part   string // of the message
}{
	{"throttle", refusal(400, "ThrottlingException", "Rate exceeded"), 400, "ThrottlingException", "Rate exceeded"},
	{"throttle with a status of its own", refusal(429, "TooManyRequestsException", "slower"), 429, "TooManyRequestsException", "slower"},
	{"access denied", refusal(400, "AccessDeniedException", "User: x is not authorized"), 400, "AccessDeniedException", "the function's role needs secretsmanager:GetSecretValue on"},
	{"access denied, as Secrets Manager words it", refusal(400, "AccessDeniedException", "x is not authorized to perform: secretsmanager:GetSecretValue on y"), 400, "AccessDeniedException", "on y"},
	{"access denied by KMS", refusal(400, "AccessDeniedException", "Access to KMS is not allowed"), 400, "AccessDeniedException", "the function's role needs kms:Decrypt on the key of"},
	{"decryption", refusal(400, "DecryptionFailure", "can't decrypt"), 400, "DecryptionFailure", "kms:Decrypt"},
	{"signature", refusal(400, "InvalidSignatureException", "does not match"), 400, "InvalidSignatureException", "does not match"},
	{"expired keys", refusal(400, "ExpiredTokenException", "The security token included in the request is expired"), 400, "ExpiredTokenException", "expired"},
	{"parameter", refusal(400, "InvalidParameterException", "bad"), 400, "InvalidParameterException", "bad"},
	{"a type with a namespace", refusal(400, "com.amazonaws.secretsmanager#DecryptionFailure", "no"), 400, "DecryptionFailure", "no"},
	{"500", refusal(500, "InternalServiceError", "An error occurred on the server side."), 500, "InternalServiceError", "server side"},
	{"503 with a page", answer(503, "text/html", "<html>503 "+canary+"</html>"), 503, "ServiceUnavailable", "not from Secrets Manager itself"},
	{"403 with a page", answer(403, "text/html", "<html>"+canary+"</html>"), 403, "Forbidden", "not from Secrets Manager itself"},
	{"redirect", answer(302, "text/html", canary), 502, "ConnectionError", "redirect"},
	{"hang", hang, 504, "TimeoutError", "no answer in time"},
	{"reset", reset, 502, "ConnectionError", ""},
	{"half an answer", truncate, 502, "ConnectionError", "closed before the whole answer"},
	{"garbage", answer(200, "application/x-amz-json-1.1", "<<<"+canary), 502, "ConnectionError", "not what Secrets Manager answers"},
	{"half JSON", alter(func(b []byte) []byte { return b[:len(b)-2] }), 502, "ConnectionError", ""},
	{"no members", answer(200, "application/x-amz-json-1.1", "{}"), 502, "ConnectionError", "no value"},
	{"nothing", answer(200, "application/x-amz-json-1.1", ""), 502, "ConnectionError", ""},
	{"another secret", alter(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("/db"), []byte("/ab")) }), 502, "ConnectionError", "another secret"},
}

func TestFailuresWithoutAValue(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRETS_MANAGER_TIMEOUT_MILLIS=2000")
		for _, f := range failures {
			u.gate.fail(f.fault)
			for _, path := range []string{"/v1/" + v.name + "?refreshNow=true", "/secretsmanager/get?secretId=" + v.name, "/v1/" + v.arn + "?key=x&refreshNow=1"} {
				r := a.get(path)
				if strings.Contains(r.body, canary) {
					t.Errorf("%s: the error holds a value: %s", f.name, short(r.body))
				}
				if path[1] == 's' {
					continue // the error that is remembered of another request, or this one
				}
				wantError(t, f.name, r, f.status, f.typ, f.part)
			}
		}
		u.gate.heal()
		wantMark(t, "healed", a.get("/v1/"+v.name+"?refreshNow=true"), "refresh", v)
	})
}

func TestFailuresWithAValue(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRETS_MANAGER_TTL=0", "SECRETS_MANAGER_TIMEOUT_MILLIS=2000")
		path := "/v1/" + v.name
		for _, f := range failures {
			u.gate.heal()
			wantMark(t, f.name+": before", a.get(path+"?refreshNow=true"), "refresh", v)
			u.gate.fail(f.fault)
			wantMark(t, f.name, a.get(path), "stale", v)
			u.gate.take()
			wantMark(t, f.name+": in the back-off", a.get(path), "stale", v)
			wantError(t, f.name+": asked for", a.get(path+"?refreshNow=true"), f.status, f.typ, f.part)
		}
	})
}

func TestNothingStale(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRETS_MANAGER_TTL=1", "SECRETS_MAX_STALE=0")
		wantMark(t, "first", a.get("/v1/"+v.name), "miss", v)
		time.Sleep(time.Second)
		u.gate.fail(refusal(400, "ThrottlingException", "Rate exceeded"))
		wantError(t, "past its TTL", a.get("/v1/"+v.name), 400, "ThrottlingException", "Rate exceeded")
	})
}

// A transient error is tried again within the same read.
func TestRetry(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start()
		for _, f := range []fault{refusal(400, "ThrottlingException", "Rate exceeded"), answer(503, "text/html", "busy"), reset, truncate} {
			u.gate.failTimes(2, f)
			wantMark(t, "the third attempt", a.get("/v1/"+v.name+"?refreshNow=true"), "refresh", v)
			wantCalls(t, "three attempts", u, 3)
		}
		u.gate.fail(refusal(400, "AccessDeniedException", "no"))
		wantError(t, "no use", a.get("/v1/"+v.name+"?refreshNow=true"), 400, "AccessDeniedException", "no")
		wantCalls(t, "no use", u, 1)
	})
}

func TestUnreachable(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start("AWS_ENDPOINT_URL_SECRETS_MANAGER=http://127.0.0.1:1")
		wantError(t, "nobody listens", a.get("/v1/db"), 502, "ConnectionError", "connection refused")
		wantError(t, "the file is there, and empty", a.get("/v1/db?key=a"), 502, "ConnectionError", "")
	})
}

// A named secret whose first load has not ended is 503, for which clients try again.
func TestFirstLoadHasNotEnded(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		u.gate.fail(hang)
		a := u.start("SECRET="+v.name, "SECRETS_INIT_TIMEOUT_MILLIS=300", "SECRETS_MANAGER_TIMEOUT_MILLIS=1500")
		for _, path := range []string{"/v1/" + v.name, "/env", "/v1/" + v.name + "?key=a"} {
			r := a.get(path)
			if r.status != 503 || !strings.Contains(r.body, `"message":`) {
				t.Errorf("%s: got %d %s, want 503", path, r.status, r.body)
			}
			wantHeader(t, path, r, "Retry-After", "1")
			wantHeader(t, path, r, "Content-Type", "application/json")
		}
		u.gate.heal()
		wantMark(t, "healed", a.get("/v1/"+v.name+"?refreshNow=1"), "refresh", v)
		if got := a.env()["a"]; got != canary {
			t.Errorf("a late load does not write the file: got %q", got)
		}
	})
}
