package client

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The variables that FromEnv and Token read.
const (
	portVariable = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
	defaultPort  = 2773
)

// tokenVariables is in the order in which they count. A SnapStart function has no
// AWS_SESSION_TOKEN, but an authorization token for its credentials.
var tokenVariables = []string{"AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}

// FromEnv returns a client for the extension beside this process: its port is
// PARAMETERS_SECRETS_EXTENSION_HTTP_PORT, or 2773, and its token that of [Token].
// Without any token there is no client, for the endpoint would refuse it.
func FromEnv(getenv func(string) string) (*Client, error) {
	port := defaultPort
	if s := getenv(portVariable); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%s: got %q, want a port from 1 to 65535", portVariable, s)
		}
		port = n
	}
	token, err := Token(getenv)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errors.New("no token for the endpoint: none of " + strings.Join(tokenVariables, ", ") + " is set")
	}
	return New(Options{URL: "http://127.0.0.1:" + strconv.Itoa(port), Token: token}), nil
}

// Token returns the token that requests carry: the first set one of AWS_TOKEN,
// AWS_SESSION_TOKEN and AWS_CONTAINER_AUTHORIZATION_TOKEN, or "" when none is. A
// value of file://PATH is the content of that file without the white space
// around it, as AWS's own agent has it. A file that cannot be read, or is empty,
// is an error.
func Token(getenv func(string) string) (string, error) {
	for _, name := range tokenVariables {
		value := getenv(name)
		if value == "" {
			continue
		}
		path, ok := strings.CutPrefix(value, "file://")
		if !ok {
			return value, nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		token := strings.TrimSpace(string(content))
		if token == "" {
			return "", fmt.Errorf("%s: %s is empty", name, path)
		}
		return token, nil
	}
	return "", nil
}
