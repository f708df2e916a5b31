package localhttp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func TestSecretAsAWSAnswersIt(t *testing.T) {
	u := &upstream{}
	u.put("prod/db", "v1", cache.Text(`{"a":"<&>"}`))
	u.put("bin", "v2", cache.Binary([]byte{0, 0xff}))
	h := newHarness(t, u, "")

	text := `{"ARN":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf","CreatedDate":"2023-12-28T14:57:31.359Z",` +
		`"Name":"prod/db","SecretBinary":null,"SecretString":"{\"a\":\"<&>\"}","VersionId":"v1","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`
	for _, target := range []string{
		"/secretsmanager/get?secretId=prod/db",
		"/secretsmanager/get?secretId=prod%2Fdb",
		"/secretsmanager/get?&secretId=other&&secretId=prod/db&versionStage=&versionId=&refreshNow=FALSE",
		"/v1/prod/db",
		"/v1/prod%2fdb",
		"/v1/prod/d%62?versionStage=AWSCURRENT&refreshNow=0",
	} {
		w := h.get(target)
		want(t, w, 200, text)
		wantHeader(t, w, "Content-Type", "application/json")
		wantHeader(t, w, "ETag", `"v1"`)
		wantHeader(t, w, "Age", "0")
	}
	if got := u.count(); got != 1 {
		t.Errorf("upstream calls = %d, want 1", got)
	}

	want(t, h.get("/v1/bin"), 200, `{"ARN":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:bin-AbCdEf","CreatedDate":"2023-12-28T14:57:31.359Z",`+
		`"Name":"bin","SecretBinary":"AP8=","SecretString":null,"VersionId":"v2","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`)
}

func TestSecretWithoutMuch(t *testing.T) {
	u := &upstream{secrets: map[string]*cache.Secret{"x": {ARN: "arn:x", Name: "x", Value: cache.Binary(nil)}}}
	h := newHarness(t, u, "")
	w := h.get("/v1/x", with("If-None-Match", `"", *`))
	want(t, w, 200, `{"ARN":"arn:x","CreatedDate":null,"Name":"x","SecretBinary":"","SecretString":null,"VersionId":null,"VersionStages":null,"ResultMetadata":{}}`)
	if got, ok := w.Header()["Etag"]; ok {
		t.Errorf("ETag = %q, want none without a version", got)
	}
}

func TestIDs(t *testing.T) {
	for target, id := range map[string]string{
		"/v1/a//b":                              "a//b",
		"/v1//a":                                "/a",
		"/v1/a/":                                "a/",
		"/v1/../x":                              "../x",
		"/v1/%2e%2e/x":                          "../x",
		"/v1/a+b":                               "a+b",
		"/v1/a%2Bb%20c":                         "a+b c",
		"/v1/%C3%A9":                            "é",
		"/secretsmanager/get?secretId=a+b":      "a b",
		"/secretsmanager/get?secretId=a%2Bb=c":  "a+b=c",
		"/secretsmanager/get?secretId=a;b":      "a;b",
		"/v1/" + strings.Repeat("a", 2048):      strings.Repeat("a", 2048),
		"/v1/" + strings.Repeat("%C3%A9", 2048): strings.Repeat("é", 2048),
	} {
		u := &upstream{}
		h := newHarness(t, u, "")
		if w := h.get(target); w.Code != 400 || !strings.Contains(w.Body.String(), "ResourceNotFoundException") {
			t.Errorf("%.40s: got %d %s", target, w.Code, w.Body)
		}
		if u.count() != 1 || u.last().ID != id {
			t.Errorf("%.40s: asked for %.40q, want %.40q", target, u.calls, id)
		}
	}
}

func TestImpossibleIDs(t *testing.T) {
	u := &upstream{}
	h := newHarness(t, u, "")
	for target, message := range map[string]string{
		strings.Repeat("a", 2049):   "secretId: got 2049 characters, want at most 2048",
		strings.Repeat("a", 10_000): "secretId: got 10000 characters, want at most 2048",
		"%ff":                       "secretId: got bytes that are not UTF-8",
	} {
		body := `{"__type":"InvalidParameterException","message":"` + message + `"}`
		want(t, h.get("/v1/"+target), 400, body)
		want(t, h.get("/secretsmanager/get?secretId="+target), 400, body)
		want(t, h.do("POST", "/refresh?secretId="+target, ""), 400, body)
		want(t, h.do("POST", "/rotation?secretId="+target, ""), 400, body)
	}
	if got := u.count(); got != 0 {
		t.Errorf("upstream calls = %d, want 0", got)
	}
}

func TestVersionsAndStages(t *testing.T) {
	u := &upstream{}
	u.put("db", "v2", cache.Text("x"))
	h := newHarness(t, u, "")
	h.get("/v1/db?versionId=v1&versionStage=AWSPREVIOUS")
	if diff := cmp.Diff(cache.Query{ID: "db", VersionID: "v1", Stage: "AWSPREVIOUS"}, u.last()); diff != "" {
		t.Error(diff)
	}
}

func TestFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text("x"))
		h := newHarness(t, u, "")
		get := func(query, mark, age string) {
			t.Helper()
			w := h.get("/v1/db" + query)
			if w.Code != 200 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			wantHeader(t, w, "X-Secrets-Cache", mark)
			wantHeader(t, w, "Age", age)
		}
		get("", "miss", "0")
		time.Sleep(1999 * time.Millisecond)
		get("", "hit", "1")
		get("?refreshNow=True", "refresh", "0")
		time.Sleep(301 * time.Second)
		get("", "miss", "0")
		u.fail("db", &cache.Error{ID: "db", Status: 400, Type: "ThrottlingException", Message: "Rate exceeded"})
		time.Sleep(301 * time.Second)
		get("", "stale", "301")

		w := h.get("/v1/db?refreshNow=1")
		want(t, w, 400, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)
		wantHeader(t, w, "Content-Type", "application/json")
		wantHeader(t, w, "X-Secrets-Cache", "")
	})
}

func TestConditionalGet(t *testing.T) {
	u := &upstream{}
	u.put("db", "v1", cache.Text(`{"a":"1"}`))
	h := newHarness(t, u, "")
	for _, target := range []string{"/v1/db", "/secretsmanager/get?secretId=db", "/v1/db?key=a"} {
		w := h.get(target, with("If-None-Match", `W/"v1"`))
		want(t, w, 304, "")
		wantHeader(t, w, "ETag", `"v1"`)
		if w.Header().Get("Age") == "" || w.Header().Get("X-Secrets-Cache") == "" {
			t.Errorf("%s: headers %v", target, w.Header())
		}
		wantHeader(t, w, "Content-Type", "")
	}
	if w := h.get("/v1/db", with("If-None-Match", `"v2"`)); w.Code != 200 {
		t.Errorf("another version: got %d, want 200", w.Code)
	}
	if w := h.get("/v1/db?key=b", with("If-None-Match", `"v1"`)); w.Code != 404 {
		t.Errorf("missing key: got %d, want 404", w.Code)
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		header []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{`"a"`}, true},
		{[]string{`W/"a"`}, true},
		{[]string{` * `}, true},
		{[]string{`"b"`}, false},
		{[]string{`"b", "a"`}, true},
		{[]string{`"b,", W/"c","a"`}, true},
		{[]string{`"b"`, `"a"`}, true},
		{[]string{`a`}, false},
		{[]string{`"a`}, false},
		{[]string{`"b" "a`}, false},
		{[]string{`,,`}, false},
		{[]string{`w/"a"`}, false},
		{[]string{`"\"a"`}, false},
	} {
		if got := matches(tt.header, `"a"`); got != tt.want {
			t.Errorf("matches(%q) = %t, want %t", tt.header, got, tt.want)
		}
	}
}

func TestKey(t *testing.T) {
	u := &upstream{}
	u.put("db", "v1", cache.Text(`{"password":"p<&>é\n","port":5432,"no":null,"":"empty","n":{"a": [1, 2]},"a.b":"dot","big":12345678901234567890,"yes":true}`))
	u.put("text", "v1", cache.Text("x"))
	u.put("list", "v1", cache.Text("[1]"))
	u.put("bin", "v1", cache.Binary([]byte(`{"a":"b"}`)))
	h := newHarness(t, u, "")
	for _, tt := range []struct {
		target string
		status int
		body   string
	}{
		{"db?key=password", 200, "p<&>é\n"},
		{"db?key=port", 200, "5432"},
		{"db?key=big", 200, "12345678901234567890"},
		{"db?key=yes", 200, "true"},
		{"db?key=no", 200, ""},
		{"db?key=", 200, "empty"},
		{"db?key", 200, "empty"},
		{"db?key=n", 200, `{"a":[1,2]}`},
		{"db?key=a.b", 200, "dot"},
		{"db?key=Password", 404, `{"__type":"KeyNotFound","message":"the secret has no key \"Password\""}`},
		{"text?key=a", 400, `{"__type":"NoJSONObject","message":"key: the value is not a JSON object"}`},
		{"list?key=0", 400, `{"__type":"NoJSONObject","message":"key: the value is not a JSON object"}`},
		{"bin?key=a", 400, `{"__type":"NoJSONObject","message":"key: the value is binary"}`},
	} {
		w := h.get("/v1/" + tt.target)
		want(t, w, tt.status, tt.body)
		contentType := "text/plain; charset=utf-8"
		if tt.status != 200 {
			contentType = "application/json"
		}
		wantHeader(t, w, "Content-Type", contentType)
		id, query, _ := strings.Cut(tt.target, "?")
		want(t, h.get("/secretsmanager/get?secretId="+id+"&"+query), tt.status, tt.body)
	}
}

