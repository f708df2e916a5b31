package extension_test

import (
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
