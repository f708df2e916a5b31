package endpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

const (
	host     = "Host: localhost"
	letIn    = "X-Aws-Parameters-Secrets-Token: " + process.Token
	vault    = "X-Vault-Token: " + process.Token
	wrong    = "X-Aws-Parameters-Secrets-Token: click-slippers"
	wrongToo = "X-Vault-Token: click-slippers"
)

func TestToken(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start("SECRET=" + v.name)
		for _, tt := range []struct {
			what    string
			headers []string
			status  int
		}{
			{"AWS's header", []string{letIn}, 200},
			{"in small letters", []string{strings.ToLower("X-Aws-Parameters-Secrets-Token") + ": " + process.Token}, 200},
			{"with spaces around it", []string{"X-Aws-Parameters-Secrets-Token:  \t" + process.Token + " "}, 200},
			{"Vault's header", []string{vault}, 200},
			{"either is enough", []string{wrong, vault}, 200},
			{"and the other way round", []string{letIn, wrongToo}, 200},
			{"one of two lines", []string{wrong, letIn}, 200},
			{"none", nil, 403},
			{"a wrong one", []string{wrong}, 403},
			{"two wrong ones", []string{wrong, wrongToo}, 403},
			{"an empty one", []string{"X-Aws-Parameters-Secrets-Token: "}, 403},
			{"a part", []string{letIn[:len(letIn)-1]}, 403},
			{"more than it", []string{letIn + "x"}, 403},
			{"in another case", []string{"X-Vault-Token: " + strings.ToUpper(process.Token)}, 403},
			{"another header", []string{"Authorization: Bearer " + process.Token}, 403},
			{"in the query only", []string{"X-Token: x"}, 403},
		} {
			for _, line := range []string{"GET /v1/" + v.name, "GET /secretsmanager/get?secretId=" + v.name + "&refreshNow=true", "GET /env", "GET /stats", "POST /refresh?secretId=" + v.name, "POST /rotation?secretId=" + v.name + "&versionId=" + v.id} {
				r := a.raw(bare(line, append([]string{host}, tt.headers...)...))
				if tt.status == 200 && r.status != 200 {
					t.Errorf("%s, %s: got %d %s", tt.what, line, r.status, short(r.body))
				} else if tt.status != 200 {
					want(t, tt.what+", "+line, r, 403, "Bad Token")
				}
			}
		}
	})
}

// The first variable that is set has the token, or names a file that has it.
func TestWhereTheTokenIs(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(process.Token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, env := range [][]string{
			{"AWS_TOKEN=" + process.Token, "AWS_SESSION_TOKEN=x"},
			{"AWS_TOKEN=", "AWS_SESSION_TOKEN=" + process.Token, "AWS_CONTAINER_AUTHORIZATION_TOKEN=x"},
			{"AWS_TOKEN=", "AWS_SESSION_TOKEN=", "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + process.Token},
			{"AWS_TOKEN=file://" + file},
		} {
			a := u.start(env...)
			want(t, fmt.Sprint(env), a.get("/env"), 200, "{}")
			want(t, fmt.Sprint(env), a.raw(bare("GET /env", host, "X-Vault-Token: x")), 403, "Bad Token")
		}
	})
}

func TestHost(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for name, status := range map[string]int{
			"localhost": 200, "localhost:2773": 200, "LocalHost:1": 200, "127.0.0.1": 200, "127.0.0.1:65535": 200, "[::1]": 200, "[::1]:2773": 200, "localhost:": 200,
			"example.com": 403, "localhost.example.com": 403, "example.com:2773": 403, "127.0.0.2": 403, "0.0.0.0": 403, "[::]": 403, "::1": 403,
			"localhost.": 403, "localhost:x": 403, "xlocalhost": 403, "169.254.169.254": 403, "2130706433": 403, "127.1": 403, "": 403,
		} {
			r := a.raw(bare("GET /env", "Host: "+name, letIn))
			if status == 200 {
				want(t, name, r, 200, "{}")
			} else {
				want(t, name, r, 403, "Forbidden host")
			}
		}
		want(t, "in the request line", a.raw(bare("GET http://example.com/env", host, letIn)), 403, "Forbidden host")
		want(t, "in both", a.raw(bare("GET http://localhost/env", host, letIn)), 200, "{}")
		for _, headers := range [][]string{{letIn}, {host, host, letIn}} {
			if r := a.raw(bare("GET /env", headers...)); r.status != 400 {
				t.Errorf("%q: got %d %s, want 400", headers, r.status, r.body)
			}
		}
	})
}

