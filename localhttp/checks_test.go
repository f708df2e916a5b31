package localhttp

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func TestChecks(t *testing.T) {
	u := &upstream{}
	u.put("db", "v1", cache.Text("x"))
	h := newHarness(t, u, "")

	const ok = "/secretsmanager/get?secretId=db"
	for _, tt := range []struct {
		name, method, target string
		edit                 []func(*http.Request)
		status               int
		body, allow          string
	}{
		{name: "ping", target: "/ping", status: 200, body: "healthy"},
		{name: "ping needs nothing", target: "/ping?a=b", edit: []func(*http.Request){
			without("X-Aws-Parameters-Secrets-Token"), with("X-Forwarded-For", "1.2.3.4"), host("evil.example"),
		}, status: 200, body: "healthy"},
		{name: "ping by HEAD", method: "HEAD", target: "/ping", status: 405, body: "Not allowed", allow: "GET"},
		{name: "ping by POST", method: "POST", target: "/ping", status: 405, body: "Not allowed", allow: "GET"},
		{name: "ping with a slash more", target: "//ping", status: 404, body: "Not found"},
		{name: "ping with a slash after", target: "/ping/", status: 404, body: "Not found"},
		{name: "ping escaped", target: "/%70ing", status: 404, body: "Not found"},
		{name: "ping escaped, no token", target: "/%70ing", edit: []func(*http.Request){without("X-Aws-Parameters-Secrets-Token")}, status: 403, body: "Bad Token"},

		{name: "forwarded", target: ok, edit: []func(*http.Request){with("X-Forwarded-For", "1.2.3.4")}, status: 400, body: "Forwarded"},
		{name: "forwarded by nobody", target: ok, edit: []func(*http.Request){with("X-Forwarded-For", "")}, status: 400, body: "Forwarded"},
		{name: "forwarded comes before host", target: ok, edit: []func(*http.Request){with("X-Forwarded-For", "1.2.3.4"), host("evil.example")}, status: 400, body: "Forwarded"},
		{name: "host", target: ok, edit: []func(*http.Request){host("evil.example")}, status: 403, body: "Forbidden host"},
		{name: "host comes before token", target: ok, edit: []func(*http.Request){host("evil.example:2773"), without("X-Aws-Parameters-Secrets-Token")}, status: 403, body: "Forbidden host"},
		{name: "no token", target: ok, edit: []func(*http.Request){without("X-Aws-Parameters-Secrets-Token")}, status: 403, body: "Bad Token"},
		{name: "wrong token", target: ok, edit: []func(*http.Request){with("X-Aws-Parameters-Secrets-Token", token+"x")}, status: 403, body: "Bad Token"},
		{name: "another scheme of token", target: ok, edit: []func(*http.Request){without("X-Aws-Parameters-Secrets-Token"), with("Authorization", "Bearer "+token)}, status: 403, body: "Bad Token"},
		{name: "token in the query", target: ok + "&X-Aws-Parameters-Secrets-Token=" + token, edit: []func(*http.Request){without("X-Aws-Parameters-Secrets-Token")}, status: 403, body: "Bad Token"},
		{name: "a browser asks whether a page may send the token", method: "OPTIONS", target: ok, edit: []func(*http.Request){
			without("X-Aws-Parameters-Secrets-Token"), with("Origin", "http://localhost"), with("Access-Control-Request-Headers", "x-vault-token"),
		}, status: 403, body: "Bad Token"},
		{name: "token comes before method", method: "DELETE", target: ok, edit: []func(*http.Request){without("X-Aws-Parameters-Secrets-Token")}, status: 403, body: "Bad Token"},
		{name: "token comes before route", target: "/nothing", edit: []func(*http.Request){without("X-Aws-Parameters-Secrets-Token")}, status: 403, body: "Bad Token"},
		{name: "method", method: "POST", target: ok, status: 405, body: "Not allowed", allow: "GET"},
		{name: "method HEAD", method: "HEAD", target: "/v1/db", status: 405, body: "Not allowed", allow: "GET"},
		{name: "method of /rotation", target: "/rotation", status: 405, body: "Not allowed", allow: "POST"},
		{name: "method of /refresh", target: "/refresh?secretId=db", status: 405, body: "Not allowed", allow: "POST"},
		{name: "method of /env", method: "PUT", target: "/env", status: 405, body: "Not allowed", allow: "GET"},
		{name: "method of /stats", method: "OPTIONS", target: "/stats", status: 405, body: "Not allowed", allow: "GET"},
		{name: "method comes before route", method: "POST", target: "/nothing", status: 405, body: "Not allowed", allow: "GET"},
		{name: "method comes before query", method: "POST", target: "/secretsmanager/get?x=y", status: 405, body: "Not allowed", allow: "GET"},
		{name: "route", target: "/nothing", status: 404, body: "Not found"},
		{name: "route of parameters", target: "/systemsmanager/parameters/get?name=x", status: 404, body: "Not found"},
		{name: "route with a slash more", target: "//secretsmanager/get?secretId=db", status: 404, body: "Not found"},
		{name: "route with a slash after", target: "/env/", status: 404, body: "Not found"},
		{name: "route in capitals", target: "/ENV", status: 404, body: "Not found"},
		{name: "route comes before query", target: "/nothing?x=y", status: 404, body: "Not found"},
		{name: "v1 without a slash", target: "/v1", status: 404, body: "Not found"},
		{name: "v1 escaped", target: "/v1%2Fdb", status: 404, body: "Not found"},

		{name: "no id", target: "/secretsmanager/get", status: 400, body: "missing parameter secretId"},
		{name: "empty id", target: "/secretsmanager/get?secretId=&versionId=x", status: 400, body: "missing parameter secretId"},
		{name: "no id in the path", target: "/v1/", status: 400, body: "missing secret ID"},
		{name: "no id in the path comes first", target: "/v1/?abc=123", status: 400, body: "missing secret ID"},
		{name: "unknown", target: ok + "&abc=123", status: 400, body: "unknown parameter: abc"},
		{name: "unknown comes before the id", target: "/secretsmanager/get?abc=123", status: 400, body: "unknown parameter: abc"},
		{name: "unknown by its case", target: "/secretsmanager/get?secretid=db", status: 400, body: "unknown parameter: secretid"},
		{name: "id twice", target: "/v1/db?secretId=db", status: 400, body: "unknown parameter: secretId"},
		{name: "parameter of another route", target: ok + "&format=json", status: 400, body: "unknown parameter: format"},
		{name: "refreshNow", target: ok + "&refreshNow=123", status: 400, body: "invalid refreshNow value"},
		{name: "refreshNow empty", target: ok + "&refreshNow=", status: 400, body: "invalid refreshNow value"},
		{name: "the first problem counts", target: ok + "&refreshNow=yes&abc", status: 400, body: "invalid refreshNow value"},
		{name: "malformed", target: ok + "&versionId=%zz", status: 400, body: "malformed query"},
		{name: "format", target: "/env?format=yaml", status: 400, body: "invalid format value"},
		{name: "format empty", target: "/env?format=", status: 400, body: "invalid format value"},
		{name: "env knows no id", target: "/env?secretId=db", status: 400, body: "unknown parameter: secretId"},
		{name: "stats knows nothing", target: "/stats?a", status: 400, body: "unknown parameter: a"},
		{name: "refresh without an id", method: "POST", target: "/refresh?ifVersion=1", status: 400, body: "missing parameter secretId"},
		{name: "rotation without an id", method: "POST", target: "/rotation?versionId=1", status: 400, body: "missing parameter secretId"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			w := h.do(method, tt.target, "", tt.edit...)
			want(t, w, tt.status, tt.body)
			wantHeader(t, w, "Allow", tt.allow)
			wantHeader(t, w, "Content-Type", "text/plain; charset=utf-8")
			wantHeader(t, w, "Location", "")
			wantHeader(t, w, "Access-Control-Allow-Origin", "")
			wantHeader(t, w, "Access-Control-Allow-Headers", "")
		})
	}
	if got := u.count(); got != 0 {
		t.Errorf("upstream calls = %d, want 0", got)
	}
}

