package lambdatest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/extension"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// loop is a well-behaved extension. It tells each event to seen.
func loop(l *lambdatest.Lambda, name string, seen func(*extension.Event)) func(context.Context) error {
	return func(ctx context.Context) error {
		s, err := extension.Register(ctx, extension.Options{API: l.API(), Name: name, Events: extension.EventsFor("")})
		if err != nil {
			return err
		}
		for {
			e, err := s.Next(ctx)
			if err != nil {
				return errors.Join(err, s.ExitError(ctx, "Extension.NextFailed", err))
			}
			seen(e)
			if e.Type == extension.Shutdown {
				return nil
			}
		}
	}
}

func echo(_ context.Context, event []byte) ([]byte, error) { return event, nil }

func TestWholeLife(t *testing.T) {
	l := lambdatest.New(lambdatest.Options{TB: t})
	defer l.Close()
	var seen []extension.EventType
	ext, err := l.GoExtension("ext", loop(l, "ext", func(e *extension.Event) { seen = append(seen, e.Type) }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.StartHandler(echo); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		res, err := l.Invoke(t.Context(), []byte(`{"a":1}`))
		if err != nil || res.Error != nil {
			t.Fatalf("Invoke: %v, %v", err, res.Error)
		}
		if got, want := string(res.Payload), `{"a":1}`; got != want {
			t.Errorf("payload: got %s, want %s", got, want)
		}
	}
	if err := l.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	<-ext.Done()
	if got, want := len(seen), 4; got != want {
		t.Errorf("got %d events, want %d: %v", got, want, seen)
	}
}
