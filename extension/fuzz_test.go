package extension_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/extension"
)

// reply is a transport whose peer answers Register, and everything else alike.
type reply struct {
	status int
	body   []byte
}

func (a reply) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/register") {
		return hang{register: true}.RoundTrip(r)
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.body))}, nil
}

// FuzzNext gives any answer for an event. It is an event with the members that
// encoding/json finds, or an error that says which call failed, with the status if
// Lambda refused it.
func FuzzNext(f *testing.F) {
	for _, body := range []string{
		`{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"r","invokedFunctionArn":"a","tracing":{"type":"t","value":"v"}}`,
		`{"eventType":"SHUTDOWN","shutdownReason":"TIMEOUT","deadlineMs":1}`, `{"eventType":""}`, `{"eventType":"ſhutdown","deadlineMs":-1e3}`,
		`{"EVENTTYPE":"shutdown","eventtype":"x"}`, `{"EventType":"Invoke"}`, `{"eventType":"INVOKE","deadlineMs":1.5}`, `{"eventType":"INVOKE","tracing":null}`, `null`, `[]`, ``, `{`,
	} {
		f.Add(200, []byte(body))
		f.Add(403, []byte(body))
	}
	f.Add(403, []byte(`{"errorType":"Extension.InvalidEventType","errorMessage":"m"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			status = 200
		}
		s, err := extension.RegisterThrough(t.Context(), reply{status, body})
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Next(t.Context())
		if (e == nil) == (err == nil) {
			t.Fatalf("got the event %v and the error %v, want exactly one", e, err)
		}
		members, clear := membersOf(body)
		switch refused, is := errors.AsType[*extension.Error](err); {
		case is != (status/100 != 2):
			t.Fatalf("status %d: got the error %v", status, err)
		case is:
			checkError(t, refused, status, members, clear)
		case err != nil:
			if !strings.HasPrefix(err.Error(), "next: decode the event: ") {
				t.Errorf("got the error %v, want one that says what was done", err)
			}
			if want := eventIn(members); clear && want != nil {
				t.Errorf("got the error %v, want %+v", err, want)
			}
		case clear:
			if diff := cmp.Diff(eventIn(members), e); diff != "" {
				t.Errorf("-encoding/json +got\n%s", diff)
			}
		}
	})
}

func checkError(t *testing.T, got *extension.Error, status int, members map[string]any, clear bool) {
	t.Helper()
	want := extension.Error{Call: "next", Status: status}
	kind, isKind := members["errortype"].(string)
	message, isMessage := members["errormessage"].(string)
	if !clear || !isKind && members["errortype"] != nil || !isMessage && members["errormessage"] != nil {
		return // half an error is as good as none
	}
	want.Type, want.Message = kind, message
	if message == "" {
		want.Message = http.StatusText(status)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// eventIn returns the event that the members of an answer make, nil if they make
// none.
func eventIn(members map[string]any) *extension.Event {
	fits := true
	text := func(v any) string {
		s, ok := v.(string)
		fits = fits && (ok || v == nil)
		return s
	}
	tracing, isTracing := members["tracing"].(map[string]any)
	fits = fits && (isTracing || members["tracing"] == nil)
	e := &extension.Event{
		Type:               extension.EventType(text(members["eventtype"])),
		RequestID:          text(members["requestid"]),
		InvokedFunctionARN: text(members["invokedfunctionarn"]),
		ShutdownReason:     text(members["shutdownreason"]),
		Tracing:            extension.Tracing{Type: text(tracing["type"]), Value: text(tracing["value"])},
	}
	for _, known := range []extension.EventType{extension.Invoke, extension.Shutdown} {
		if strings.EqualFold(string(e.Type), string(known)) {
			e.Type = known
		}
	}
	switch at := members["deadlinems"].(type) {
	case nil:
	case json.Number:
		ms, err := at.Int64()
		fits = fits && err == nil
		if ms != 0 {
			e.Deadline = time.Unix(0, 0).Add(time.Duration(ms/1000) * time.Second).Add(time.Duration(ms%1000) * time.Millisecond)
		}
		if ms > math.MaxInt64/int64(time.Millisecond) || ms < math.MinInt64/int64(time.Millisecond) {
			e.Deadline = time.UnixMilli(ms) // beyond what a Duration counts
		}
	default:
		fits = false
	}
	if !fits || e.Type == "" {
		return nil
	}
	return e
}

// membersOf returns the members of a JSON object, nil if body is none, with names in
// lower case, as those of a struct are found. It is not clear what an object says
// that has a name twice.
func membersOf(body []byte) (members map[string]any, clear bool) {
	clear = true
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if first, _ := d.Token(); first != json.Delim('{') || !json.Valid(body) {
		return nil, true
	}
	members = map[string]any{}
	for d.More() {
		name, _ := d.Token()
		var v any
		var raw json.RawMessage
		_ = d.Decode(&raw)
		lower := strings.ToLower(strings.ToUpper(name.(string))) // "ſ" is an "s"
		if inner, ok := membersOf(raw); inner != nil {
			v, clear = inner, clear && ok
		} else {
			n := json.NewDecoder(bytes.NewReader(raw))
			n.UseNumber()
			_ = n.Decode(&v)
		}
		_, twice := members[lower]
		clear = clear && !twice
		members[lower] = v
	}
	return members, clear
}