func TestToken(t *testing.T) {
	u := &upstream{}
	u.put("db", "v1", cache.Text("x"))
	h := newHarness(t, u, "")
	for _, tt := range []struct {
		name   string
		header http.Header
		status int
	}{
		{"AWS's header", http.Header{"X-Aws-Parameters-Secrets-Token": {token}}, 200},
		{"Vault's header", http.Header{"X-Vault-Token": {token}}, 200},
		{"either", http.Header{"X-Aws-Parameters-Secrets-Token": {"wrong"}, "X-Vault-Token": {token}}, 200},
		{"the other", http.Header{"X-Aws-Parameters-Secrets-Token": {token}, "X-Vault-Token": {"wrong"}}, 200},
		{"neither", http.Header{"X-Aws-Parameters-Secrets-Token": {"wrong"}, "X-Vault-Token": {"wrong"}}, 403},
		{"a part", http.Header{"X-Vault-Token": {token[:4]}}, 403},
		{"empty", http.Header{"X-Vault-Token": {""}}, 403},
		{"another header", http.Header{"Authorization": {token}}, 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := h.get("/v1/db", func(r *http.Request) { r.Header = tt.header })
			if w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
		})
	}

	h.o.Token = ""
	h.handler = NewHandler(h.o)
	want(t, h.get("/v1/db", with("X-Aws-Parameters-Secrets-Token", "")), 403, "Bad Token")
	want(t, h.get("/v1/db", with("X-Aws-Parameters-Secrets-Token", token)), 403, "Bad Token")
}

