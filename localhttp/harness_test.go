package localhttp

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

const (
	token  = "the-token"
	canary = "c4n4ry<&>\"\u2028"
)

var created = time.Date(2023, 12, 28, 14, 57, 31, 359_000_000, time.UTC)

// upstream is a Secrets Manager of one function.
type upstream struct {
	mu      sync.Mutex
	secrets map[string]*cache.Secret
	errs    map[string]error
	block   chan struct{} // fetches wait until it is closed
	calls   []cache.Query
}

func (u *upstream) fetch(ctx context.Context, q cache.Query) (*cache.Secret, error) {
	u.mu.Lock()
	u.calls = append(u.calls, q)
	s, err, block := u.secrets[q.ID], u.errs[q.ID], u.block
	u.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, &cache.Error{ID: q.ID, Status: 400, Type: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."}
	case q.VersionID != "" || q.Stage != "":
		return &cache.Secret{ARN: s.ARN, Name: s.Name, VersionID: q.VersionID, Stages: []string{q.Stage}, Value: cache.Text("of " + q.VersionID + q.Stage)}, nil
	}
	return s, nil
}

func (u *upstream) put(name, version string, value cache.Value) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.secrets == nil {
		u.secrets = map[string]*cache.Secret{}
	}
	u.secrets[name] = &cache.Secret{
		ARN: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:" + name + "-AbCdEf", Name: name,
		VersionID: version, Stages: []string{cache.Current}, Created: created, Value: value,
	}
}

func (u *upstream) fail(name string, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.errs == nil {
		u.errs = map[string]error{}
	}
	u.errs[name] = err
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.calls)
}

func (u *upstream) last() cache.Query {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.calls[len(u.calls)-1]
}

// harness is an endpoint with everything behind it.
type harness struct {
	*upstream
	t        *testing.T
	o        Options
	handler  http.Handler
	log      *syncBuffer
	deadline time.Time
}

// newHarness loads what named references.
func newHarness(t *testing.T, u *upstream, named string) *harness {
	t.Helper()
	refs, err := variables.Parse(named)
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{upstream: u, t: t, log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var set *variables.Set
	c := cache.New(u.fetch, cache.Options{
		TTL: 300 * time.Second, MaxStale: time.Hour, Timeout: 3 * time.Second, Size: 100,
		Named: variables.IDs(refs), Log: log, Changed: func() { _ = set.Publish() },
	})
	set = variables.New(refs, c, variables.Options{Strict: true, Log: log})
	if err := set.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.o = Options{Cache: c, Variables: set, Token: token, Log: log, Deadline: func() time.Time { return h.deadline }}
	h.handler = NewHandler(h.o)
	return h
}

// do serves a request that passes all checks but for what edit changes.
func (h *harness) do(method, target, body string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Host = "localhost:2773"
	r.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

func (h *harness) get(target string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.do(http.MethodGet, target, "", edit...)
}

func with(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func without(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Del(name) }
}

func host(s string) func(*http.Request) { return func(r *http.Request) { r.Host = s } }

// want fails the test unless w is this answer.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if got := w.Body.String(); w.Code != status || got != body {
		t.Fatalf("got %d %s\nwant %d %s", w.Code, got, status, body)
	}
}

func wantHeader(t *testing.T, w *httptest.ResponseRecorder, name, value string) {
	t.Helper()
	if got := strings.Join(w.Header().Values(name), ", "); got != value {
		t.Errorf("header %s: got %q, want %q", name, got, value)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
