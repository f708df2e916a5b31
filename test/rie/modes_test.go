package rie

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

// TestThawWithDeadConnections stands for a freeze of minutes: the processes stop for longer than a connection may stay
// idle, and the peer of every pooled connection is silently gone when they go on.
func TestThawWithDeadConnections(t *testing.T) {
	aws := upstream(t)
	wire := awstest.NewWire(aws.URL())
	t.Cleanup(wire.Close)
	s := start(t, options{env: append(aws.Env(), secret,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER="+wire.URL(), "SECRETS_MANAGER_TTL=2", "SECRETS_MANAGER_TIMEOUT_MILLIS=15000")})
	s.invoke(probe.Request{})
	before := wire.Accepted()
	if before == 0 {
		t.Fatal("nothing went over the wire")
	}

	thaw := s.freeze()
	wire.Blackhole()
	aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
	time.Sleep(6 * time.Second)
	thaw()

	a := s.get("/v1/prod/db?key=password")
	if a.Status != http.StatusOK || a.Body != canary+"-two" {
		t.Errorf("first read after the thaw: %d %q, X-Secrets-Cache %q; want the new value", a.Status, a.Body, a.Header.Get("X-Secrets-Cache"))
	}
	// A request on a dead connection would only end with the time-out of the fetch.
	if a.Took > 5*time.Second {
		t.Errorf("first read after the thaw took %v: it waited for a dead connection", a.Took)
	}
	if wire.Accepted() == before {
		t.Error("no new connection was made")
	}
	s.shutdown()
}

func TestManagedInstances(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{function: "function", env: append(aws.Env(), secret, "AWS_LAMBDA_MAX_CONCURRENCY=4")})
	s.invoke(probe.Request{}) // waits until the function has started
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				status, body, err := s.send(probe.Request{Calls: []probe.Call{{Path: "/v1/prod/db?key=password"}}})
				if err == nil && unavailable(body) {
					continue // all workers are busy
				}
				if err != nil || status != http.StatusOK || !strings.Contains(string(body), canary+"-one") {
					t.Errorf("concurrent read: %d %s, error %v", status, body, err)
				}
			}
		})
	}
	all.Wait()

	arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
	status, body := s.post(native(arn, "prod/db", version))
	rotated(t, status, body, version)
	reply := s.invoke(probe.Request{Env: []string{"DB_password"}})
	if got := reply.Env["DB_password"]; got != canary+"-two" {
		t.Errorf("process has the password %q after the rotation", got)
	}
	if !strings.Contains(reply.File.Text, "DB_password="+canary+"-two\n") {
		t.Errorf("file: %q", reply.File.Text)
	}
	s.shutdown()
	if text, exists := s.file(); exists {
		t.Errorf("the file is there after SHUTDOWN: %q", text)
	}
}

// TestSnapStart has the keys behind a URL only, as Lambda has them for functions with SnapStart. The emulator's own
// mode hands out the keys of its environment there, and leaves them in that of the processes.
func TestSnapStart(t *testing.T) {
	container := awstest.NewCredentials(time.Hour)
	t.Cleanup(container.Close)
	for _, tc := range []struct {
		name string
		env  []string
		args []string
	}{
		{name: "keys behind a URL only", env: append(container.Env(), "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start")},
		{name: "emulator", env: []string{"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start"}, args: []string{"--enable-init-caching"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			aws := upstream(t)
			s := start(t, options{env: append(append(aws.Env(), secret), tc.env...), args: tc.args})
			reply := s.invoke(probe.Request{Calls: []probe.Call{{Path: "/v1/prod/db?key=password"}}})
			if reply.AtStart.Mode != "" {
				t.Errorf("there was a file in the snapshot: %q", reply.AtStart.Text)
			}
			if a := reply.Answers[0]; a.Status != http.StatusOK || a.Body != canary+"-one" {
				t.Errorf("read in the first invocation: %d %q", a.Status, a.Body)
			}
			// Handler and extension get the first event side by side; by the second one the load is done.
			if reply := s.invoke(probe.Request{}); reply.File.Text != dotenv {
				t.Errorf("file after the first invocation: %q, want %q", reply.File.Text, dotenv)
			}
			s.shutdown()
			if text, exists := s.file(); exists {
				t.Errorf("the file is there after SHUTDOWN: %q", text)
			}
		})
	}
	if all, denied := container.Calls(); all == 0 || denied > 0 {
		t.Errorf("the credentials endpoint had %d calls, %d of them denied", all, denied)
	}
}
