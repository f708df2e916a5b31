package awssm

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// FuzzAnswers gives any answer for that of Secrets Manager, or of the endpoint that
// has credentials. What comes out is what encoding/json finds in the answer, or an
// error of the kind that callers know, without any piece of what may be a value.
func FuzzAnswers(f *testing.F) {
	const record = `"ARN":"arn:aws:secretsmanager:us-east-1:1:secret:db-AbCdEf","Name":"db","VersionId":"v1","VersionStages":["AWSCURRENT"],"CreatedDate":1.7e9`
	for _, body := range []string{
		`{` + record + `,"SecretString":"{\"password\":\"c4n4ry-of-12\"}"}`, `{` + record + `,"SecretBinary":"AP8="}`, `{` + record + `,"SecretBinary":"?"}`,
		`{` + record + `,"SecretString":null,"SecretBinary":null}`, `{` + record + `,"SecretString":5}`, `{"Name":"other","SecretString":"c4n4ry-of-12"}`,
		`{"Name":"db","SecretString":"","CreatedDate":1e300,"VersionId":"a\r\nb"}`, `{"Name":"db","SecretString":"c4n4ry-of-12"`, `null`, `[]`, ``, `<html>`,
		`{"Name":"db","SecretString":"\ud800","VersionStages":[null,""],"CreatedDate":"NaN"} x`, `{"Name":"d` + "\xff" + `"}`,
	} {
		f.Add(uint16(200), "", []byte(body), false)
	}
	for _, body := range []string{
		`{"__type":"com.amazonaws.secretsmanager#ResourceNotFoundException:","message":"m"}`, `{"code":"ThrottlingException","Message":"m"}`,
		`{"__type":"AccessDeniedException","Message":null}`, `{"__type":""}`, `{"__type":{}}`, `<html>`, ``,
	} {
		f.Add(uint16(400), "", []byte(body), false)
		f.Add(uint16(503), "InternalServiceError:http://x", []byte(body), false)
		f.Add(uint16(404), "", []byte(body), true)
	}
	f.Add(uint16(301), "", []byte(nil), false)
	for _, body := range []string{
		`{"AccessKeyId":"ASIA","SecretAccessKey":"c4n4ry-of-12","Token":"t","Expiration":"2040-01-02T03:04:05Z"}`, `{"accesskeyid":"A","SECRETACCESSKEY":"S"}`,
		`{"AccessKeyId":"ASIA","SecretAccessKey":""}`, `{"AccessKeyId":"ASIA","SecretAccessKey":"c4n4ry-of-12","Expiration":"soon"}`, `null`, `[]`, `{} {}`, ``,
	} {
		f.Add(uint16(200), "", []byte(body), true)
	}
	f.Fuzz(func(t *testing.T, status uint16, errorType string, body []byte, keys bool) {
		if status < 200 || status > 599 {
			status = 200 + status%400 // what is below ends no answer
		}
		if strings.ContainsFunc(errorType, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return // no header has that
		}
		if keys {
			checkKeys(t, int(status), body)
			return
		}
		synctest.Test(t, func(t *testing.T) { checkSecret(t, int(status), errorType, body) })
	})
}

func checkSecret(t *testing.T, status int, errorType string, body []byte) {
	client := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if errorType != "" {
			w.Header().Set("X-Amzn-ErrorType", errorType)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})))
	got, err := client.Fetch(t.Context(), cache.Query{ID: "db"})
	if err != nil {
		checkFailure(t, err, status, errorType, body)
	}
	if (got == nil) == (err == nil) {
		t.Fatalf("got the secret %v and the error %v, want one", got, err)
	}
	if got != nil && (status/100 != 2 || status == http.StatusNoContent) {
		t.Fatalf("got a secret of an answer of status %d", status)
	}
	if got != nil {
		if _, err := json.Marshal(got.Created); err != nil {
			t.Errorf("the endpoint cannot say when it was created: %v", err)
		}
		if !versionID.MatchString(got.VersionID) {
			t.Errorf("the version id %q does not fit into a header", got.VersionID)
		}
	}
	if status != http.StatusOK {
		return
	}
	want, clear := secretIn(body)
	if !clear {
		return
	}
	if diff := cmp.Diff(want, got, sameSecret); diff != "" {
		t.Errorf("-encoding/json +got\n%s\n%v", diff, err)
	}
}

func checkFailure(t *testing.T, err error, status int, errorType string, body []byte) {
	t.Helper()
	e, ok := errors.AsType[*cache.Error](err)
	if !ok || e.ID != "db" || e.Type == "" || e.Message == "" && status < 300 || e.Status < 300 || e.Status > 599 {
		t.Fatalf("got the error %#v", err)
	}
	members, clear := objectIn(body)
	if status >= 400 && clear && errorType == "" {
		kind, ok := members["__type"].(string)
		message, _ := members["message"].(string)
		if ok && plainWord.MatchString(kind) && members["code"] == nil && members["Message"] == nil && len(message) < 1000 && message != "" {
			if e.Status != status || e.Type != kind || e.Message != message {
				t.Errorf("got %d %q %q, want %d %q %q", e.Status, e.Type, e.Message, status, kind, message)
			}
		}
	}
	for _, name := range []string{"SecretString", "SecretBinary", "SecretAccessKey"} {
		value, _ := members[name].(string)
		if len(value) >= 12 && status < 400 && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), value) &&
			bytes.Count(body, []byte(value)) == 1 {
			t.Errorf("the error has the value: %v", err)
		}
	}
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z]+$`)
	versionID = regexp.MustCompile(`^[!#-~]*$`)
)

