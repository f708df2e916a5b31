// Command function is the Lambda function of the loop: it says what its own
// process has in its environment.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/shim"
)

// handle returns the variables of the secrets, which no real function should.
func handle(context.Context, json.RawMessage) (map[string]string, error) {
	vars := map[string]string{}
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasSuffix(name, "_password") {
			vars[name] = value
		}
	}
	return vars, nil
}

// Only a rotation event may bring a new value here, or the loop would prove nothing.
func main() { shim.Start(handle, shim.RenewEvery(-1)) }
