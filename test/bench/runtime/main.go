// Command runtime is the function behind the wrapper and the proxy: it knows
// nothing of the extension, and does with an event what every function does at
// least, which is to read it.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type answer struct {
	Bytes int    `json:"bytes"`
	Value string `json:"value"` // made up, unlike any that a function should show
	PID   int    `json:"pid"`
}

func main() {
	lambda.Start(func(_ context.Context, event json.RawMessage) (answer, error) {
		return answer{len(event), os.Getenv("DB_PASSWORD"), os.Getpid()}, nil
	})
}
