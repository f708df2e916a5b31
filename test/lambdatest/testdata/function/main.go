// Command function is what the tests run as a Lambda function.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct{ Do string }

// broken is a stream that fails half-way.
type broken struct{ sent bool }

func (b *broken) Read(p []byte) (int, error) {
	if b.sent {
		return 0, errors.New("the stream broke")
	}
	b.sent = true
	return copy(p, "half"), nil
}

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "fail":
		return nil, errors.New("as asked")
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Minute)
	case "break":
		return io.Reader(&broken{}), nil
	}
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	fmt.Println("handling", e.Do)
	return map[string]any{
		"request": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "app": lc.ClientContext.Client.AppTitle,
		"name": lambdacontext.FunctionName, "trace": os.Getenv("_X_AMZN_TRACE_ID"),
		"left": time.Until(deadline) > 0, "extra": os.Getenv("EXTRA"),
	}, nil
}

func main() {
	fmt.Fprintln(os.Stderr, "function starts")
	lambda.StartWithOptions(func(ctx context.Context, raw json.RawMessage) (any, error) {
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		return handle(ctx, e)
	}, lambda.WithEnableSIGTERM(func() { fmt.Println("function got SIGTERM"); os.Exit(0) }))
}