func TestErrors(t *testing.T) {
	denied := "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: secretsmanager:GetSecretValue on resource: db"
	for _, tt := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{
			"denied", &cache.Error{Status: 400, Type: "AccessDeniedException", Message: denied},
			400, `{"__type":"AccessDeniedException","message":"` + denied + `"}`,
		},
		{
			"denied by the key", &cache.Error{ID: "db", Status: 400, Type: "AccessDeniedException", Message: "Access to KMS is not allowed"},
			400, `{"__type":"AccessDeniedException","message":"Access to KMS is not allowed (the function's role needs kms:Decrypt on the key of \"db\", and the key must be enabled)"}`,
		},
		{
			"time-out", &cache.Error{Status: 504, Type: cache.TypeTimeout, Message: "no answer in time"},
			504, `{"__type":"TimeoutError","message":"no answer in time"}`,
		},
		{
			"a status that is none", &cache.Error{Status: 0, Type: "Odd", Message: "x"},
			500, `{"__type":"Odd","message":"x"}`,
		},
		{
			"not ours", errors.New("boom"),
			500, `{"__type":"InternalFailure","message":"boom"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &upstream{}
			u.fail("db", tt.err)
			h := newHarness(t, u, "")
			w := h.get("/v1/db")
			want(t, w, tt.status, tt.body)
			wantHeader(t, w, "Content-Type", "application/json")
			want(t, h.do("POST", "/refresh?secretId=db", ""), tt.status, tt.body)
		})
	}
}

func TestNotLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{block: make(chan struct{})}
		u.put("db", "v1", cache.Text("x"))
		c := cache.New(u.fetch, cache.Options{TTL: time.Minute, Size: 10, Named: []string{"db"}})
		h := &harness{upstream: u, t: t, handler: NewHandler(Options{Cache: c, Token: token})}

		box, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		go c.Load(box, []string{"db"})
		synctest.Wait()
		w := h.get("/v1/db")
		if w.Code != 503 || !strings.HasPrefix(w.Body.String(), `{"__type":"`) {
			t.Errorf("got %d %s, want 503 and JSON", w.Code, w.Body)
		}
		wantHeader(t, w, "Retry-After", "1")
		wantHeader(t, w, "Content-Type", "application/json")
		close(u.block)
		synctest.Wait()
		if w := h.get("/v1/db"); w.Code != 200 {
			t.Errorf("after the load: got %d %s, want 200", w.Code, w.Body)
		}
	})
}

func TestCallerGone(t *testing.T) {
	u := &upstream{block: make(chan struct{})}
	defer close(u.block)
	h := newHarness(t, u, "")
	for _, target := range []string{"GET /v1/db", "POST /refresh?secretId=db", "POST /rotation?secretId=db"} {
		method, target, _ := strings.Cut(target, " ")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("%s: got panic %v, want an aborted answer", target, v)
				}
			}()
			w := h.do(method, target, "", func(r *http.Request) { *r = *r.WithContext(ctx) })
			t.Errorf("%s: got %d %s, want no answer", target, w.Code, w.Body)
		}()
	}
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text("x"))
		h := newHarness(t, u, "")
		h.get("/v1/db")
		time.Sleep(2 * time.Second)
		w := h.do("POST", "/refresh?secretId=db", "")
		want(t, w, 200, `{"versionId":"v1","changed":false}`)
		wantHeader(t, w, "Content-Type", "application/json")
		u.put("db", "v2", cache.Text("y"))
		time.Sleep(2 * time.Second)
		want(t, h.do("POST", "/refresh?secretId=db&ifVersion=v1", "ignored"), 200, `{"versionId":"v2","changed":true}`)
		want(t, h.do("POST", "/refresh?secretId=none", ""), 400, `{"__type":"ResourceNotFoundException","message":"Secrets Manager can't find the specified secret."}`)
	})
}

func TestStats(t *testing.T) {
	u := &upstream{}
	h := newHarness(t, u, "")
	if got := h.get("/stats").Body.String(); !strings.HasPrefix(got, `{"secrets":[],"totals":{`) {
		t.Errorf("empty stats = %s", got)
	}
	u.put("db", "v1", cache.Text(canary))
	h.get("/v1/db")
	h.get("/v1/db")
	w := h.get("/stats")
	wantHeader(t, w, "Content-Type", "application/json")
	var s struct {
		cache.Stats
		Goroutines int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Goroutines < 1 || len(s.Secrets) != 1 || s.Secrets[0].VersionID != "v1" || s.Totals.Hits != 1 || s.Totals.Misses != 1 {
		t.Errorf("stats = %s", w.Body)
	}
}

func TestMethodsKnowTheirParameters(t *testing.T) {
	// A typo in a route's set would refuse what is promised.
	u := &upstream{}
	u.put("db", "v1", cache.Text(`{"a":"1"}`))
	h := newHarness(t, u, "")
	q := url.Values{"secretId": {"db"}, "versionId": {"v1"}, "versionStage": {"S"}, "refreshNow": {"1"}, "key": {"a"}}
	if w := h.get("/secretsmanager/get?" + q.Encode()); strings.Contains(w.Body.String(), "unknown parameter") {
		t.Error(w.Body)
	}
	q.Del("secretId")
	if w := h.get("/v1/db?" + q.Encode()); strings.Contains(w.Body.String(), "unknown parameter") {
		t.Error(w.Body)
	}
}
