package localhttp

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

func TestEnv(t *testing.T) {
	u := &upstream{}
	u.put("db", "v1", cache.Text(`{"B":"<&>'","A":"1"}`))
	h := newHarness(t, u, "db")
	vars := map[string]string{"A": "1", "B": "<&>'"}

	w := h.get("/env")
	want(t, w, 200, `{"A":"1","B":"<&>'"}`)
	wantHeader(t, w, "Content-Type", "application/json")
	etag := w.Header().Get("ETag")
	want(t, h.get("/env?format=json"), 200, `{"A":"1","B":"<&>'"}`)

	file, _ := dotenv.Encode(vars)
	w = h.get("/env?format=dotenv")
	want(t, w, 200, string(file))
	wantHeader(t, w, "Content-Type", "text/plain; charset=utf-8")
	wantHeader(t, w, "ETag", etag)

	shell, _ := dotenv.Shell(vars)
	w = h.get("/env?format=shell")
	want(t, w, 200, string(shell))
	wantHeader(t, w, "Content-Type", "text/plain; charset=utf-8")

	w = h.get("/env", with("If-None-Match", etag))
	want(t, w, 304, "")
	wantHeader(t, w, "ETag", etag)

	u.put("db", "v2", cache.Text(`{"A":"2"}`))
	want(t, h.do(http.MethodPost, "/rotation?secretId=db&versionId=v2", ""), 200,
		`{"rotated":true,"secretId":"db","versionId":"v2","changed":true}`)
	w = h.get("/env", with("If-None-Match", etag))
	want(t, w, 200, `{"A":"2"}`)
	if w.Header().Get("ETag") == etag {
		t.Error("the ETag did not move with the variables")
	}
}

func TestEnvOfNoSecrets(t *testing.T) {
	h := newHarness(t, &upstream{}, "")
	want(t, h.get("/env"), 200, `{}`)

	h.o.Variables = nil
	h.handler = NewHandler(h.o)
	w := h.get("/env")
	want(t, w, 200, `{}`)
	want(t, h.get("/env", with("If-None-Match", w.Header().Get("ETag"))), 304, "")
}

func TestEnvOfASecretThatCannotBeHad(t *testing.T) {
	u := &upstream{}
	u.fail("db", &cache.Error{ID: "db", Status: 500, Type: "InternalServiceError", Message: "try again"})
	h := newHarness(t, u, "db") // a transient error does not fail the start
	w := h.get("/env")
	var got failure
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if diff := cmp.Diff(failure{"InternalServiceError", "try again"}, got); diff != "" || w.Code < 500 {
		t.Errorf("status %d: %s", w.Code, diff)
	}
}
