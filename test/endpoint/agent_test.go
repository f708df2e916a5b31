package endpoint

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// agent is the binary outside Lambda, with the upstream behind the gate.
type agent struct {
	*process.Agent
	t *testing.T
}

// start starts the binary. Its own time-outs are out of the way.
func (u *upstream) start(env ...string) *agent {
	u.t.Helper()
	a := &agent{t: u.t}
	u.t.Cleanup(func() { // after the process has ended
		if a.Agent != nil && strings.Contains(a.Out.String(), canary) {
			u.t.Error("the binary printed a value")
		}
	})
	var err error
	a.Agent, err = process.StartAgent(u.t, binary, append(u.environment(), env...)...)
	if err != nil {
		u.t.Fatal(err)
	}
	return a
}

func (u *upstream) environment() []string {
	return []string{
		"AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + u.gate.url, "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=debug",
		"SECRETS_MANAGER_TIMEOUT_MILLIS=20000", "SECRETS_INIT_TIMEOUT_MILLIS=30000",
	}
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

func (a *agent) get(path string, headers ...string) reply {
	a.t.Helper()
	return a.do("GET", path, "", headers...)
}

func (a *agent) post(path, body string) reply {
	a.t.Helper()
	return a.do("POST", path, body)
}

// do sends one request with the token. Headers are "Name: value".
func (a *agent) do(method, path, body string, headers ...string) reply {
	a.t.Helper()
	return do(a.t, a.URL, process.Token, method, path, body, headers...)
}

func do(t *testing.T, url, token, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return replyOf(t, resp)
}

func replyOf(t *testing.T, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// raw sends bytes as they are, and reads one answer.
func (a *agent) raw(request string) reply {
	a.t.Helper()
	conn := a.dial()
	if _, err := io.WriteString(conn, request); err != nil {
		a.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		a.t.Fatalf("%q: %v", request, err)
	}
	return replyOf(a.t, resp)
}

// dial connects to the endpoint, until the test ends.
func (a *agent) dial() net.Conn {
	a.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+a.Port)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		a.t.Fatal(err)
	}
	return conn
}

// request spells one out, with a Host and the token.
func request(line string, headers ...string) string {
	return bare(line, append([]string{"Host: localhost", "X-Aws-Parameters-Secrets-Token: " + process.Token}, headers...)...)
}

// bare has only the headers that are given.
func bare(line string, headers ...string) string {
	return line + " HTTP/1.1\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

// want checks status and body.
func want(t *testing.T, what string, r reply, status int, body string) {
	t.Helper()
	if r.status != status || r.body != body {
		t.Errorf("%s: got %d %s, want %d %s", what, r.status, short(r.body), status, short(body))
	}
}

func wantHeader(t *testing.T, what string, r reply, name, value string) {
	t.Helper()
	if got := r.header.Get(name); got != value {
		t.Errorf("%s: got %s %q, want %q", what, name, got, value)
	}
}

// wantMark checks an answer with a secret.
func wantMark(t *testing.T, what string, r reply, mark string, v version) {
	t.Helper()
	if r.status != 200 {
		t.Errorf("%s: got %d %s, want a secret", what, r.status, short(r.body))
		return
	}
	wantHeader(t, what, r, "X-Secrets-Cache", mark)
	wantHeader(t, what, r, "ETag", `"`+v.id+`"`)
}

// wantError checks an error of Secrets Manager, or in its form.
func wantError(t *testing.T, what string, r reply, status int, typ, part string) {
	t.Helper()
	var got struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != status || got.Type != typ || got.Message == "" || !strings.Contains(got.Message, part) {
		t.Errorf("%s: got %d %s, want %d %s with %q", what, r.status, short(r.body), status, typ, part)
	}
	wantHeader(t, what, r, "Content-Type", "application/json")
}

func wantCalls(t *testing.T, what string, u *upstream, n int) {
	t.Helper()
	if got := u.gate.take(); len(got) != n {
		t.Errorf("%s: Secrets Manager was called %d times, want %d: %v", what, len(got), n, got)
	}
}

// text is the value of an answer with a secret.
func (r reply) text() string {
	var s struct{ SecretString string }
	_ = json.Unmarshal([]byte(r.body), &s)
	return s.SecretString
}

func short(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
