package runtimeproxy

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// open listens for a proxy to an API, and returns where.
func open(t *testing.T, o Options) (addr string) {
	t.Helper()
	if o.Rotate == nil {
		o.Rotate = func(context.Context, []byte, time.Time) ([]byte, error) { return nil, nil }
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := New(o)
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// logTo returns a logger and what it wrote.
func logTo() (*slog.Logger, *process.Output) {
	out := &process.Output{}
	return slog.New(slog.NewTextHandler(out, nil)), out
}

// api is a Runtime API of one invocation after the other, of which a test gets to
// see all.
type api struct {
	t       *testing.T
	addr    string
	events  chan event
	answers chan answer
	asked   chan struct{}
}

type event struct {
	id, payload string
	chunked     bool
}

type answer struct{ path, body, errorType string }

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, events: make(chan event, 100), answers: make(chan answer, 100), asked: make(chan struct{}, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+nextPath, func(w http.ResponseWriter, r *http.Request) {
		a.asked <- struct{}{}
		select {
		case e := <-a.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "1000000000000")
			if e.chunked {
				w.(http.Flusher).Flush()
			} else {
				w.Header().Set("Content-Length", strconv.Itoa(len(e.payload)))
			}
			_, _ = io.WriteString(w, e.payload)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.answers <- answer{r.URL.Path, string(body), r.Header.Get("Lambda-Runtime-Function-Error-Type")}
		w.WriteHeader(http.StatusAccepted)
	})
	a.addr = serve(t, mux)
	return a
}

// serve runs a server of the test until its end.
func serve(t *testing.T, h http.Handler) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// within fails the test where nothing comes.
func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: nothing within 10 s", what)
	}
	return v
}

// next asks for an event as a runtime does.
func next(ctx context.Context, addr string) (id, payload string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+nextPath, nil)
	if err != nil {
		return "", "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.Header.Get("Lambda-Runtime-Aws-Request-Id"), string(body), err
}

// isRotation is the recogniser of most tests here.
func isRotation(answer string, err error) func(context.Context, []byte, time.Time) ([]byte, error) {
	return func(_ context.Context, event []byte, _ time.Time) ([]byte, error) {
		if !strings.HasPrefix(string(event), `{"rotation"`) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []byte(answer), nil
	}
}
