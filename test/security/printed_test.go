//go:build linux

package security

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// canary is in every value, and in all else that is protected. It has no character
// that an escape would change.
const (
	canary = "c4n4ry-of-the-scan"
	token  = canary + "-token"
)

// leaks lists the spellings of the canary that text has.
func leaks(text string) (found []string) {
	spellings := []string{canary, hex.EncodeToString([]byte(canary))}
	// Base64 depends on where in a group of three bytes the canary begins; the
	// characters at its ends depend on what is beside it.
	for shift := range 3 {
		s := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + canary))
		spellings = append(spellings, s[4:len(s)-4])
	}
	for _, s := range spellings {
		if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
			found = append(found, s)
		}
	}
	return found
}

func TestLeaksAreSeen(t *testing.T) {
	for _, text := range []string{
		"a " + canary, hex.EncodeToString([]byte("ab" + canary)), base64.StdEncoding.EncodeToString([]byte("a" + canary + "bc")),
		base64.URLEncoding.EncodeToString([]byte("ab" + canary)), base64.StdEncoding.EncodeToString([]byte(canary)),
	} {
		if leaks(text) == nil {
			t.Errorf("not seen in %q", text)
		}
	}
	if got := leaks("c4n4ry"); got != nil {
		t.Errorf("seen where it is not: %q", got)
	}
}

func TestNothingPrintsAValue(t *testing.T) {
	allowCoreFiles(t)
	for _, format := range []string{"Text", "JSON"} {
		t.Run(format, func(t *testing.T) {
			aws := secretsManager(t)
			a, err := process.StartAgent(t, binary, append(aws.Env(), "AWS_TOKEN="+token, "SECRET=db",
				"AWS_SECRET_ACCESS_KEY="+canary+"-key", "AWS_SESSION_TOKEN="+canary+"-session",
				"AWS_LAMBDA_LOG_FORMAT="+format, "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=debug")...)
			if err != nil {
				t.Fatal(err)
			}
			if got := request(t, "GET", a.URL+"/v1/db", ""); leaks(got) == nil {
				t.Fatalf("the value is not served: %s", got)
			}
			request(t, "GET", a.URL+"/v1/db?key=none", "")
			request(t, "GET", a.URL+"/v1/gone", "")
			guess(t, a.URL+"/env")
			arn, version := aws.Put("db", `{"PASSWORD":"`+canary+`-two"}`)
			request(t, "POST", a.URL+"/rotation", `{"source":"aws.secretsmanager","detail-type":"Secret Label Updated","resources":["`+arn+`"],"detail":{"name":"db","labelUpdated":"AWSCURRENT","versionId":"`+version+`"}}`)
			stats := request(t, "GET", a.URL+"/stats", "")
			pid, arguments := look(t, binary)
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
			if err != nil || !regexp.MustCompile(`(?m)^Max core file size +0 `).Match(limits) {
				t.Errorf("a crash may write the memory to a file: %v\n%s", err, limits)
			}
			if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(time.Minute); !strings.Contains(a.Out.String(), "goroutine ") && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			a.Kill() // after its end all output is there
			if !strings.Contains(a.Out.String(), "goroutine ") {
				t.Error("no goroutine dump after SIGQUIT")
			}
			for what, text := range map[string]string{"output": a.Out.String(), "/stats": stats, "argument lists": arguments} {
				if got := leaks(text); got != nil {
					t.Errorf("%s: has %q", what, got)
				}
			}
		})
	}
}

// allowCoreFiles lets the processes of the test write them, as far as it may.
func allowCoreFiles(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: before.Max, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &before) })
}

func request(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// guess asks with a token that is almost right.
func guess(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", token+"s")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 403 || leaks(string(body)) != nil {
		t.Errorf("a wrong token: got %d %q and %v", resp.StatusCode, body, err)
	}
}

// look returns the process of program, and the argument lists of all processes.
func look(t *testing.T, program string) (pid int, arguments string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, _ := os.ReadFile(f) // of one that has ended there is none
		arguments += string(data) + "\n"
		if first, _, _ := strings.Cut(string(data), "\x00"); first == program {
			pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(f)))
		}
	}
	if pid == 0 {
		t.Fatalf("%s does not run", program)
	}
	return pid, arguments
}