// TestOrderOfChecks breaks more and more rules at once: the first one in the order
// of the README's table is the answer.
func TestOrderOfChecks(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		const forwarded, elsewhere = "X-Forwarded-For: 54.239.28.85", "Host: example.com"
		for _, tt := range []struct {
			line    string
			headers []string
			status  int
			body    string
		}{
			{"GET /ping", []string{elsewhere, forwarded}, 200, "healthy"},
			{"PUT /nowhere?x=%zz", []string{elsewhere, forwarded}, 400, "Forwarded"},
			{"GET /v1/db", []string{host, letIn, "X-Forwarded-For: "}, 400, "Forwarded"},
			{"GET /v1/db", []string{host, letIn, "x-forwarded-for: 127.0.0.1"}, 400, "Forwarded"},
			{"PUT /nowhere?x=%zz", []string{elsewhere}, 403, "Forbidden host"},
			{"PUT /nowhere?x=%zz", []string{host}, 403, "Bad Token"},
			{"PUT /nowhere?x=%zz", []string{host, letIn}, 405, "Not allowed"},
			{"PUT /v1/?x=%zz", []string{host, letIn}, 405, "Not allowed"},
			{"GET /nowhere?x=%zz", []string{host, letIn}, 404, "Not found"},
			{"GET /v1/?x=%zz", []string{host, letIn}, 400, "missing secret ID"},
			{"GET /secretsmanager/get?x=%zz", []string{host, letIn}, 400, "malformed query"},
			{"GET /secretsmanager/get?x=1", []string{host, letIn}, 400, "unknown parameter: x"},
			{"GET /secretsmanager/get?refreshNow=x", []string{host, letIn}, 400, "invalid refreshNow value"},
			{"GET /secretsmanager/get?refreshNow=1", []string{host, letIn}, 400, "missing parameter secretId"},
		} {
			what := tt.line + " " + strings.Join(tt.headers, " ")
			r := a.raw(bare(tt.line, tt.headers...))
			want(t, what, r, tt.status, tt.body)
			wantHeader(t, what, r, "Content-Type", "text/plain; charset=utf-8")
		}
		wantCalls(t, "none of them", u, 0)
	})
}

func TestMethods(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start()
		for path, allowed := range map[string]string{
			"/ping": "GET", "/secretsmanager/get?secretId=" + v.name: "GET", "/v1/" + v.name: "GET", "/env": "GET", "/stats": "GET", "/nowhere": "GET",
			"/rotation?secretId=" + v.name + "&versionId=" + v.id: "POST", "/refresh?secretId=" + v.name: "POST",
		} {
			for _, method := range []string{"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "BREW"} {
				r := a.raw(request(method+" "+path, "Connection: close"))
				switch {
				case method == allowed && path == "/nowhere":
					want(t, method+" "+path, r, 404, "Not found")
				case method == allowed && r.status != 200:
					t.Errorf("%s %s: got %d %s", method, path, r.status, short(r.body))
				case method == "HEAD":
					want(t, method+" "+path, r, 405, "") // of an answer without a body
					wantHeader(t, method+" "+path, r, "Allow", allowed)
				case method != allowed:
					want(t, method+" "+path, r, 405, "Not allowed")
					wantHeader(t, method+" "+path, r, "Allow", allowed)
				}
			}
		}
		want(t, "OPTIONS *", a.raw(request("OPTIONS *")), 405, "Not allowed")
	})
}

// No path is redirected, and none is made tidy.
func TestPaths(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for _, path := range []string{
			"/", "//", "//ping", "/ping/", "/Ping", "/p%69ng", "/./ping", "/pong", "/env/", "//env", "/env/x", "/en%76", "/v1", "/V1/db", "/v2/db", "/v%31/db", "//v1/db",
			"/secretsmanager", "/secretsmanager/", "/secretsmanager/get/", "/secretsmanager//get", "/SecretsManager/get", "/secretsmanager%2Fget", "/secretsmanager/describe",
			"/systemsmanager/parameters/get?name=x", "/rotation/", "/refresh/", "/stats/", "/favicon.ico", "/metrics", "/debug/pprof/", "/debug/vars",
		} {
			r := a.raw(request("GET " + path))
			want(t, path, r, 404, "Not found")
			wantHeader(t, path, r, "Location", "")
		}
		for _, path := range []string{"/rotation", "/refresh"} {
			want(t, path, a.raw(request("GET "+path)), 405, "Not allowed")
		}
		want(t, "/ping with a query", a.raw(bare("GET /ping?x=%zz", host)), 200, "healthy")
	})
}

func TestUnknownParameters(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start()
		for _, tt := range []struct{ method, path, name string }{
			{"GET", "/secretsmanager/get?secretId=" + v.name + "&versionStage=AWSPENDING&abc=XXXX", "abc"},
			{"GET", "/v1/" + v.name + "?versionStage=AWSPENDING&abc=XXXX", "abc"},
			{"GET", "/v1/" + v.name + "?secretId=x", "secretId"},
			{"GET", "/v1/" + v.name + "?roleArn=arn:aws:iam::123456789012:role/x", "roleArn"},
			{"GET", "/secretsmanager/get?roleArn=not-an-arn&secretId=" + v.name, "roleArn"},
			{"GET", "/secretsmanager/get?SecretId=" + v.name, "SecretId"},
			{"GET", "/secretsmanager/get?withDecryption=true", "withDecryption"},
			{"GET", "/v1/" + v.name + "?%C3%A9=1", "é"},
			{"GET", "/v1/" + v.name + "?=1", ""},
			{"GET", "/stats?x", "x"},
			{"GET", "/env?secretId=" + v.name, "secretId"},
			{"POST", "/refresh?secretId=" + v.name + "&versionId=x", "versionId"},
			{"POST", "/rotation?secretId=" + v.name + "&ifVersion=x", "ifVersion"},
		} {
			want(t, tt.path, a.raw(request(tt.method+" "+tt.path)), 400, "unknown parameter: "+tt.name)
		}
		for _, query := range []string{"secretId=%", "secretId=%2", "secretId=%zz", "%zz=1", "secretId=" + v.name + "&key=%"} {
			want(t, query, a.raw(request("GET /secretsmanager/get?"+query)), 400, "malformed query")
		}
		for _, path := range []string{"/v1/%", "/v1/%2", "/v1/%zz", "/v1/a b"} {
			if r := a.raw(request("GET " + path)); r.status != 400 {
				t.Errorf("%s: got %d %s, want 400", path, r.status, short(r.body))
			}
		}
		wantCalls(t, "none of them", u, 0)
	})
}
