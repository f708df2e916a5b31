//go:build linux

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

const (
	token = "token-of-the-function"
	// functionTimeout bounds a rotation: half a second less is left for it.
	functionTimeout = 6 * time.Second
	shutdownTimeout = 2 * time.Second
	// The fake Lambda waits this much longer than it says, for a busy machine.
	indulgence = 20 * time.Second
)

// sandbox is one function with the extension in it, and what is around them.
type sandbox struct {
	*world
	aws       *upstream
	lambda    *lambdatest.Lambda
	extension *lambdatest.Process
	out       *process.Output
	url       string
	dir, file string // where the dotenv file is

	work chan func() // what the function does in its next invocation
	told chan bool   // the extension may hear of it
}

// newSandbox has the secret "db" with its first value. Nothing runs yet.
func newSandbox(t testing.TB) *sandbox {
	t.Helper()
	dir := folder(t)
	s := &sandbox{
		world: newWorld(t, dir), out: &process.Output{}, dir: filepath.Join(dir, "tmp"),
		work: make(chan func(), 1), told: make(chan bool, 1),
	}
	s.file = filepath.Join(s.dir, "secrets.env")
	if err := os.Mkdir(s.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s.aws = newUpstream(t, s.world, dir)
	s.aws.Put("db", value(1))
	s.lambda = lambdatest.New(lambdatest.Options{
		TB: t, Output: s.out, Timeout: functionTimeout + indulgence,
		ShutdownTimeout: shutdownTimeout + indulgence, InitTimeout: 10*time.Second + indulgence,
	})
	t.Cleanup(s.lambda.Close)
	return s
}

// folder is one that every user can look into.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "faults-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts the extension, and the function behind it. All settings but those
// that say where things are have their defaults.
func (s *sandbox) start() error {
	s.t.Helper()
	port := process.Port(s.t)
	s.url = "http://127.0.0.1:" + port
	cmd := exec.Command(extension)
	cmd.Env = append(append(s.world.env(), s.aws.env()...),
		"AWS_LAMBDA_RUNTIME_API="+s.platform(), "AWS_TOKEN="+token, "SECRET=db", "SECRETS_DOTENV_PATH="+s.file,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port, "AWS_LAMBDA_LOG_FORMAT=JSON")
	if os.Getuid() == 0 { // whom no mode of a folder keeps out
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary, NoSetGroups: true}}
		if err := os.Chown(s.dir, ordinary, ordinary); err != nil {
			s.t.Fatal(err)
		}
	}
	var err error
	if s.extension, err = s.lambda.StartExtension(cmd); err != nil {
		s.t.Fatal(err)
	}
	if err := s.lambda.WaitRegistered(s.t.Context()); err != nil {
		return err
	}
	_, err = s.lambda.StartHandler(func(context.Context, []byte) ([]byte, error) {
		(<-s.work)()
		return []byte(`"done"`), nil
	})
	return errors.Join(err, s.lambda.WaitInit(s.t.Context()))
}

// ordinary is the number of a user who owns nothing.
const ordinary = 65534

// platform is the Extensions API as the extension sees it, with the time of the
// world in its deadlines.
func (s *sandbox) platform() string {
	api := &url.URL{Scheme: "http", Host: s.lambda.API()}
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(api) },
		ErrorLog: log.New(io.Discard, "", 0), // of calls that the end cuts off
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasSuffix(r.Request.URL.Path, "/event/next") || r.StatusCode != http.StatusOK {
				return nil
			}
			return s.event(r)
		},
	}
	server := httptest.NewServer(proxy)
	s.t.Cleanup(func() {
		s.lambda.Close()
		server.CloseClientConnections()
		server.Close()
	})
	return strings.TrimPrefix(server.URL, "http://")
}

// event puts the deadline of an event into the time of the world, and keeps it back
// as long as the function is at work where that is wanted.
func (s *sandbox) event(r *http.Response) error {
	var event map[string]any
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		return err
	}
	ms, _ := event["deadlineMs"].(float64)
	event["deadlineMs"] = int64(ms) + (s.ahead() - indulgence).Milliseconds()
	if event["eventType"] == "INVOKE" {
		select {
		case <-s.told:
		case <-r.Request.Context().Done():
		}
	}
	body, err := json.Marshal(event)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return err
}

// invoke has the function do something in an invocation. A read in it comes before
// the extension hears of the invocation, as it may: then it is the read that fetches,
// and not the work ahead of it.
func (s *sandbox) invoke(work func()) {
	s.t.Helper()
	s.work <- func() {
		defer func() { s.told <- true }()
		work()
	}
	s.finish()
}

// invokeAndTell is an invocation that the extension hears of, and has dealt with when
// it returns: it knows a deadline then, and the next event finds it at rest.
func (s *sandbox) invokeAndTell() {
	s.t.Helper()
	s.told <- true
	s.work <- func() {}
	s.finish()
	if err := s.lambda.WaitIdle(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sandbox) finish() {
	s.t.Helper()
	if r, err := s.lambda.Invoke(s.t.Context(), []byte("{}")); err != nil || r.Error != nil {
		s.t.Fatalf("invoke: %v, %v\n%s", r.Error, err, s.out)
	}
}

// ask sends a request to the endpoint, and says what came back: the status, and the
// mark and the value or the type of the error.
func (s *sandbox) ask(method, path string, body []byte) (answer string, took time.Duration) {
	s.t.Helper()
	began := time.Now()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return "cut off", time.Since(began)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return "cut off", time.Since(began)
	}
	return describe(resp, b), time.Since(began)
}

// transport keeps no connection: one that is idle, or dialled and not used, would be
// one more thing to end at the shutdown.
var transport = &http.Transport{DisableKeepAlives: true}

func (s *sandbox) read() (string, time.Duration) {
	s.t.Helper()
	return s.ask(http.MethodGet, "/secretsmanager/get?secretId=db", nil)
}

func describe(resp *http.Response, body []byte) string {
	var a struct {
		Type         string `json:"__type"`
		SecretString string
		Rotated      *bool
		Changed      *bool
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Sprintf("%d %.50q", resp.StatusCode, body)
	}
	status := strconv.Itoa(resp.StatusCode)
	switch {
	case a.Type != "":
		return status + " " + a.Type
	case a.SecretString != "":
		return status + " " + resp.Header.Get("X-Secrets-Cache") + ", " + whichValue(a.SecretString)
	case a.Changed != nil && *a.Changed:
		return status + " changed"
	case a.Changed != nil:
		return status + " not changed"
	}
	return fmt.Sprintf("%s %.50q", status, body)
}

// whichValue names what a value is: the function starts with the old one.
func whichValue(v string) string {
	for i, is := range []string{"old value", "new value", "newest value"} {
		if strings.Contains(v, fmt.Sprintf("%s-%d", canary, i+1)) {
			return is
		}
	}
	return "a wrong value"
}
