// Command function is the Lambda function of the demo and of the benchmarks. It
// says what its own process has in its environment, and how often its handler
// was called.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws-secretsmanager/lambda-extension/shim"
)

// answer shows a password, as no real function should: that one is made up.
type answer struct {
	Password string `json:"password"`
	APIKey   string `json:"apiKey"`
	PID      int    `json:"pid"`
	Calls    int    `json:"calls"`
	HadFile  bool   `json:"hadFile"` // before main
}

var (
	calls     int
	_, noFile = os.Stat(os.Getenv("SECRETS_DOTENV_PATH"))
)

func handle(context.Context, json.RawMessage) (answer, error) {
	calls++
	return answer{os.Getenv("DB_PASSWORD"), os.Getenv("API_KEY"), os.Getpid(), calls, noFile == nil}, nil
}

func main() { shim.Start(handle) }
