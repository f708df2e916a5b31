package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/localhttp"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// FuzzClient sends a question of the client to the endpoint over HTTP, and wants
// Secrets Manager to be asked just that and the value to come back; then has
// something else answer, and wants what encoding/json finds there or an error that
// does not quote it.
func FuzzClient(f *testing.F) {
	f.Add("prod/db", "", "", "s3cret-of-15-by", false, 200, "application/json", `{"SecretString":"s","VersionId":"v"}`)
	f.Add("a b+c%2F/../é&secretId=x#y?", "v=1&", "AWS PENDING+", `{"k":1.0}`, false, 404, "application/json; charset=x", `{"__type":"T","message":"m"}`)
	f.Add("\x00\n", "\r\n", ";", "\xff\x00\xfe", true, 403, "text/plain", " Bad Token\n")
	f.Add("arn:aws:secretsmanager:eu-west-1:1:secret:a-AbCdEf", "v", cache.Current, "\u2028<&>\ud7ff", false, 304, "", "")
	f.Add("x", "", "", "", true, 200, "application/json", `{"SecretBinary":"AP8=","SecretString":null,"CreatedDate":"soon"}`)
	f.Add("x", "", "", "", false, 200, "application/json", `{"rotated":true,"secretId":"a","versionId":"v","changed":true}`)
	f.Add("x", "", "", "", false, 200, "application/json", `{"A":"1","B":null}`)
	f.Add("x", "", "", "", false, 502, "application/json", `{"__type":`)
	f.Add("x", "", "", "", false, 400, "application/json", `{"__type":"ResourceNotFoundException","message":"none"}`)
	token := filepath.Join(f.TempDir(), "token")
	f.Fuzz(func(t *testing.T, id, version, stage, value string, binary bool, status int, contentType, body string) {
		if id != "" && utf8.ValidString(id) && utf8.RuneCountInString(id) <= 2048 {
			checkRoundTrip(t, cache.Query{ID: id, VersionID: version, Stage: stage}, value, binary)
		}
		checkToken(t, token, value)
		if status < 200 || status > 599 {
			status = 200
		}
		checkAnswer(t, status, contentType, body)
	})
}

// wire serves requests that went through their spelling, as over a connection.
type wire struct{ h http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		return nil, err
	}
	got, err := http.ReadRequest(bufio.NewReader(&b))
	if err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, got)
	return rec.Result(), nil
}

func checkRoundTrip(t *testing.T, q cache.Query, value string, binary bool) {
	t.Helper()
	var asked []cache.Query
	want := cache.Text(value)
	if binary {
		want = cache.Binary([]byte(value))
	}
	c := cache.New(func(_ context.Context, q cache.Query) (*cache.Secret, error) {
		asked = append(asked, q)
		return &cache.Secret{Name: q.ID, VersionID: "v1", Stages: []string{q.Stage}, Value: want}, nil
	}, cache.Options{Size: 1})
	h := localhttp.NewHandler(localhttp.Options{Cache: c, Token: "t"})
	got, err := client.New(client.Options{URL: "http://localhost", Token: "t", HTTPClient: &http.Client{Transport: wire{h}}}).
		Get(t.Context(), q.ID, client.Version(q.VersionID), client.Stage(q.Stage))
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	if q.Stage == cache.Current && q.VersionID == "" {
		q.Stage = "" // the same
	}
	if len(asked) != 1 || asked[0] != q {
		t.Fatalf("asked for %+v, want %+v", asked, q)
	}
	switch {
	case got.Name != q.ID || got.VersionID != "v1":
		t.Errorf("got %q in version %q", got.Name, got.VersionID)
	case binary && (got.SecretString != nil || string(got.SecretBinary) != value):
		t.Errorf("got the bytes %q, want %q", got.SecretBinary, value)
	case !binary && (got.SecretBinary != nil || got.SecretString == nil || *got.SecretString != string([]rune(value))):
		t.Errorf("got another text than %q", value)
	}
}

// checkToken is about a token in a file, which stands there between white space.
func checkToken(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := client.Token(func(name string) string {
		return map[string]string{"AWS_SESSION_TOKEN": "file://" + path, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "last"}[name]
	})
	want := strings.TrimRightFunc(strings.TrimLeftFunc(content, unicode.IsSpace), unicode.IsSpace)
	if got != want || (err != nil) != (want == "") {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// answered is a transport that gets one answer, whatever it asks.
type answered struct {
	status            int
	contentType, body string
}

func (a answered) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {a.contentType}}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func checkAnswer(t *testing.T, status int, contentType, body string) {
	t.Helper()
	c := client.New(client.Options{HTTPClient: &http.Client{
		Transport:     answered{status, contentType, body},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	secret, errGet := c.Get(t.Context(), "x")
	key, errKey := c.Key(t.Context(), "x", "k")
	vars, _, errEnv := c.Env(t.Context())
	r, errRotation := c.Rotation(t.Context(), []byte("{}"))
	if status/100 != 2 && status != http.StatusNotModified {
		for _, err := range []error{errGet, errKey, errEnv, errRotation} {
			checkError(t, err, status, contentType, body)
		}
		return
	}
	if errKey != nil || key != body {
		t.Errorf("the key is %q, %v, want %q", key, errKey, body)
	}
	if got, want := errEnv == nil, fits[map[string]string](body); got != want || got && !maps.Equal(vars, decoded[map[string]string](body)) {
		t.Errorf("the variables are %v, %v, want any: %t", vars, errEnv, want)
	}
	if errRotation == nil && string(r.Body) != body || errRotation == nil && !json.Valid([]byte(body)) {
		t.Errorf("the rotation is %+v of %q", r, body)
	}
	if errGet == nil {
		s := decoded[struct{ SecretString *string }](body).SecretString
		if (s == nil) != (secret.SecretString == nil) || s != nil && *s != *secret.SecretString {
			t.Errorf("the secret is another than that of %q", body)
		}
	}
	for _, err := range []error{errGet, errEnv, errRotation} {
		if err != nil && len(body) > 20 && strings.Contains(err.Error(), body) {
			t.Errorf("the error quotes the answer: %v", err)
		}
	}
}

func checkError(t *testing.T, err error, status int, contentType, body string) {
	t.Helper()
	got, ok := errors.AsType[*client.Error](err)
	if !ok || got.Status != status {
		t.Fatalf("got the error %#v, want status %d", err, status)
	}
	said := decoded[map[string]any](body)
	kind, isKind := said["__type"].(string)
	message, isMessage := said["message"].(string)
	switch {
	case contentType == "application/json" && isKind && isMessage && len(said) == 2 && strings.Count(body, `":`) == 2:
		if got.Type != kind || got.Message != message {
			t.Errorf("got %q %q, want %q %q", got.Type, got.Message, kind, message)
		}
	case contentType == "text/plain":
		if want := strings.TrimSpace(body[:min(len(body), 512)]); got.Type != "" || got.Message != want {
			t.Errorf("got %q %q, want %q", got.Type, got.Message, want)
		}
	}
}

func fits[T any](body string) bool {
	var v T
	return json.Unmarshal([]byte(body), &v) == nil
}

func decoded[T any](body string) (v T) {
	_ = json.Unmarshal([]byte(body), &v)
	return v
}
