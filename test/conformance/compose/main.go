// Command compose prints as a JSON object what docker compose reads from a dotenv
// file. It is a module of its own, so that the project does not depend on compose.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	vars, err := dotenv.GetEnvFromFile(nil, []string{path})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(vars)
}
