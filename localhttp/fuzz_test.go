package localhttp

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzTarget holds the answer to a request target to what net/url, encoding/json
// and the table of the endpoint make of it. Every secret there is has the same
// value, in the version v1.
func FuzzTarget(f *testing.F) {
	values := []string{`{"key":"x","n":1.50,"null":null,"o":{"a": [ 1 ]},"":"e"}`, `{"password":"<&> \u2028"}`, "text", "", "\xff", `[]`, "null"}
	for i, target := range []string{
		"/v1/a", "/v1/a/b", "/v1//a", "/v1/..", "/v1/%2e%2e%2Fx", "/v1/a+b", "/v1/%C3%A9", "/v1/%ff", "/v1/a%20b?key=key", "/v1/", "/v1/?", "/v1/a;b", "/v1/ü",
		"/v1/db?key=n&key=o", "/v1/db?key=", "/v1/db?key", "/v1/" + strings.Repeat("a", 2049), "/v1", "//v1/a", "/%761/a", "/V1/a", "/v1/a?secretId=b",
		"/secretsmanager/get?secretId=a&secretId=b", "/secretsmanager/get?&&secretId=a%2Fb+c&", "/secretsmanager/get?secretId=x&versionId=%", "/secretsmanager/get?=x",
		"/secretsmanager/get?%73ecretId=x&versionStage=AWSCURRENT", "/secretsmanager/get?secretId=x&refreshNow=TRUE", "/secretsmanager/get?secretId=x&refreshNow=2",
		"/secretsmanager/get?secretId=a;b&versionId=%00&versionStage=%ff", "/secretsmanager/get", "/secretsmanager/get?secretId=", "/secretsmanager/get/?secretId=a",
		"/env", "/env?format=json", "/env?format=dotenv", "/env?format=shell", "/env?format=", "/env?formaT=json", "/stats", "/stats?x", "/ping", "/ping?x=%", "/p%69ng",
		"/refresh?secretId=db", "/refresh?secretId=db&ifVersion=v1", "/refresh?ifVersion=%zz", "/rotation?versionId=x", "/rotation?secretId=a", "/", "*",
	} {
		f.Add(target, i%2 == 0, []string{"", `"v1"`, `W/"v1", "v2"`, "*", `"v2"`, `v1`, `"v1`}[i%7], values[i%len(values)])
		f.Add(target, i%2 == 1, "", values[0])
	}
	f.Fuzz(func(t *testing.T, target string, post bool, tag, value string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || target[0] != '/' || strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' }) {
			return // net/http answers 400 itself
		}
		p := newPlace(t, target, post, tag, value)
		r := &http.Request{Method: http.MethodGet, URL: u, Host: "localhost", Body: http.NoBody, Header: http.Header{"X-Vault-Token": {token}}}
		if post {
			r.Method = http.MethodPost
		}
		if tag != "" {
			r.Header["If-None-Match"] = []string{tag}
		}
		if post && p.path == "/rotation" && p.query.Has("secretId") {
			return // waits for a version, and has tests of its own
		}
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		p.check(w)
	})
}