func TestSame(t *testing.T) {
	long := strings.Repeat("t0k3n/+=", 20) + "end"
	for i := range len(long) {
		if !same([]byte(long[:i]), []byte(long[:i])) {
			t.Errorf("%d bytes are not the same as themselves", i)
		}
		other := []byte(long)
		other[i] ^= 0x80
		if same(other, []byte(long)) {
			t.Errorf("a difference at %d is not seen", i)
		}
		if same([]byte(long[:i]), []byte(long)) || same([]byte(long), []byte(long[:i])) {
			t.Errorf("the first %d bytes count as all", i)
		}
	}
}

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost:2773": true, "LocalHost:1": true, "localhost:": true,
		"127.0.0.1": true, "127.0.0.1:80": true, "[::1]": true, "[::1]:2773": true,
		"": false, ":2773": false, "::1": false, "127.0.0.2": false, "localhost.": false, "localhost.evil.example": false,
		"evil.example": false, "localhost@evil.example": false, "localhost:80@evil.example": false, "localhost:evil": false,
		"[::1]evil": false, "[::1]:80:80": false, "0x7f.1": false, "2130706433": false, "[::ffff:127.0.0.1]": false,
		"localho\u017ft": false, "127.1": false, "127.0.0.1.": false, "127.0.0.01": false, "0177.0.0.1": false, "0.0.0.0": false, "0": false, "[::]": false,
		"[0:0:0:0:0:0:0:1]": false, "[::1%25lo]": false, "[127.0.0.1]": false, "[localhost]": false, "ip6-localhost": false,
		"localhost.:2773": false, "localhost,evil.example": false, " localhost": false, "http://localhost": false, "localhost/": false,
		"127.0.0.1.evil.example": false, "sub.localhost": false, "localhost:2773:80": false, "localhost:-1": false,
	} {
		if got := isLocal(host); got != want {
			t.Errorf("isLocal(%q) = %t, want %t", host, got, want)
		}
	}
}

func TestRefusedRequestsAreLogged(t *testing.T) {
	h := newHarness(t, &upstream{}, "")
	h.get("/v1/db", with("X-Aws-Parameters-Secrets-Token", "not-"+token))
	if got := h.log.String(); !strings.Contains(got, "Bad Token") || strings.Contains(got, token) {
		t.Errorf("log = %q, want the reason and no token", got)
	}
}
