package localhttp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/dotenv"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// place is an endpoint, and a request to it.
type place struct {
	t           *testing.T
	path        string // as it was sent
	query       url.Values
	queryErr    error
	post        bool
	tag, value  string
	handler     http.Handler
	variables   *variables.Set
	asked       []cache.Query // after the start
	notModified bool          // if the tag of the answer is "v1"
	tagIsClear  bool
}

func newPlace(t *testing.T, target string, post bool, tag, value string) *place {
	p := &place{t: t, post: post, tag: tag, value: value}
	var raw string
	p.path, raw, _ = strings.Cut(target, "?")
	p.query, p.queryErr = url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B")) // which separates nothing here
	c := cache.New(func(_ context.Context, q cache.Query) (*cache.Secret, error) {
		p.asked = append(p.asked, q)
		return &cache.Secret{Name: q.ID, VersionID: "v1", Value: cache.Text(value)}, nil
	}, cache.Options{TTL: time.Hour, Size: 10, Timeout: time.Minute})
	refs, err := variables.Parse("db")
	if err != nil {
		t.Fatal(err)
	}
	p.variables = variables.New(refs, c, variables.Options{})
	if err := p.variables.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.asked = nil
	p.handler = NewHandler(Options{Cache: c, Variables: p.variables, Token: token})
	p.tagIsClear = tagList.MatchString(tag)
	for _, one := range entityTag.FindAllStringSubmatch(tag, -1) {
		p.notModified = p.notModified || one[1] == "v1"
	}
	p.notModified = p.notModified || tag == "*"
	return p
}

// RFC 9110, 8.8.3 and 13.1.2.
var (
	entityTag = regexp.MustCompile(`(?:W/)?"([^"]*)"`)
	tagList   = regexp.MustCompile(`^(\*|((W/)?"[^"]*"( *, *(W/)?"[^"]*")*)?)$`)
)

// check wants the answer that the table of the endpoint has.
func (p *place) check(w *httptest.ResponseRecorder) {
	p.t.Helper()
	methods := map[string]bool{"/rotation": true, "/refresh": true}
	known := map[string]string{
		"/secretsmanager/get": "secretId versionId versionStage refreshNow key", "/env": "format", "/stats": "",
		"/refresh": "secretId ifVersion", "/rotation": "secretId versionId",
	}
	route := p.path
	if strings.HasPrefix(route, "/v1/") {
		route, known["/v1/"] = "/v1/", "versionId versionStage refreshNow key"
	}
	params, found := known[route]
	switch {
	case p.post != methods[route]:
		p.want(w, 405, "Not allowed")
	case route == "/ping":
		p.want(w, 200, "healthy")
	case !found:
		p.want(w, 404, "Not found")
	case p.path == "/v1/":
		p.want(w, 400, "missing secret ID")
	case !p.isKnown(params):
		p.want(w, 400, "")
	case route == "/secretsmanager/get":
		p.checkSecret(w, p.last("secretId"))
	case route == "/v1/":
		id, err := url.PathUnescape(strings.TrimPrefix(p.path, "/v1/"))
		if err != nil {
			p.t.Fatal(err)
		}
		p.checkSecret(w, id)
	case route == "/env":
		p.checkEnv(w)
	case route == "/stats":
		if w.Code != 200 || !json.Valid(w.Body.Bytes()) || len(p.value) > 12 && strings.Contains(w.Body.String(), p.value) {
			p.t.Errorf("got %d %s", w.Code, w.Body)
		}
	case route == "/refresh":
		p.checkRefresh(w)
	default:
		p.want(w, 400, "") // a rotation of nothing, or an event that is empty
	}
}

func (p *place) want(w *httptest.ResponseRecorder, status int, body string) {
	p.t.Helper()
	if w.Code != status || body != "" && w.Body.String() != body || w.Header().Get("Location") != "" {
		p.t.Errorf("got %d %s, want %d %s", w.Code, w.Body, status, body)
	}
	if len(p.asked) > 0 && status != 404 && body != "" {
		p.t.Errorf("asked for %+v", p.asked)
	}
}

