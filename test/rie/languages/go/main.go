// Command go says what a function in Go with the shim has of its secret, at its start and now.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/shim"
)

var (
	imported = os.Getenv("DB_password")
	calls    int
)

func handle(ctx context.Context, event map[string]json.RawMessage) (any, error) {
	calls++
	if _, ok := event["echo"]; ok {
		return event, nil
	}
	c, err := client.FromEnv(os.Getenv)
	if err != nil {
		return nil, err
	}
	secret, err := c.Get(ctx, "prod/db")
	if err != nil {
		return nil, err
	}
	var value struct{ Password string }
	if err := json.Unmarshal([]byte(*secret.SecretString), &value); err != nil {
		return nil, err
	}
	return map[string]any{"imported": imported, "now": os.Getenv("DB_password"), "endpoint": value.Password, "calls": calls}, nil
}

func main() { shim.Start(handle) }
