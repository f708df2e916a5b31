package extension_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/extension"
)

func TestDecodeEvent(t *testing.T) {
	tests := []struct {
		in   string
		want extension.Event
	}{
		{`{"eventType":"invoke"}`, extension.Event{Type: extension.Invoke}},
		{`{"eventType":"Shutdown","shutdownReason":"spindown","deadlineMs":1700000000123}`, extension.Event{
			Type: extension.Shutdown, ShutdownReason: "spindown", Deadline: time.UnixMilli(1700000000123),
		}},
		{`{"eventType":"SHUTDOWN","shutdownReason":"WHATEVER","new":[{}]}`, extension.Event{Type: extension.Shutdown, ShutdownReason: "WHATEVER"}},
		{`{"eventType":"RESTORE","deadlineMs":0}`, extension.Event{Type: "RESTORE"}},
		{`{"eventType":"INVOKE","requestId":"r","invokedFunctionArn":"a","tracing":null}`, extension.Event{
			Type: extension.Invoke, RequestID: "r", InvokedFunctionARN: "a",
		}},
	}
	for _, tt := range tests {
		got, err := extension.DecodeEvent([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if diff := cmp.Diff(tt.want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"eventType":"INVOKE","deadlineMs":1700000000123,"requestId":"r","invokedFunctionArn":"a","tracing":{"type":"t","value":"v"}}`))
	f.Add([]byte(`{"eventType":"SHUTDOWN","shutdownReason":"TIMEOUT","deadlineMs":1}`))
	f.Add([]byte(`{"eventType":""}`))
	f.Add([]byte(`{"eventType":"ſhutdown","deadlineMs":-1e3}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := extension.DecodeEvent(data)
		if (e == nil) == (err == nil) {
			t.Fatalf("got the event %v and the error %v, want exactly one", e, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "decode the event: ") {
				t.Errorf("got the error %v, want one that says what was done", err)
			}
			return
		}
		if e.Type == "" {
			t.Error("got an event without a type")
		}
		if strings.EqualFold(string(e.Type), "SHUTDOWN") && e.Type != extension.Shutdown {
			t.Errorf("got the type %q, want %q", e.Type, extension.Shutdown)
		}
	})
}
