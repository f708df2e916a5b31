package rie

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// language is a function of languages/, started as the bootstrap of its managed runtime starts it.
type language struct {
	name    string
	command []string          // behind the wrapper
	binds   map[string]string // folders for the sandbox, whose own /tmp and /var hide some
	renews  bool              // its environment follows a rotation without a restart
}

func languages(t *testing.T) []language {
	t.Helper()
	env := func(name string) string {
		v := os.Getenv(name)
		if v == "" {
			t.Fatalf("%s is not set: run scripts/test-rie", name)
		}
		return v
	}
	python := []string{"/usr/bin/env", "PYTHONPATH=/var/client:/opt/python", env("RIE_PYTHON"), "-m", "awslambdaric"}
	node := []string{"/usr/bin/env", "NODE_PATH=/opt/nodejs/node_modules:/var/client", "/var/node", "/var/client/aws-lambda-ric/index.mjs"}
	packages := map[string]string{"client": env("RIE_PYTHON_PACKAGES")}
	modules := map[string]string{"client": env("RIE_NODE_CLIENT"), "node": env("RIE_NODE")}
	return []language{
		{"python", append(python, "app.plain"), packages, false},
		{"python", append(python, "app.client"), packages, true},
		{"node", append(node, "index.plain"), modules, false},
		{"node", append(node, "index.client"), modules, true},
		{"java", []string{"/usr/bin/env", "java", "-cp", "/var/client/*:/var/client/classes", "com.amazonaws.services.lambda.runtime.api.client.AWSLambda", "Handler::handleRequest"}, map[string]string{"client": env("RIE_JAVA")}, false},
		{"ruby", []string{"/usr/bin/env", "ruby", "/var/task/bootstrap.rb", "/var/task/function.rb"}, nil, false},
		{"shell", []string{"/var/task/bootstrap"}, nil, false},
		{"go", []string{"/var/task/bootstrap"}, nil, true},
	}
}

func (l language) handler() string { return l.command[len(l.command)-1] }

func (l language) title() string { return l.name + " " + l.handler() }

func (l language) start(t *testing.T, aws *awstest.SecretsManager, vars ...string) *sandbox {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("languages", l.name))
	if err != nil {
		t.Fatal(err)
	}
	if l.name == "go" {
		folder = task(t, "languages/go")
	}
	return start(t, options{
		folder: folder, binds: l.binds,
		env: append(append(aws.Env(), secret, "SECRETS_DOTENV_PATH=off", "AWS_LAMBDA_EXEC_WRAPPER=/opt/secrets-wrapper",
			"LAMBDA_TASK_ROOT=/var/task", "SECRETS_RUNTIME_PROXY_PORT="+process.Port(t)), vars...),
		args: append([]string{"/opt/secrets-wrapper"}, l.command...),
	})
}

// seen is what a function says of the password.
type seen struct {
	Imported, Now, Endpoint string
	Calls                   int // of the handler, in this process
}

func (s *sandbox) see() (v seen) {
	s.t.Helper()
	status, body := s.post(`{"order":1}`)
	if err := json.Unmarshal(body, &v); err != nil || status != http.StatusOK || v.Calls == 0 {
		s.t.Fatalf("invoke: %d %s", status, body)
	}
	return v
}

// rotate moves the secret to another password and invokes the function with the event of that.
func (s *sandbox) rotate(aws *awstest.SecretsManager, password string) {
	s.t.Helper()
	arn, version := aws.Put("prod/db", `{"user":"app","password":"`+password+`"}`)
	status, body := s.post(native(arn, "prod/db", version))
	rotated(s.t, status, body, version)
}

