package rie

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// The examples in Python and Node have tests of their own, with the packages that they are about.
func TestExamples(t *testing.T) {
	java := os.Getenv("RIE_JAVA")
	if java == "" {
		t.Fatal("RIE_JAVA is not set: run scripts/test-rie")
	}
	folder := func(name string) string {
		path, err := filepath.Abs(filepath.Join("..", "..", "examples", name))
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	stand, err := filepath.Abs("languages/ruby")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		name, folder string
		command      []string // as the runtime's own bootstrap starts it, the wrapper included
		binds        map[string]string
		restart      bool
	}{
		// Nothing calls the wrapper for a bootstrap. This one follows rotations itself, and the next is run by the wrapper.
		{"go", task(t, "examples/go"), []string{"/var/task/bootstrap"}, nil, false},
		{"shell", folder("shell"), []string{"/var/task/bootstrap"}, nil, true},
		{"java", folder("java"), []string{"/opt/secrets-wrapper", "/usr/bin/env", "java", "-cp", "/var/client/*:/var/client/classes", "com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "Greeting::handleRequest"}, map[string]string{"client": java}, false},
		{"ruby", folder("ruby"), []string{"/opt/secrets-wrapper", "ruby", "/var/client/bootstrap.rb", "/var/task/function.rb"}, map[string]string{"client": stand}, false},
	} {
		t.Run(e.name, func(t *testing.T) {
			aws := awstest.New()
			t.Cleanup(aws.Close)
			aws.Put("greetings", `{"GREETING":"hello"}`)
			vars := append(aws.Env(), "SECRET=greetings", "AWS_LAMBDA_EXEC_WRAPPER=/opt/secrets-wrapper", "LAMBDA_TASK_ROOT=/var/task",
				"SECRETS_RUNTIME_PROXY=on", "SECRETS_RUNTIME_PROXY_PORT="+process.Port(t))
			if e.restart {
				vars = append(vars, "SECRETS_ON_ROTATION=restart")
			}
			s := start(t, options{folder: e.folder, binds: e.binds, env: vars, args: e.command})
			greet := func(want string) {
				t.Helper()
				status, body := s.post(`{"id":1}`)
				var got struct{ Greeting string }
				if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK || got.Greeting != want {
					t.Errorf("%d %s, want the greeting %q", status, body, want)
				}
			}
			greet("hello")
			arn, version := aws.Put("greetings", `{"GREETING":"good morning"}`)
			status, body := s.post(native(arn, "greetings", version))
			rotated(t, status, body, version)
			greet("good morning")
			s.shutdown()
		})
	}
}
