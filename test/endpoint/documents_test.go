package endpoint

import (
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// TestRequestsOfAWSsDocuments sends the requests that AWS's documents show, byte for
// byte as the clients send them that the documents use. The ids are not escaped
// there, and neither are they here.
//
//   - user guide: docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html
//   - Lambda guide: docs.aws.amazon.com/lambda/latest/dg/with-secrets-manager.html
//   - agent: docs.aws.amazon.com/secretsmanager/latest/userguide/secrets-manager-agent.html
func TestRequestsOfAWSsDocuments(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("MySecret", `{"username":"app","password":"`+canary+`"}`)
		pending := u.put(v, canary+"-pending", "AWSPENDING")
		a := u.start()
		const get = "GET /secretsmanager/get?secretId="
		to := "Host: localhost:" + a.Port
		curl := []string{to, "User-Agent: curl/8.5.0", "Accept: */*", letIn}
		requests := []string{to, "User-Agent: python-requests/2.32.3", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive", letIn}
		for _, tt := range []struct {
			what, line string
			headers    []string
			v          version
		}{
			{"agent, curl", get + v.name, curl, v},
			{"agent, curl, refreshNow", get + v.name + "&refreshNow=true", curl, v},
			{"agent, Python's requests", get + v.name, requests, v},
			{"agent, Python's requests, refreshNow", get + v.name + "&refreshNow=true", requests, v},
			{"agent, path", "GET /v1/" + v.name, curl, v},
			{"agent, path, with Vault's header", "GET /v1/" + v.name, []string{to, vault}, v},
			{"agent, a stage", get + v.name + "&versionStage=AWSPENDING", curl, pending},
			{"agent, a version", get + v.name + "&versionId=" + v.id, curl, v},
			{"user guide, an ARN", get + v.arn, requests, v},
			{"user guide, a stage", get + v.arn + "&versionStage=AWSCURRENT", requests, v},
			{"Lambda guide, Python's requests", get + v.arn, requests, v},
			{"Lambda guide, Node's fetch", get + v.arn, []string{to, "connection: keep-alive", strings.ToLower(letIn), "accept: */*", "accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate"}, v},
			{"Lambda guide, Java's HttpClient, which asks for HTTP/2", get + v.arn, []string{"Connection: Upgrade, HTTP2-Settings", "Content-Length: 0", to, "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAABgAGAAA", "Upgrade: h2c", "User-Agent: Java-http-client/21", letIn}, v},
			{"Python's urllib, which closes", get + v.name, []string{"Accept-Encoding: identity", to, "User-Agent: Python-urllib/3.13", "X-aws-parameters-secrets-token: " + process.Token, "Connection: close"}, v},
			{"Python's urllib3", get + strings.ReplaceAll(v.name, "/", "%2F"), []string{to, "Accept-Encoding: identity", letIn, "User-Agent: python-urllib3/2.2.1"}, v},
			{"Node's axios", get + strings.ReplaceAll(v.name, "/", "%2F"), []string{"Accept: application/json, text/plain, */*", letIn, "User-Agent: axios/1.7.2", "Accept-Encoding: gzip, compress, deflate, br", to, "Connection: close"}, v},
			{"Node's http, with a body type", get + v.name, []string{"Content-Type: application/json", letIn, to, "Connection: keep-alive"}, v},
			{"PHP's streams", get + v.name, []string{to, "Connection: close", letIn}, v},
			{".NET's HttpClient", get + v.name, []string{to, letIn, "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, v},
			{"Go's net/http", get + v.name, []string{to, "User-Agent: Go-http-client/1.1", letIn, "Accept-Encoding: gzip"}, v},
			{"Rust's reqwest", get + v.name, []string{strings.ToLower(letIn), "accept: */*", strings.ToLower(to)}, v},
		} {
			r := a.raw(bare(tt.line, tt.headers...))
			if r.status != 200 || r.text() == "" || r.header.Get("ETag") != `"`+tt.v.id+`"` || r.header.Get("Content-Encoding") != "" {
				t.Errorf("%s: got %d %s", tt.what, r.status, short(r.body))
			}
		}
	})
}
