package rie

import (
	"net/http"
	"os"
	"strconv"
	"strings"
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
	reply := s.invoke(readPassword)
	if a := reply.Answers[0]; a.Status != http.StatusOK || a.Body != canary+"-one" {
		s.t.Errorf("read: %d %q, error %q", a.Status, a.Body, a.Error)
	}
	if reply.AtStart.Text != dotenv {
		s.t.Errorf("the file when the runtime started: %q", reply.AtStart.Text)
	}
}

func TestSlowSecretsManagerAtInit(t *testing.T) {
	aws := upstream(t)
	aws.Fail(awstest.Fault{Kind: awstest.Slow, Delay: 2 * time.Second, Times: 2})
	s := start(t, options{env: append(aws.Env(), secret, "SECRETS_INIT_TIMEOUT_MILLIS=300", "SECRETS_MANAGER_TIMEOUT_MILLIS=20000")})
	reply := s.invoke(readPassword)
	if got, want := reply.AtStart, (probe.File{Mode: "-rw-------"}); got != want {
		t.Errorf("the file when the runtime started: %+v, want an empty one", got)
	}
	s.printed("secret is not loaded yet, its next read tries again", "prod/db", "no answer in time")
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
			s := start(t, options{env: append(upstream(t).Env(), secret)})
			s.works()
			if _, body := s.post(probe.Request{End: tc.end}); !strings.Contains(string(body), tc.says) {
				t.Errorf("the invocation answered %s, want %q", body, tc.says)
			}
			s.works()
			s.shutdown()
		})
	}
}

func TestFunctionThatEndsInItsInit(t *testing.T) {
	for _, status := range []string{"0", "1"} {
		t.Run("status "+status, func(t *testing.T) {
			s := start(t, options{env: append(upstream(t).Env(), secret, probe.ExitOnce+"="+status)})
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
	s := start(t, options{env: append(upstream(t).Env(), secret)})
	s.works()
	if err := syscall.Kill(s.extension(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	status, body := s.post(readPassword)
	if text := string(body); status != http.StatusBadGateway || !strings.Contains(text, "Extension.Crash") || !strings.Contains(text, "signal: killed") {
		t.Errorf("the invocation after that answered %d %s", status, body)
	}
	s.works()
	s.shutdown()
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