func TestEveryLanguageFollowsARotation(t *testing.T) {
	for _, l := range languages(t) {
		t.Run(l.title(), func(t *testing.T) {
			aws := upstream(t)
			s := l.start(t, aws, "SECRETS_RUNTIME_PROXY=on")
			one, two := canary+"-one", canary+"-two"
			if got, want := s.see(), (seen{one, one, one, 1}); got != want {
				t.Errorf("at the start: %+v, want %+v", got, want)
			}
			s.rotate(aws, two)
			want := seen{one, one, two, 2} // the handler did not see the event
			if l.renews {
				want.Now = two
			}
			if got := s.see(); got != want {
				t.Errorf("after the rotation: %+v, want %+v", got, want)
			}
			s.shutdown()
		})
	}
}

func TestEveryLanguageIsRestarted(t *testing.T) {
	for _, l := range languages(t) {
		t.Run(l.title(), func(t *testing.T) {
			aws := upstream(t)
			s := l.start(t, aws, "SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart")
			s.see()
			for _, password := range []string{canary + "-two", canary + "-three", canary + "-four"} {
				replaced := s.runtime()
				if len(replaced) == 0 {
					t.Fatal("the wrapper has no runtime")
				}
				s.rotate(aws, password)
				for calls := 1; calls < 3; calls++ {
					if got, want := s.see(), (seen{password, password, password, calls}); got != want {
						t.Errorf("after the rotation: %+v, want %+v", got, want)
					}
				}
				running := s.descendants(s.cmd.Process.Pid)
				for _, pid := range replaced {
					if slices.Contains(running, pid) {
						t.Errorf("process %d of the runtime that was replaced is there", pid)
					}
				}
			}
			if got := s.children(); len(got) != 2 {
				t.Errorf("the emulator has the children %v, want the extension and the wrapper", got)
			}
			s.shutdown()
		})
	}
}

// runtime are the processes behind the wrapper.
func (s *sandbox) runtime() (pids []int) {
	for _, child := range s.children() {
		pids = append(pids, s.descendants(child)...)
	}
	return pids
}

// Nothing is lost and nobody is left over, however often the runtime is replaced.
func TestAThousandInvocationsWithRestarts(t *testing.T) {
	aws := upstream(t)
	s := languages(t)[0].start(t, aws, "SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart")
	s.see()
	processes := len(s.descendants(s.cmd.Process.Pid))
	password, calls := canary+"-one", 1
	for i := range 1000 {
		if i%10 == 9 {
			password, calls = fmt.Sprint(canary, "-", i), 0
			s.rotate(aws, password)
			continue
		}
		calls++
		if got, want := s.see(), (seen{password, password, password, calls}); got != want {
			t.Fatalf("invocation %d: %+v, want %+v", i, got, want)
		}
	}
	if got := len(s.descendants(s.cmd.Process.Pid)); got != processes {
		t.Errorf("%d processes after a hundred restarts, %d before the first", got, processes)
	}
	s.shutdown()
}

// What goes through the proxy is what goes without it, byte for byte.
func TestEveryLanguageGetsLargeEvents(t *testing.T) {
	event := `{"echo":"é` + strings.Repeat("Secret Rotation secretsmanager detail-type ", 145_000) + `"}`
	all := languages(t)
	streamed := all[slices.IndexFunc(all, func(l language) bool { return l.name == "node" })]
	streamed.command = append(slices.Clone(streamed.command[:len(streamed.command)-1]), "index.stream")
	for _, l := range append(all, streamed) {
		if strings.HasSuffix(l.handler(), ".client") {
			continue // of such events it does what the plain one does
		}
		t.Run(l.title(), func(t *testing.T) {
			var answers [2][]byte
			for i, proxy := range []string{"off", "on"} {
				s := l.start(t, upstream(t), "SECRETS_RUNTIME_PROXY="+proxy)
				_, answers[i] = s.post(event)
				s.shutdown()
			}
			if !bytes.Equal(answers[0], answers[1]) || len(answers[1]) < len(event)-20 {
				t.Errorf("%d bytes with the proxy, %d without, of an event of %d", len(answers[1]), len(answers[0]), len(event))
			}
		})
	}
}
