package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

const references = "DB_USER=prod/db#username, DB_PASSWORD=prod/db#password, API_KEY=prod/api-key"

// environment is one execution environment of the function: Lambda runs as many
// of them as it has invocations at the same time.
type environment struct {
	lambda *lambdatest.Lambda
	port   string
	http   http.Client
}

// newEnvironment makes one whose extension signs with key, which tells its calls
// from those of another.
func newEnvironment(aws *awstest.SecretsManager, key, port string, variables ...string) *environment {
	return &environment{
		port: port,
		http: http.Client{Timeout: 5 * time.Second},
		lambda: lambdatest.New(lambdatest.Options{
			Function: "shop",
			Timeout:  2 * time.Second,
			Env: slices.Concat(aws.Env(), []string{
				"AWS_ACCESS_KEY_ID=" + key,
				"SECRET=" + references,
				"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port,
			}, variables),
		}),
	}
}

// start runs the extension alone, and returns when it serves the first password.
func (e *environment) start(ctx context.Context, extension string) error {
	if _, err := e.lambda.StartExtension(exec.Command(extension)); err != nil {
		return err
	}
	for {
		got, err := e.read(ctx)
		if err == nil {
			return want("password in the second environment", got.password, password(1))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("second environment: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// reading is what one request to the endpoint brought.
type reading struct {
	body           string
	password, mark string
	age, took      time.Duration
}

const path = "/secretsmanager/get?secretId=prod/db"

// read asks the endpoint for the secret prod/db.
func (e *environment) read(ctx context.Context) (reading, error) {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+e.port+path, nil)
	if err != nil {
		return reading{}, err
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", awstest.SessionToken)
	res, err := e.http.Do(req)
	if err != nil {
		return reading{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err != nil {
		return reading{}, fmt.Errorf("GET %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		return reading{}, fmt.Errorf("GET %s: %s: %s", path, res.Status, body)
	}
	var answer struct{ SecretString string }
	var secret struct{ Password string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return reading{}, fmt.Errorf("GET %s: %w", path, err)
	}
	if err := json.Unmarshal([]byte(answer.SecretString), &secret); err != nil {
		return reading{}, fmt.Errorf("GET %s: SecretString: %w", path, err)
	}
	age, err := strconv.Atoi(res.Header.Get("Age"))
	if err != nil {
		return reading{}, fmt.Errorf("GET %s: Age: %w", path, err)
	}
	return reading{
		body: string(body), password: secret.Password, mark: res.Header.Get("X-Secrets-Cache"),
		age: time.Duration(age) * time.Second, took: took,
	}, nil
}

// answer is what the function says of its own process.
type answer struct {
	Password string
	APIKey   string
	PID      int
	Calls    int  // of its handler
	HadFile  bool // the dotenv file was there when it started
}

// invoke sends the function an event that is no rotation.
func (e *environment) invoke(ctx context.Context) (answer, error) {
	var p answer
	res, err := e.lambda.Invoke(ctx, []byte(`{"order":42}`))
	if err != nil {
		return p, err
	}
	if res.Error != nil {
		return p, fmt.Errorf("the function failed: %w", res.Error)
	}
	return p, json.Unmarshal(res.Payload, &p)
}

func want[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}
