package extension_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/extension"
)

// api answers Register properly and everything else with next.
func api(t *testing.T, next http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Extension-Identifier", "id-1")
		fmt.Fprint(w, `{"functionName":"f"}`)
	})
	mux.HandleFunc("/", next)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestRegisterMalformed(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"500 with a body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"errorType":"Internal","errorMessage":"no luck"}`)
		}, "register: 500 Internal: no luck"},
		{"500 without a body", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "register: 500 Internal Server Error"},
		{"500 with garbage", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusInternalServerError) }, "register: 500 Internal Server Error"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "register: 302 Found"},
		{"no identifier", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) }, "no Lambda-Extension-Identifier"},
		{"empty body", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Lambda-Extension-Identifier", "x") }, "unexpected end of JSON input"},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Lambda-Extension-Identifier", "x")
			fmt.Fprint(w, `{"functionName":`)
		}, "unexpected end of JSON input"},
		{"closed", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			s, err := extension.Register(t.Context(), extension.Options{API: server.Listener.Addr().String(), Name: "ext"})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "register: ") {
				t.Errorf("got the error %v, want one of register with %q", err, tt.want)
			}
			if s != nil {
				t.Error("got a session with the error, want none")
			}
		})
	}
}

func TestRegisterNeedsAddressAndName(t *testing.T) {
	for _, o := range []extension.Options{{Name: "ext"}, {API: "127.0.0.1:1"}} {
		if _, err := extension.Register(t.Context(), o); err == nil || !strings.Contains(err.Error(), "need an API address and a name") {
			t.Errorf("Register(%+v): got the error %v, want what is missing", o, err)
		}
	}
}

func TestNextMalformed(t *testing.T) {
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "next: 500 Internal Server Error"},
		{"empty", func(http.ResponseWriter, *http.Request) {}, "next: decode the event: "},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "garbage") }, "next: decode the event: "},
		{"no type", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"deadlineMs":1}`) }, "it has no eventType"},
		{"cut", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"eventType":"SHUTDOWN"}`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "next: read the answer: unexpected EOF"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for range 3 {
				fmt.Fprint(w, strings.Repeat(" ", 1<<20))
			}
		}, "next: the answer is longer than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := extension.Register(t.Context(), extension.Options{API: api(t, tt.answer), Name: "ext"})
			if err != nil {
				t.Fatal(err)
			}
			if e, err := s.Next(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v and the error %v, want %q", e, err, tt.want)
			}
		})
	}
}

func TestOneConnectionServesAll(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("%s: got Accept-Encoding %q, want none: nothing here is worth compressing", r.URL.Path, got)
		}
		w.Header().Set("Lambda-Extension-Identifier", "id-1")
		fmt.Fprint(w, `{"eventType":"INVOKE"}`)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s, err := extension.Register(t.Context(), extension.Options{API: server.Listener.Addr().String(), Name: "ext"})
	for range 5 {
		if err == nil {
			_, err = s.Next(t.Context())
		}
	}
	if err == nil {
		err = s.ExitError(t.Context(), "Extension.Test", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
}

// hang is a transport whose peer answers Register and never anything else.
type hang struct{ register bool }

func (h hang) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.register && strings.HasSuffix(r.URL.Path, "/register") {
		w := httptest.NewRecorder()
		w.Header().Set("Lambda-Extension-Identifier", "id-1")
		fmt.Fprint(w, `{}`)
		return w.Result(), nil
	}
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := extension.RegisterThrough(t.Context(), hang{})
		if got := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || got != 5*time.Second {
			t.Errorf("Register: got %v after %v, want a time-out after 5 s", err, got)
		}

		s, err := extension.RegisterThrough(t.Context(), hang{register: true})
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		err = s.ExitError(t.Context(), "Extension.Test", nil)
		if got := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || got != time.Second {
			t.Errorf("ExitError: got %v after %v, want a time-out after 1 s", err, got)
		}

		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 14*24*time.Hour)
		defer cancel()
		_, err = s.Next(ctx)
		if got := time.Since(start); got != 14*24*time.Hour {
			t.Errorf("Next: got %v after %v, want it to wait as long as its context", err, got)
		}
	})
}
