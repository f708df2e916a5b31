package rie

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

// bare is the least that is an extension.
const bare = `#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension
id=$(curl -s -D - -o /dev/null -H "Lambda-Extension-Name: ${0##*/}" -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" |
  tr -d '\r' | sed -n 's/^Lambda-Extension-Identifier: //Ip')
while event=$(curl -s -H "Lambda-Extension-Identifier: $id" "$api/event/next"); do
  case $event in *SHUTDOWN*) exit 0 ;; esac
done
`

// Ten is as many as Lambda allows:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
func TestTenExtensionsSideBySide(t *testing.T) {
	opt := t.TempDir()
	if err := os.CopyFS(opt, os.DirFS(built.opt)); err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		if err := os.WriteFile(filepath.Join(opt, "extensions", fmt.Sprint("bare-", i)), []byte(bare), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, options{opt: opt, env: append(upstream(t).Env(), secret)})
	s.works()
	if got := len(s.children()); got != 11 {
		t.Errorf("the emulator has %d children, want ten extensions and the function", got)
	}
	// An invocation lasts until every extension has asked for the next one.
	began := time.Now()
	s.works()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the second invocation took %v, which is most of the function's time-out", took)
	}
	s.shutdown()
	if text, exists := s.file(); exists {
		t.Errorf("the file is there after SHUTDOWN: %q", text)
	}
}

// Whoever asks after the rotation has been answered gets the new value, on every one of the 32 workers.
func TestManagedInstancesWith32Invocations(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{function: "function", env: append(aws.Env(), secret, "AWS_LAMBDA_MAX_CONCURRENCY=32",
		"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=32")})
	s.invoke(probe.Request{})
	s.atOnce(32, aws)
	s.inParallel(32, "-one", "-two", func() { // the rotation is in the middle of these
		arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
		slowLoads(aws) // who answers without the new value is seen to
		status, body := s.post(native(arn, "prod/db", version))
		rotated(t, status, body, version)
	})
	s.inParallel(32, "-two", "-two", func() {})
	s.shutdown()
}

// atOnce has n invocations under way at the same moment: each reads a secret of its own, which comes when all n wait.
func (s *sandbox) atOnce(n int, aws *awstest.SecretsManager) {
	s.t.Helper()
	var all sync.WaitGroup
	defer all.Wait()
	for i := range n {
		name := fmt.Sprint("gate/", i)
		aws.Put(name, canary+name)
		aws.Fail(awstest.Fault{Kind: awstest.Hang, SecretID: name})
		all.Go(func() {
			var status int
			var body []byte
			err := s.await(func() bool { // all workers wait for an event when they have started
				var err error
				status, body, err = s.send(probe.Request{Calls: []probe.Call{{Path: "/v1/" + name}}})
				return err != nil || !unavailable(body)
			})
			var reply probe.Reply
			if err != nil || status != http.StatusOK || json.Unmarshal(body, &reply) != nil || len(reply.Answers) != 1 {
				s.t.Errorf("read of %s: %d %s, error %v", name, status, body, err)
			} else if a := reply.Answers[0]; a.Status != http.StatusOK || !strings.Contains(a.Body, canary+name) {
				s.t.Errorf("read of %s: %d %q, error %q", name, a.Status, a.Body, a.Error)
			}
		})
	}
	waiting := func() bool {
		for i := range n {
			if aws.CallCount(fmt.Sprint("gate/", i)) == 0 {
				return false
			}
		}
		return true
	}
	if err := s.await(waiting); err != nil {
		s.t.Errorf("wait for %d reads at once: %v", n, err)
	}
	aws.Heal()
}

// inParallel has n callers read the password while it does something. Each must get one of the two values.
func (s *sandbox) inParallel(n int, before, after string, meanwhile func()) {
	s.t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for read := 0; read < 3; {
				status, body, err := s.send(readPassword)
				if err == nil && unavailable(body) {
					time.Sleep(10 * time.Millisecond) // all workers are busy
					continue
				}
				read++
				var reply probe.Reply
				if err != nil || status != http.StatusOK || json.Unmarshal(body, &reply) != nil || len(reply.Answers) != 1 {
					s.t.Errorf("concurrent read: %d %s, error %v", status, body, err)
					continue
				}
				if got := reply.Answers[0].Body; got != canary+before && got != canary+after {
					s.t.Errorf("concurrent read got %q, want that with %s or %s", got, before, after)
				}
			}
		})
	}
	meanwhile()
	all.Wait()
}

// A request in flight at SHUTDOWN gets a whole answer, one that comes later gets none.
func TestShutdownUnderLoad(t *testing.T) {
	for try := 1; ; try++ {
		problems, inTime := shutdownUnderLoad(t)
		if !inTime && try < tries {
			continue
		}
		for _, problem := range problems {
			t.Error(problem)
		}
		return
	}
}

func shutdownUnderLoad(t *testing.T) (problems []string, inTime bool) {
	var mu sync.Mutex
	problem := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), secret, "AWS_TOKEN=load")})
	s.works()
	aws.Fail(awstest.Fault{Kind: awstest.Hang, SecretID: "prod/api-key"})
	aws.Fail(awstest.Fault{Kind: awstest.Slow, Delay: 50 * time.Millisecond})
	var load sync.WaitGroup
	var whole atomic.Int64
	for range 16 {
		load.Go(func() {
			for {
				a := s.read("/v1/prod/db?key=password&refreshNow=true")
				if a.err != nil {
					if a.begun {
						problem("an answer broke off after %d bytes: %v", len(a.body), a.err)
					}
					return
				}
				if a.status == http.StatusOK && a.body != canary+"-one" {
					problem("an answer of 200 with %d bytes that are not the value", len(a.body))
				}
				whole.Add(1)
			}
		})
	}
	s.waitFor("load", func() bool { return whole.Load() > 50 })
	// net/http waits for a connection without a request as long as for one with it.
	silent, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	// This read begins before SHUTDOWN, and its value comes when the endpoint takes no more connections.
	before := aws.CallCount("prod/api-key")
	load.Go(func() {
		a := s.read("/v1/prod/api-key?refreshNow=true")
		if a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, apiKey) {
			problem("the read under way at SHUTDOWN: %d with %d bytes, error %v", a.status, len(a.body), a.err)
		}
	})
	s.waitFor("read that hangs", func() bool { return aws.CallCount("prod/api-key") > before })
	load.Go(func() {
		_ = s.await(func() bool { // its error is the end of everything
			conn, err := net.Dial("tcp", "127.0.0.1:"+s.port)
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
		aws.Release()
	})
	began := time.Now()
	s.shutdown()
	took := time.Since(began)
	load.Wait()
	killed := strings.Contains(s.out.String(), late)
	// Lambda kills after two seconds: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
	if killed || took > 2*time.Second {
		problem("the shutdown took %v, killed at its end: %v", took, killed)
	}
	if strings.Contains(s.out.String(), "requests were cut off") {
		problem("the time of the shutdown was used up, and requests were cut off")
	}
	if text, exists := s.file(); exists {
		problem("the file is there after SHUTDOWN: %q", text)
	}
	// What drains has a second and a half of it: on a machine that is too busy it is cut off.
	return problems, !killed && took < 1400*time.Millisecond
}

// outcome is what came of a read from outside; begun says that an answer's header came.
type outcome struct {
	status int
	body   string
	begun  bool
	err    error
}

func (s *sandbox) read(path string) outcome {
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+s.port+path, nil)
	if err != nil {
		return outcome{err: err}
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", "load")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return outcome{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return outcome{resp.StatusCode, string(body), true, err}
}
