package shim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"
)

type order struct {
	Item  string `json:"item"`
	Count any    `json:"count"`
}

type rawHandler func(context.Context, []byte) ([]byte, error)

func (h rawHandler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return h(ctx, payload)
}

var errOrder = errors.New("out of stock")

// handlers has every form that aws-lambda-go takes, and some that it refuses.
var handlers = map[string]any{
	"func()":                       func() {},
	"func(in)":                     func(order) {},
	"func() error":                 func() error { return errOrder },
	"func(in) error":               func(o order) error { return nil },
	"func() (out, error)":          func() (string, error) { return "out", nil },
	"func(in) (out, error)":        func(o order) (order, error) { return o, nil },
	"func(ctx)":                    func(context.Context) {},
	"func(ctx) error":              func(context.Context) error { return nil },
	"func(ctx) (out, error)":       func(context.Context) (*order, error) { return nil, errOrder },
	"func(ctx, in)":                func(context.Context, *order) {},
	"func(ctx, in) error":          func(context.Context, any) error { return errOrder },
	"func(ctx, in) (out, error)":   func(_ context.Context, o order) (any, error) { return o, nil },
	"func(raw)":                    func(m json.RawMessage) (json.RawMessage, error) { return m, nil },
	"shows the type of a number":   func(o order) (string, error) { return fmt.Sprintf("%T", o.Count), nil },
	"markup":                       func() (string, error) { return "<&>", nil },
	"reader":                       func(o order) (io.Reader, error) { return strings.NewReader("raw " + o.Item), nil },
	"streaming response":           streamed,
	"handler value":                rawHandler(func(_ context.Context, p []byte) ([]byte, error) { return append([]byte("raw:"), p...), nil }),
	"handler of aws-lambda-go":     lambda.NewHandler(func(o order) (order, error) { return o, nil }),
	"handler with its own options": lambda.NewHandlerWithOptions(func(o order) (order, error) { return o, nil }, lambda.WithSetIndent(">", "  ")),
	"nil":                          nil,
	"no function":                  42,
	"three arguments":              func(context.Context, order, order) {},
}

func streamed(o order) (*events.LambdaFunctionURLStreamingResponse, error) {
	return &events.LambdaFunctionURLStreamingResponse{StatusCode: 201, Body: strings.NewReader("streamed " + o.Item)}, nil
}

func TestHandlersAnswerAsWithoutTheShim(t *testing.T) {
	options := map[string][]lambda.Option{
		"none": nil,
		"all": {
			lambda.WithUseNumber(true), lambda.WithDisallowUnknownFields(true),
			lambda.WithSetEscapeHTML(true), lambda.WithSetIndent("", " "),
		},
	}
	payloads := []string{
		`{"item":"tea","count":3}`, ` {"item":"tea","count":1e400,"more":"<>"} `, `"text"`, `null`, `[1]`, `{`, ``, "\x00\xff",
	}
	for form, handler := range handlers {
		for set, o := range options {
			plain := lambda.NewHandlerWithOptions(handler, o...)
			wrapped, _ := wrap(t, newEndpoint(nil), handler, HandlerOptions(o...))
			for _, p := range payloads {
				want, wantErr := plain.Invoke(t.Context(), []byte(p))
				got, err := wrapped.Invoke(t.Context(), []byte(p))
				if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) || fmt.Sprintf("%T", err) != fmt.Sprintf("%T", wantErr) {
					t.Errorf("%s, options %s, payload %q:\ngot  %q, %v\nwant %q, %v", form, set, p, got, err, want, wantErr)
				}
			}
			if got := invokeText(t, wrapped, rotationEvent); !strings.HasPrefix(got, `{"changed":true`) {
				t.Errorf("%s: a rotation was answered with %q, want the extension's answer", form, got)
			}
		}
	}
}

func TestHandlerGetsPayloadAndContextUntouched(t *testing.T) {
	const payload = "\n { \"Records\": [ ],  \"secretsmanager\":\t1.0e1 } \x00"
	var gotCtx context.Context
	var gotPayload []byte
	h, _ := wrap(t, newEndpoint(nil), rawHandler(func(ctx context.Context, p []byte) ([]byte, error) {
		gotCtx, gotPayload = ctx, p
		return nil, nil
	}))
	ctx, in := context.WithValue(t.Context(), t, "value"), []byte(payload)
	if _, err := h.Invoke(ctx, in); err != nil {
		t.Fatal(err)
	}
	if gotCtx != ctx {
		t.Errorf("got another context: %v", gotCtx)
	}
	if &gotPayload[0] != &in[0] || string(gotPayload) != payload {
		t.Errorf("got payload %q, want the very bytes", gotPayload)
	}
}

func TestPanicOfTheHandlerIsItsOwn(t *testing.T) {
	h, _ := wrap(t, newEndpoint(nil), func() { panic("mine") })
	defer func() {
		if got := recover(); got != "mine" {
			t.Errorf("recovered %v, want the handler's panic", got)
		}
	}()
	_, _ = h.Invoke(t.Context(), nil)
}

func TestWrapLeavesTheHandlerOfTheCallerAlone(t *testing.T) {
	c := &counter{}
	theirs := lambda.NewHandler(c.handle)
	ours, _ := wrap(t, newEndpoint(nil), theirs)
	invokeText(t, theirs, rotationEvent)
	if c.calls() != 1 {
		t.Errorf("the caller's handler was changed: called %d times, want 1", c.calls())
	}
	invokeText(t, ours, rotationEvent)
	if c.calls() != 1 {
		t.Errorf("the wrapped handler saw a rotation: called %d times, want 1", c.calls())
	}
}

func TestInterceptRefusesWhatItDoesNotKnow(t *testing.T) {
	around := func(next invoke) invoke { return next }
	for name, h := range map[string]lambda.Handler{
		"func":   rawHandler(nil),
		"struct": &struct{ rawHandler }{},
	} {
		if _, err := intercept(h, around); err == nil || !strings.Contains(err.Error(), "aws-lambda-go") {
			t.Errorf("%s: got %v, want an error that names aws-lambda-go", name, err)
		}
	}
}

func TestAnswerIsJSON(t *testing.T) {
	_, s := wrap(t, newEndpoint(nil), func() {})
	r, err := s.around(nil)(t.Context(), []byte(rotationEvent))
	if err != nil {
		t.Fatal(err)
	}
	typed, ok := r.(interface{ ContentType() string })
	if !ok || typed.ContentType() != "application/json" {
		t.Errorf("the answer %T has no content type application/json", r)
	}
	got, _ := io.ReadAll(r)
	want := map[string]any{"rotated": true, "secretId": "prod/db", "versionId": "v2", "changed": true}
	var m map[string]any
	if err := json.Unmarshal(got, &m); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
}
