package rie

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	s.works()
	s.shutdown()
	if text, exists := s.file(); exists {
		t.Errorf("the file is there after SHUTDOWN: %q", text)
	}
}

// Whoever asks after the rotation has been answered gets the new value, on every one of the 32 workers.
func TestManagedInstancesWith32Invocations(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{function: "function", env: append(aws.Env(), secret, "AWS_LAMBDA_MAX_CONCURRENCY=32")})
	s.invoke(probe.Request{})
	s.inParallel(32, "-one", "-two", func() { // the rotation is in the middle of these
		arn, version := aws.Put("prod/db", `{"user":"app","password":"`+canary+`-two"}`)
		status, body := s.post(native(arn, "prod/db", version))
		rotated(t, status, body, version)
	})
	s.inParallel(32, "-two", "-two", func() {})
	s.shutdown()
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

// A request in flight at SHUTDOWN gets a whole answer or none.
func TestShutdownUnderLoad(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), secret, "AWS_TOKEN=load")})
	s.works()
	aws.Fail(awstest.Fault{Kind: awstest.Slow, Delay: 50 * time.Millisecond})
	var load sync.WaitGroup
	var mu sync.Mutex
	whole := 0
	for range 16 {
		load.Go(func() {
			for {
				status, body, begun, err := s.loadOnce()
				if err != nil {
					if begun {
						t.Errorf("an answer broke off after %d bytes: %v", len(body), err)
					}
					return
				}
				if status == http.StatusOK && body != canary+"-one" {
					t.Errorf("an answer of 200 with %d bytes that are not the value", len(body))
				}
				mu.Lock()
				whole++
				mu.Unlock()
			}
		})
	}
	s.waitFor("load", func() bool { mu.Lock(); defer mu.Unlock(); return whole > 50 })
	s.shutdown()
	load.Wait()
	if text, exists := s.file(); exists {
		t.Errorf("the file is there after SHUTDOWN: %q", text)
	}
}

// loadOnce reads the password from outside; begun says that an answer's header came.
func (s *sandbox) loadOnce() (status int, body string, begun bool, err error) {
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+s.port+"/v1/prod/db?key=password&refreshNow=true", nil)
	if err != nil {
		return 0, "", false, err
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", "load")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", false, err
	}
	defer resp.Body.Close()
	var text strings.Builder
	_, err = io.Copy(&text, resp.Body)
	return resp.StatusCode, text.String(), true, err
}
