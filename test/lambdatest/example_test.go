package lambdatest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws-secretsmanager/lambda-extension/extension"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// An extension and a handler in one program, without a testing.T. To run real
// ones, give StartExtension and StartRuntime an exec.Cmd.
func Example() {
	l := lambdatest.New(lambdatest.Options{Function: "orders"})
	defer l.Close()
	ctx := context.Background()

	_, err1 := l.GoExtension("my-extension", func(ctx context.Context) error {
		s, err := extension.Register(ctx, extension.Options{API: l.API(), Name: "my-extension", Events: extension.EventsFor("")})
		for err == nil {
			var e *extension.Event
			if e, err = s.Next(ctx); err == nil && e.Type == extension.Shutdown {
				fmt.Println("shutdown:", e.ShutdownReason)
				return nil
			}
		}
		return err
	})
	_, err2 := l.StartHandler(func(_ context.Context, event []byte) ([]byte, error) {
		return fmt.Appendf(nil, `{"got":%s}`, event), nil
	})
	res, err3 := l.Invoke(ctx, []byte(`"an order"`))
	fmt.Println(string(res.Payload), res.Error)
	err4 := l.Shutdown(ctx, lambdatest.Spindown)
	fmt.Println(errors.Join(err1, err2, err3, err4), l.Violations())
	// Output:
	// {"got":"an order"} <nil>
	// shutdown: SPINDOWN
	// <nil> []
}
