package rie

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

var readPassword = probe.Request{Calls: []probe.Call{{Path: "/v1/prod/db?key=password"}}}

// works invokes the function, which must have had its file when it started and get the value.
func (s *sandbox) works() {
	s.t.Helper()
	s.worksWith("-one")
}

func (s *sandbox) worksWith(password string) {
	s.t.Helper()
	reply := s.invoke(readPassword)
	if a := reply.Answers[0]; a.Status != http.StatusOK || a.Body != canary+password {
		s.t.Errorf("read: %d %q, error %q", a.Status, a.Body, a.Error)
	}
	if want := strings.ReplaceAll(dotenv, "-one", password); reply.AtStart.Text != want {
		s.t.Errorf("the file when the runtime started: %q, want %q", reply.AtStart.Text, want)
	}
}

// slowLoads makes a load so slow that a runtime which does not wait for it finds no file.
func slowLoads(aws *awstest.SecretsManager) {
	aws.Fail(awstest.Fault{Kind: awstest.Slow, Delay: 500 * time.Millisecond})
}

// patient has a load take all the time that a busy machine may need.
var patient = []string{secret, "SECRETS_INIT_TIMEOUT_MILLIS=15000", "SECRETS_MANAGER_TIMEOUT_MILLIS=0"}

// late is what the emulator says when it kills what did not exit in its two seconds.
const late = "the agent extension-aws-secretsmanager-1 did not exit after deadline"

// tries is how often a machine that is too busy for those two seconds may try again.
const tries = 3

// ends has the function fail, waits until nothing runs, as after a reset, and wants the file to be gone: an extension that
// is killed leaves it.
func (s *sandbox) ends(fail func()) {
	s.t.Helper()
	for try := 1; ; try++ {
		before := strings.Count(s.out.String(), late)
		fail()
		s.waitFor("end of the function and the extension", func() bool { return len(s.children()) == 0 })
		if try == tries || strings.Count(s.out.String(), late) == before {
			break
		}
		s.invoke(probe.Request{})
	}
	if text, exists := s.file(); exists {
		s.t.Errorf("the file outlives its extension: %q", text)
	}
}

func TestSlowSecretsManagerAtInit(t *testing.T) {
	aws := upstream(t)
	aws.Fail(awstest.Fault{Kind: awstest.Hang, Times: 2})
	s := start(t, options{env: append(aws.Env(), secret, "SECRETS_INIT_TIMEOUT_MILLIS=300", "SECRETS_MANAGER_TIMEOUT_MILLIS=0")})
	reply := s.invoke(probe.Request{})
	if got, want := reply.AtStart, (probe.File{Mode: "-rw-------"}); got != want {
		t.Errorf("the file when the runtime started: %+v, want an empty one", got)
	}
	s.printed("secret is not loaded yet, its next read tries again", "prod/db", "no answer in time")

	var release sync.WaitGroup
	release.Go(func() {
		if err := s.await(func() bool { return strings.Count(s.out.String(), "INVOKE START") == 2 }); err != nil {
			t.Errorf("wait for the invocation that reads: %v", err)
		}
		aws.Release()
	})
	reply = s.invoke(readPassword)
	release.Wait()
	if a := reply.Answers[0]; a.Status != http.StatusOK || a.Body != canary+"-one" {
		t.Errorf("first read: %d %q", a.Status, a.Body)
	}
	s.waitFor("file with both secrets, the one that nobody has read too", func() bool {
		text, _ := s.file()
		return text == dotenv
	})
	s.shutdown()
}

func TestFunctionThatEnds(t *testing.T) {
	for _, tc := range []struct {
		end  string
		says string // to the caller
	}{
		{"panic", "the probe was told to"},
		{"exit", "Runtime.ExitError"},
	} {
		t.Run(tc.end, func(t *testing.T) {
			aws := upstream(t)
			s := start(t, options{env: append(aws.Env(), patient...)})
			s.works()
			s.ends(func() {
				if _, body := s.post(probe.Request{End: tc.end}); !strings.Contains(string(body), tc.says) {
					t.Errorf("the invocation answered %s, want %q", body, tc.says)
				}
			})
			slowLoads(aws)
			s.works()
			s.shutdown()
		})
	}
}

