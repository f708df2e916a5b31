package localhttp

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

const allParams = paramSecretID | secretParams | paramIfVersion | paramFormat

// FuzzQuery holds the parser to url.ParseQuery, but for the rules that are ours:
// the last of several counts, a semicolon separates nothing.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"", "secretId=a", "secretId=a&secretId=b", "&&secretId=a%2Fb+c&", "versionId=%", "key", "key=", "=x", "a=b=c",
		"%73ecretId=x", "refreshNow=TRUE", "refreshNow=2", "secretId=a;b", "format=json&ifVersion=%00", "versionStage=\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, problem := parseQuery(raw, allParams)
		values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
		if err != nil {
			if problem == "" {
				t.Fatalf("%q: no problem, want one: %v", raw, err)
			}
			return
		}
		fields := map[string]string{
			"secretId": q.secretID, "versionId": q.versionID, "versionStage": q.versionStage,
			"key": q.key, "ifVersion": q.ifVersion, "format": q.format,
		}
		unknown, badRefresh := false, false
		for name, list := range values {
			got, known := fields[name]
			switch {
			case name == "refreshNow":
				for _, v := range list {
					switch strings.ToLower(v) {
					case "true", "false", "1", "0":
					default:
						badRefresh = true
					}
				}
			case !known:
				unknown = true
			case problem == "" && got != list[len(list)-1]:
				t.Errorf("%q: %s = %q, want %q", raw, name, got, list[len(list)-1])
			}
		}
		if (problem != "") != (unknown || badRefresh) {
			t.Errorf("%q: problem %q, want one: %t", raw, problem, unknown || badRefresh)
		}
		if problem == "" && q.has&paramKey != 0 != values.Has("key") {
			t.Errorf("%q: has %b, want key: %t", raw, q.has, values.Has("key"))
		}
	})
}

// FuzzPath holds the id of a path to what unescaping the path gives.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a/b", "/a", "..", "%2e%2e%2Fx", "a+b", "%C3%A9", "%ff", "a%20b?key=x", "", "?", "a;b", "ü", strings.Repeat("a", 2049)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		target, err := url.ParseRequestURI("/v1/" + rest)
		if err != nil {
			t.Skip() // net/http answers 400 itself
		}
		path, _, _ := strings.Cut("/v1/"+rest, "?")
		id, err := url.PathUnescape(strings.TrimPrefix(path, "/v1/"))
		if err != nil {
			t.Fatal(err)
		}
		u := &upstream{}
		h := NewHandler(Options{Cache: cache.New(u.fetch, cache.Options{}), Token: token})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, &http.Request{
			Method: http.MethodGet, URL: target, Host: "localhost", Body: http.NoBody,
			Header: http.Header{"X-Vault-Token": {token}},
		})
		if w.Code != 400 {
			t.Fatalf("status = %d %s, want 400", w.Code, w.Body)
		}
		switch {
		case u.count() == 0:
			if !strings.Contains(w.Body.String(), "parameter") && !strings.Contains(w.Body.String(), "query") &&
				!strings.Contains(w.Body.String(), "secret ID") && !strings.Contains(w.Body.String(), "refreshNow") && !strings.Contains(w.Body.String(), "Parameter") {
				t.Errorf("%q: got %s", rest, w.Body)
			}
		case u.last().ID != id:
			t.Errorf("%q: asked for %q, want %q", rest, u.last().ID, id)
		}
	})
}
