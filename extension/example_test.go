package extension_test

import (
	"context"
	"log"

	"github.com/aws-secretsmanager/lambda-extension/extension"
)

// A whole extension: it registers, follows the events, and says why it fails.
func Example() {
	run := func(ctx context.Context, api, initializationType string) error {
		s, err := extension.Register(ctx, extension.Options{
			API: api, Name: "my-extension", Events: extension.EventsFor(initializationType),
		})
		for err == nil {
			var e *extension.Event
			if e, err = s.Next(ctx); err == nil && e.Type == extension.Shutdown {
				return nil
			}
		}
		if s != nil {
			_ = s.ExitError(ctx, "Extension.NextFailed", err)
		}
		return err
	}
	log.Print(run(context.Background(), "127.0.0.1:9001", "on-demand"))
}