func TestFunctionThatEndsInItsInit(t *testing.T) {
	for _, status := range []string{"0", "1"} {
		t.Run("status "+status, func(t *testing.T) {
			aws := upstream(t)
			slowLoads(aws)
			s := start(t, options{env: append(append(aws.Env(), patient...), probe.ExitOnce+"="+status)})
			s.post(probe.Request{})
			if _, err := os.Stat(s.tmp + "/" + probe.ExitOnce); err != nil {
				t.Fatalf("the function did not end in its init: %v", err)
			}
			s.works()
			s.shutdown()
		})
	}
}

func TestExtensionKilled(t *testing.T) {
	kill := func(s *sandbox) {
		if err := syscall.Kill(s.extension(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	// restarts wants the file that the killed one left to be replaced before the runtime starts.
	restarts := func(s *sandbox, aws *awstest.SecretsManager) {
		s.t.Helper()
		// They are in the caller's answer too, but where the function was quicker: then that has what the function said.
		s.printed("First fatal error stored in appctx: Extension.Crash", "aws-secretsmanager-1 exited: signal: killed")
		if text, _ := s.file(); text != dotenv {
			s.t.Errorf("the killed extension left the file %q", text)
		}
		aws.Put("prod/db", strings.ReplaceAll(database, "-one", "-two"))
		slowLoads(aws)
		s.worksWith("-two")
		s.shutdown()
	}
	t.Run("between two invocations", func(t *testing.T) {
		aws := upstream(t)
		s := start(t, options{env: append(aws.Env(), patient...)})
		s.works()
		kill(s)
		s.waitFor("emulator to see it", func() bool { return strings.Contains(s.out.String(), "exited: signal: killed") })
		status, body := s.post(readPassword)
		if status != http.StatusBadGateway {
			t.Errorf("the invocation after that answered %d %s", status, body)
		}
		restarts(s, aws)
	})
	t.Run("during an invocation", func(t *testing.T) {
		aws := upstream(t)
		aws.Put("slow", canary)
		aws.Fail(awstest.Fault{Kind: awstest.Hang, SecretID: "slow"})
		s := start(t, options{env: append(aws.Env(), patient...)})
		s.works()
		var reader sync.WaitGroup
		var status int
		var body []byte
		var err error
		reader.Go(func() { status, body, err = s.send(probe.Request{Calls: []probe.Call{{Path: "/v1/slow"}}}) })
		s.waitFor("read", func() bool { return aws.CallCount("slow") > 0 })
		kill(s)
		reader.Wait()
		// The function may answer, with the error of its read, before the emulator looks at the extension.
		if status == http.StatusOK {
			var reply probe.Reply
			if json.Unmarshal(body, &reply) != nil || len(reply.Answers) != 1 || reply.Answers[0].Error == "" {
				t.Errorf("the invocation under way answered %s, want the error of its read", body)
			}
			status, body, err = s.send(readPassword)
		}
		if err != nil || status != http.StatusBadGateway {
			t.Errorf("the invocation answered %d %s, error %v", status, body, err)
		}
		restarts(s, aws)
	})
}

// extension is the process of the layer's binary.
func (s *sandbox) extension() int {
	s.t.Helper()
	for _, pid := range s.children() {
		if path, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe"); err == nil && strings.HasSuffix(path, "/extensions/aws-secretsmanager") {
			return pid
		}
	}
	s.t.Fatal("the emulator has no extension")
	return 0
}

func TestUnprivilegedOnAReadOnlyRoot(t *testing.T) {
	const uid = 993
	s := start(t, options{
		env:      append(upstream(t).Env(), secret),
		harden:   "mount -o remount,ro,bind /; mount -o remount,ro /var; if touch /etc/w /var/w 2>&-; then exit 9; fi",
		launcher: "setpriv --reuid=993 --regid=990 --clear-groups --no-new-privs",
	})
	s.works()
	info, err := os.Lstat(s.tmp + "/secrets.env")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Uid; got != uid || info.Mode() != 0o600 {
		t.Errorf("the file has the owner %d and the mode %v, want %d and 0600", got, info.Mode(), uid)
	}
	s.shutdown()
	if text, exists := s.file(); exists {
		t.Errorf("the file is there after SHUTDOWN: %q", text)
	}
}
