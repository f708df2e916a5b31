package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// env is an environment.
type env map[string]string

func (e env) get(name string) string { return e[name] }

func TestToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("  from a file \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		env  env
		want string
		err  string
	}{
		{"none", env{}, "", ""},
		{"the first", env{"AWS_TOKEN": "a", "AWS_SESSION_TOKEN": "b", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "c"}, "a", ""},
		{"the second", env{"AWS_TOKEN": "", "AWS_SESSION_TOKEN": "b", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "c"}, "b", ""},
		{"the third", env{"AWS_CONTAINER_AUTHORIZATION_TOKEN": "c"}, "c", ""},
		{"a file", env{"AWS_SESSION_TOKEN": "file://" + file}, "from a file", ""},
		{"no file", env{"AWS_TOKEN": "file:///none/such", "AWS_SESSION_TOKEN": "b"}, "", "AWS_TOKEN: open /none/such"},
		{"an empty file", env{"AWS_TOKEN": "file://" + empty, "AWS_SESSION_TOKEN": "b"}, "", "is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Token(tt.env.get)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %q, %v; want %q, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	for _, tt := range []struct{ port, url, err string }{
		{"", "http://127.0.0.1:2773", ""},
		{"8080", "http://127.0.0.1:8080", ""},
		{"0", "", `got "0", want a port`},
		{"65536", "", `got "65536", want a port`},
		{"x", "", `got "x", want a port`},
	} {
		c, err := FromEnv(env{"AWS_SESSION_TOKEN": "t", portVariable: tt.port}.get)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("port %q: error %v, want %q", tt.port, err, tt.err)
		}
		if err == nil && (c.base != tt.url || c.token != "t") {
			t.Errorf("port %q: got %q, want %q", tt.port, c.base, tt.url)
		}
	}
	if _, err := FromEnv(env{}.get); err == nil || !strings.Contains(err.Error(), "AWS_SESSION_TOKEN") {
		t.Errorf("without a token: error %v, want one that names the variables", err)
	}
}

// reply serves one answer and remembers the request.
func reply(t *testing.T, status int, contentType, body string) (*Client, *http.Request) {
	t.Helper()
	got := new(http.Request)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*got = *r
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("ETag", `"7"`)
		w.Header().Set("Location", "http://evil.example/")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return New(Options{URL: s.URL, Token: "t"}), got
}

func TestGet(t *testing.T) {
	c, r := reply(t, 200, "application/json", `{"ARN":"arn:x","CreatedDate":"2023-12-28T14:57:31.359Z","Name":"a/b","SecretBinary":null,`+
		`"SecretString":"s","VersionId":"v1","VersionStages":["AWSCURRENT"],"ResultMetadata":{}}`)
	got, err := c.Get(t.Context(), "a/b+c d", Version("v1"), Stage("S"), RefreshNow())
	if err != nil {
		t.Fatal(err)
	}
	want := &Secret{
		ARN: "arn:x", Name: "a/b", VersionID: "v1", VersionStages: []string{"AWSCURRENT"},
		CreatedDate: time.Date(2023, 12, 28, 14, 57, 31, 359e6, time.UTC), SecretString: new("s"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, want := r.URL.String(), "/secretsmanager/get?refreshNow=true&secretId=a%2Fb%2Bc+d&versionId=v1&versionStage=S"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	if got := r.Header.Get(TokenHeader); got != "t" {
		t.Errorf("token = %q", got)
	}
}

func TestGetBinary(t *testing.T) {
	c, _ := reply(t, 200, "application/json", `{"SecretBinary":"AP8=","SecretString":null,"CreatedDate":null,"VersionStages":null}`)
	got, err := c.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if got.SecretString != nil || !bytes.Equal(got.SecretBinary, []byte{0, 0xff}) {
		t.Errorf("got %q and %q", *got.SecretString, got.SecretBinary)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		want                    Error
	}{
		{"text", "text/plain; charset=utf-8", "Bad Token", 403, Error{403, "", "Bad Token"}},
		{"JSON", "application/json", `{"__type":"T","message":"m"}`, 400, Error{400, "T", "m"}},
		{"broken JSON", "application/json", `{"__type":`, 502, Error{502, "", `{"__type":`}},
		{"much", "text/html", strings.Repeat("x", 9999), 500, Error{500, "", strings.Repeat("x", 512)}},
		{"a redirect, which is not followed", "text/plain", "", 302, Error{302, "", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := reply(t, tt.status, tt.contentType, tt.body)
			calls := map[string]func() error{
				"Get":        func() error { _, err := c.Get(t.Context(), "x"); return err },
				"Key":        func() error { _, err := c.Key(t.Context(), "x", "k"); return err },
				"Env":        func() error { _, _, err := c.Env(t.Context()); return err },
				"Rotation":   func() error { _, err := c.Rotation(t.Context(), []byte("{}")); return err },
				"RotationOf": func() error { _, err := c.RotationOf(t.Context(), "x", "v"); return err },
				"Refresh":    func() error { _, _, err := c.Refresh(t.Context(), "x", "v"); return err },
				"Ping":       func() error { return c.Ping(t.Context()) },
			}
			for name, call := range calls {
				err := call()
				got, ok := errors.AsType[*Error](err)
				if !ok {
					t.Fatalf("%s: error %v, want an *Error", name, err)
				}
				if diff := cmp.Diff(tt.want, *got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		})
	}
}

func TestErrorsReadWell(t *testing.T) {
	c, _ := reply(t, 400, "application/json", `{"__type":"T","message":"m"}`)
	_, err := c.Get(t.Context(), "x")
	if got, want := err.Error(), `get secret "x": status 400: T: m`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = New(Options{URL: "http://127.0.0.1:1", Token: "t0k3n"}).Get(t.Context(), "x")
	if got := err.Error(); !strings.HasPrefix(got, `get secret "x": dial tcp 127.0.0.1:1`) {
		t.Errorf("got %s", got)
	}
	if got, want := (&Error{Status: 403, Message: "Bad Token"}).Error(), "status 403: Bad Token"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnswersThatAreNoJSON(t *testing.T) {
	const value = "s3cret"
	c, _ := reply(t, 200, "application/json", `{"SecretString":"`+value)
	_, err1 := c.Get(t.Context(), "x")
	_, _, err2 := c.Env(t.Context())
	_, _, err3 := c.Refresh(t.Context(), "x", "")
	_, err4 := c.Rotation(t.Context(), nil)
	for i, err := range []error{err1, err2, err3, err4} {
		if err == nil || strings.Contains(err.Error(), value) {
			t.Errorf("%d: error %v, want one without the value", i, err)
		}
	}
}

func TestContextEndsCalls(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := New(Options{URL: s.URL}).Get(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestNoProxy(t *testing.T) {
	if New(Options{}).http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the client would use a proxy")
	}
}

func TestSecretDoesNotPrint(t *testing.T) {
	s := Secret{ARN: "arn", SecretString: new("s3cret"), SecretBinary: []byte("s3cret")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "pointer", &s)
	out := log.String() + fmt.Sprint(s, &s) + fmt.Sprintf("%v %+v %#v %s %q %x %d", s, &s, s, s, s, s, &s)
	if strings.Contains(out, "s3cret") || strings.Contains(out, "733363726574") || strings.Contains(out, "115 51") {
		t.Errorf("it printed: %s", out)
	}
	if got, want := s.String()+s.GoString(), "[secret][secret]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if b, err := json.Marshal(&s); err == nil {
		t.Errorf("it marshalled: %s", b)
	}
}
