// Command go is a function that never handles a rotation event, and always has the current values.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws-secretsmanager/lambda-extension/shim"
)

func handle(context.Context, json.RawMessage) (map[string]string, error) {
	return map[string]string{"greeting": os.Getenv("GREETING")}, nil // a variable of SECRET, as of now
}

func main() { shim.Start(handle) }
