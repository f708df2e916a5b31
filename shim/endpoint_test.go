package shim

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// endpoint speaks the extension's contract without the extension, so that tests
// can have it fail, wait and count.
type endpoint struct {
	mu       sync.Mutex
	vars     map[string]string
	versions []string          // of the one secret, prod/db; its value is "value of <version>"
	held     []string          // ids that /rotation knows
	fail     map[string]string // path → "status body", JSON where the body starts with {
	hold     map[string]chan struct{}
	calls    []string
}

func newEndpoint(vars map[string]string) *endpoint {
	return &endpoint{
		vars: vars, versions: []string{"v1"}, held: []string{"prod/db"},
		fail: map[string]string{}, hold: map[string]chan struct{}{},
	}
}

func (e *endpoint) set(vars map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.vars = maps.Clone(vars)
}

func (e *endpoint) failing(path, answer string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail[path] = answer
}

// count returns how many calls began with prefix, and forgets all.
func (e *endpoint) count(prefix string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.calls {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	e.calls = nil
	return n
}

func (e *endpoint) client() *client.Client {
	return client.New(client.Options{Token: "token", HTTPClient: &http.Client{Transport: e}})
}

// RoundTrip needs no network, so that synctest's clock runs.
func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) { return local{e}.RoundTrip(r) }

// local brings requests to a handler without a network.
type local struct{ http.Handler }

func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.ServeHTTP(rec, r)
	}()
	select {
	case <-done:
		return rec.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q := r.URL.Query()
	e.mu.Lock()
	e.calls = append(e.calls, strings.TrimSpace(fmt.Sprintf("%s %s %s%s", r.Method, r.URL.Path, r.URL.RawQuery, body)))
	hold := e.hold[r.URL.Path]
	e.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if answer := e.fail[r.URL.Path]; answer != "" {
		status, text, _ := strings.Cut(answer, " ")
		if strings.HasPrefix(text, "{") {
			w.Header().Set("Content-Type", "application/json")
		}
		var code int
		_, _ = fmt.Sscan(status, &code)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	newest := e.versions[len(e.versions)-1]
	switch r.URL.Path {
	case "/env":
		_ = json.NewEncoder(w).Encode(e.vars)
	case "/secretsmanager/get":
		value := "value of " + newest
		_ = json.NewEncoder(w).Encode(map[string]any{"Name": q.Get("secretId"), "VersionId": newest, "SecretString": &value})
	case "/refresh":
		_ = json.NewEncoder(w).Encode(map[string]any{"versionId": newest, "changed": newest != q.Get("ifVersion")})
	case "/rotation":
		id, version := q.Get("secretId"), q.Get("versionId")
		if id == "" {
			if all := (event.Matcher{}).Match(body); len(all) > 0 {
				id, version = all[0].SecretID, all[0].VersionID
			}
		}
		if !slices.Contains(e.held, id) {
			_, _ = io.WriteString(w, `{"rotated":false}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"rotated": true, "secretId": id, "versionId": version, "changed": true})
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

const rotationEvent = `{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"prod/db","versionId":"v2"}}`

// inLambda makes the process one of Lambda for the test.
func inLambda(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
}

// wrap wraps a handler that reads its secrets from e.
func wrap(t *testing.T, e *endpoint, handler any, opts ...Option) (lambda.Handler, *Secrets) {
	t.Helper()
	h, s, err := Wrap(handler, append([]Option{Client(e.client())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		current.Store(nil)
		if err := s.env.apply(s.env.turn(), nil); err != nil {
			t.Error(err)
		}
	})
	return h, s
}

// counter is a handler that counts its calls.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) handle() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return "handled", nil
}

func (c *counter) calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func invokeText(t *testing.T, h lambda.Handler, payload string) string {
	t.Helper()
	out, err := h.Invoke(t.Context(), []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