func (p *place) last(name string) string {
	if list := p.query[name]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

func (p *place) isKnown(params string) bool {
	if p.queryErr != nil {
		return false
	}
	for name := range p.query {
		if !strings.Contains(" "+params+" ", " "+name+" ") || name == "" || strings.Contains(name, " ") {
			return false
		}
	}
	for _, v := range p.query["refreshNow"] {
		if !regexp.MustCompile(`^(?i:1|0|true|false)$`).MatchString(v) {
			return false
		}
	}
	return true
}

func (p *place) checkSecret(w *httptest.ResponseRecorder, id string) {
	p.t.Helper()
	switch {
	case id == "":
		p.want(w, 400, "missing parameter secretId")
		return
	case !utf8.ValidString(id) || utf8.RuneCountInString(id) > 2048:
		p.want(w, 400, "")
		return
	}
	want := cache.Query{ID: id, VersionID: p.last("versionId"), Stage: p.last("versionStage")}
	if want.Stage == cache.Current && want.VersionID == "" {
		want.Stage = ""
	}
	now := p.last("refreshNow")
	held := want == cache.Query{ID: "db"} && now != "1" && !strings.EqualFold(now, "true")
	if held != (len(p.asked) == 0) || !held && p.asked[0] != want {
		p.t.Errorf("asked for %+v, want %+v unless it is held: %t", p.asked, want, held)
	}
	body, status := p.value, 200
	if p.query.Has("key") {
		body, status = p.member(p.last("key"))
	}
	if status == 200 && p.tagIsClear && p.notModified {
		status, body = 304, ""
	}
	if w.Code != status && p.tagIsClear {
		p.t.Fatalf("got %d %s, want %d", w.Code, w.Body, status)
	}
	if w.Code != 200 {
		return
	}
	if w.Header().Get("Etag") != `"v1"` {
		p.t.Errorf("got the tag %s", w.Header().Get("Etag"))
	}
	if p.query.Has("key") {
		if w.Body.String() != body {
			p.t.Errorf("got %q, want %q", w.Body, body)
		}
		return
	}
	var got struct{ Name, SecretString string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Name != id || got.SecretString != string([]rune(p.value)) {
		p.t.Errorf("got %+v, %v", got, err)
	}
}

// member returns what a key of the value is answered with.
func (p *place) member(key string) (body string, status int) {
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(p.value), &object) != nil || object == nil {
		return "", 400
	}
	raw, ok := object[key]
	if !ok {
		return "", 404
	}
	var v any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		p.t.Fatal(err)
	}
	switch v := v.(type) {
	case string:
		return v, 200
	case json.Number:
		return v.String(), 200
	case nil:
		return "", 200
	case bool:
		return map[bool]string{true: "true", false: "false"}[v], 200
	}
	return regexp.MustCompile(`("(?:[^"\\]|\\.)*")|[ \t\r\n]+`).ReplaceAllString(string(raw), "$1"), 200
}

func (p *place) checkEnv(w *httptest.ResponseRecorder) {
	p.t.Helper()
	env, err := p.variables.Env(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	format := p.last("format")
	if !p.query.Has("format") {
		format = "json"
	}
	encode := map[string]func(map[string]string) ([]byte, dotenv.Report){"dotenv": dotenv.Encode, "shell": dotenv.Shell}[format]
	if format != "json" && encode == nil {
		p.want(w, 400, "invalid format value")
		return
	}
	if p.tag == "*" || w.Code == 304 {
		if w.Code != 304 || p.tag != "*" && p.tagIsClear {
			p.t.Errorf("got %d for %s", w.Code, p.tag)
		}
		return
	}
	if encode != nil {
		if b, _ := encode(env.Vars); w.Code != 200 || w.Body.String() != string(b) {
			p.t.Errorf("got %d %q, want %q", w.Code, w.Body, b)
		}
		return
	}
	var vars map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &vars); err != nil || !reflect.DeepEqual(vars, env.Vars) {
		p.t.Errorf("got %v: %s", err, cmp.Diff(env.Vars, vars))
	}
}

func (p *place) checkRefresh(w *httptest.ResponseRecorder) {
	p.t.Helper()
	id := p.last("secretId")
	if id == "" || !utf8.ValidString(id) || utf8.RuneCountInString(id) > 2048 {
		p.want(w, 400, "")
		return
	}
	var got struct {
		VersionID string
		Changed   bool
	}
	first := id != "db"
	if since := p.last("ifVersion"); since != "" {
		first = since != "v1"
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.VersionID != "v1" || got.Changed != first {
		p.t.Errorf("got %d %s, %v; want changed: %t", w.Code, w.Body, err, first)
	}
}
