package endpoint

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

// gate stands between the extension and Secrets Manager. It counts the calls, and
// can answer them itself.
type gate struct {
	url string

	mu    sync.Mutex
	calls []call
	fault fault  // nil: the call goes on
	only  string // id that the fault is for, "" is all
	times int    // for how many calls, 0 is all
}

// call is one GetSecretValue.
type call struct {
	SecretID     string `json:"SecretId"`
	VersionID    string `json:"VersionId"`
	VersionStage string
}

// fault answers a call in place of the upstream, or with what the upstream answers.
type fault func(w http.ResponseWriter, r *http.Request, upstream http.Handler)

func newGate(t *testing.T, target string, transport http.RoundTripper) *gate {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: transport,
		// A caller that went away is no fault of the test's.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	g := &gate{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if f := g.enter(body); f != nil {
			f(w, r, forward)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections() // also those that hang
		server.Close()
	})
	g.url = server.URL
	return g
}

func (g *gate) enter(body []byte) fault {
	var c call
	_ = json.Unmarshal(body, &c) // what cannot be read counts as a call for nothing
	g.mu.Lock()
	defer g.mu.Unlock()
	g.calls = append(g.calls, c)
	if g.only != "" && g.only != c.SecretID {
		return nil
	}
	f := g.fault
	if g.times > 0 {
		if g.times--; g.times == 0 {
			g.fault = nil
		}
	}
	return f
}

// fail has f happen to all calls from now on.
func (g *gate) fail(f fault) { g.set(f, "", 0) }

// failOnly has f happen to the calls that name the secret so.
func (g *gate) failOnly(id string, f fault) { g.set(f, id, 0) }

// failTimes has f happen to the next n calls.
func (g *gate) failTimes(n int, f fault) { g.set(f, "", n) }

func (g *gate) set(f fault, only string, times int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault, g.only, g.times = f, only, times
}

func (g *gate) heal() { g.fail(nil) }

// take returns the calls and forgets them.
func (g *gate) take() []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := g.calls
	g.calls = nil
	return calls
}

func answer(status int, contentType, body string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// refusal is an error as Secrets Manager answers it.
func refusal(status int, typ, message string) fault {
	body, err := json.Marshal(map[string]string{"__type": typ, "Message": message})
	if err != nil {
		panic(err) // of strings
	}
	return answer(status, "application/x-amz-json-1.1", string(body))
}

// hang answers when the caller has gone, which nobody sees.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }

// hold lets calls go on when release is closed.
func hold(release <-chan struct{}) fault {
	return func(w http.ResponseWriter, r *http.Request, upstream http.Handler) {
		select {
		case <-release:
			upstream.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// late answers after a while.
func late(d time.Duration) fault {
	return func(w http.ResponseWriter, r *http.Request, upstream http.Handler) {
		select {
		case <-time.After(d):
			upstream.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

func reset(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // a server over TCP
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// alter changes the body of what the upstream answers.
func alter(change func(body []byte) []byte) fault {
	return func(w http.ResponseWriter, r *http.Request, upstream http.Handler) {
		rec := httptest.NewRecorder()
		upstream.ServeHTTP(rec, r)
		answer(rec.Code, rec.Header().Get("Content-Type"), string(change(rec.Body.Bytes())))(w, r, nil)
	}
}

// truncate breaks the connection inside the answer.
func truncate(w http.ResponseWriter, r *http.Request, upstream http.Handler) {
	rec := httptest.NewRecorder()
	upstream.ServeHTTP(rec, r)
	w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
	_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