// secretIn returns the secret that an answer has, nil if it is none to the question
// for db. It is not clear when a member is there twice.
func secretIn(body []byte) (s *cache.Secret, clear bool) {
	m, clear := objectIn(body)
	if m == nil || !clear {
		return nil, clear
	}
	s = &cache.Secret{}
	fits := true
	for name, to := range map[string]*string{"ARN": &s.ARN, "Name": &s.Name, "VersionId": &s.VersionID} {
		*to = text(m[name], &fits)
	}
	switch stages := m["VersionStages"].(type) {
	case nil:
	case []any:
		s.Stages = []string{}
		for _, stage := range stages {
			if stage == nil {
				return nil, false
			}
			s.Stages = append(s.Stages, text(stage, &fits))
		}
	default:
		fits = false
	}
	switch at := m["CreatedDate"].(type) {
	case nil:
	case json.Number:
		if at != "1.7e9" {
			return nil, false // the arithmetic is not ours
		}
		s.Created = time.Unix(1.7e9, 0).UTC()
	default:
		return nil, false
	}
	binary, err := base64.StdEncoding.DecodeString(text(m["SecretBinary"], &fits))
	if m["SecretString"] != nil {
		s.Value = cache.Text(text(m["SecretString"], &fits))
	} else {
		s.Value = cache.Binary(binary)
	}
	if err != nil || !fits || m["SecretString"] == nil && m["SecretBinary"] == nil || s.Name != "db" || !versionID.MatchString(s.VersionID) {
		return nil, true
	}
	return s, true
}

func text(v any, fits *bool) string {
	s, ok := v.(string)
	*fits = *fits && (ok || v == nil)
	return s
}

// objectIn returns the members of a JSON object, nil if body is none. It is not
// clear what an object says that has a member twice, but for the case of letters,
// is no UTF-8, or is followed by something.
func objectIn(body []byte) (members map[string]any, clear bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&members) != nil || members == nil {
		return nil, json.Valid(body)
	}
	seen := map[string]bool{}
	again := json.NewDecoder(bytes.NewReader(body))
	_, _ = again.Token()
	for again.More() {
		name, _ := again.Token()
		var raw json.RawMessage
		_ = again.Decode(&raw)
		lower := strings.ToLower(name.(string))
		if seen[lower] {
			return members, false
		}
		seen[lower] = true
	}
	return members, json.Valid(body) && utf8.Valid(body) && !bytes.Contains(body, []byte(`\u`))
}

func checkKeys(t *testing.T, status int, body []byte) {
	c := newContainer(CredentialOptions{ContainerURL: "http://127.0.0.1:1/"})
	c.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
		}, nil
	})
	got, err := (&credentials{c}).Retrieve(context.Background())
	if err != nil {
		if _, ok := errors.AsType[*credentialsError](err); !ok {
			t.Fatalf("got the error %#v", err)
		}
		members, _ := objectIn(body)
		value, _ := members["SecretAccessKey"].(string)
		if len(value) >= 12 && status < 400 && strings.Contains(err.Error(), value) {
			t.Errorf("the error has the key: %v", err)
		}
	}
	if err == nil && (!got.HasKeys() || status/100 != 2) {
		t.Fatalf("got no keys and no error of status %d", status)
	}
	m, clear := objectIn(body)
	if !clear || status/100 != 2 {
		return
	}
	want, ok := keysIn(m)
	if ok != (err == nil) {
		t.Fatalf("got %v, want keys: %t", err, ok)
	}
	if ok && (got.AccessKeyID != want.id || got.SecretAccessKey != want.secret || got.SessionToken != want.token || !got.Expires.Equal(want.expires)) {
		t.Errorf("got other keys than the answer has")
	}
}

type keysOfAnswer struct {
	id, secret, token string
	expires           time.Time
}

func keysIn(members map[string]any) (k keysOfAnswer, ok bool) {
	lower := map[string]any{}
	for name, v := range members {
		lower[strings.ToLower(name)] = v
	}
	fits := true
	k = keysOfAnswer{id: text(lower["accesskeyid"], &fits), secret: text(lower["secretaccesskey"], &fits), token: text(lower["token"], &fits)}
	_ = text(lower["accountid"], &fits)
	if at := lower["expiration"]; at != nil {
		var err error
		k.expires, err = time.Parse(time.RFC3339, text(at, &fits))
		fits = fits && err == nil
	}
	return k, fits && k.id != "" && k.secret != ""
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
