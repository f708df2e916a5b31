// Package probe is the handler of the functions that run under the emulator: it does what it is told, and answers
// what it saw.
//
// A test sends a [Request]: paths to call on the extension's endpoint, variables to read, a file to look at. The
// [Reply] also tells what the file held when the process was started, which is all that import-time code can see.
// It knows of the extension no more than any function does: an address, a header and a path.
package probe

import (
	"context"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Path is where the dotenv file is looked for.
const Path = "/tmp/secrets.env"

// Request is the event of an invocation.
type Request struct {
	Calls []Call
	Env   []string // names of variables
	End   string   // how the process ends instead of answering: panic, or exit with status 0; "" = it goes on
}

// Call is one request to the endpoint, with the token unless NoToken is set. The zero Method is GET.
type Call struct {
	Method, Path, Body string
	NoToken            bool
}

// Reply is the result of an invocation. Env lacks what is not set.
type Reply struct {
	AtStart, File File
	Env           map[string]string
	Answers       []Answer
	Event         string // detail-type of the event, when the handler was given one of EventBridge's
}

// File is what was found at [Path]; Mode is empty when there was none.
type File struct{ Text, Mode string }

// Answer is the endpoint's answer to one call. Error is set when there was none.
type Answer struct {
	Status int
	Body   string
	Header http.Header
	Took   time.Duration
	Error  string
}

// event is what reaches Handle: a request of the test, or an event that somebody else sent.
type event struct {
	Request
	DetailType string `json:"detail-type"`
}

var atStart = look()

// ExitOnce is the variable with the status that the first process exits with before it asks for an event. A file of
// that name in /tmp says that it did.
const ExitOnce = "PROBE_EXIT_ONCE"

func init() {
	status, err := strconv.Atoi(os.Getenv(ExitOnce))
	if err != nil {
		return // the variable is not set
	}
	if f, err := os.OpenFile("/tmp/"+ExitOnce, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
		f.Close()
		os.Exit(status)
	}
}

// Handle answers one invocation.
func Handle(_ context.Context, e event) (Reply, error) {
	switch e.End {
	case "panic":
		panic("the probe was told to")
	case "exit":
		os.Exit(0)
	}
	reply := Reply{AtStart: atStart, Env: map[string]string{}, Event: e.DetailType}
	for _, c := range e.Calls {
		reply.Answers = append(reply.Answers, do(c))
	}
	for _, name := range e.Env {
		if value, ok := os.LookupEnv(name); ok {
			reply.Env[name] = value
		}
	}
	reply.File = look()
	return reply, nil
}

func look() File {
	text, err := os.ReadFile(Path)
	if err != nil {
		return File{}
	}
	info, err := os.Lstat(Path)
	if err != nil {
		return File{}
	}
	return File{Text: string(text), Mode: info.Mode().String()}
}

func do(c Call) Answer {
	start := time.Now()
	// Not on the context of the invocation: a function that hangs runs into Lambda's time-out.
	req, err := http.NewRequest(c.Method, "http://localhost:"+port()+c.Path, strings.NewReader(c.Body))
	if err != nil {
		return Answer{Error: err.Error()}
	}
	if !c.NoToken {
		req.Header.Set("X-Aws-Parameters-Secrets-Token", token())
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{Error: err.Error(), Took: time.Since(start)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{Error: err.Error(), Took: time.Since(start)}
	}
	return Answer{Status: resp.StatusCode, Body: string(body), Header: resp.Header, Took: time.Since(start)}
}

func port() string {
	if p := os.Getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"); p != "" {
		return p
	}
	return "2773"
}

// token is the header's value as AWS documents it for its own extension; SnapStart sets the second variable only.
func token() string {
	if t := os.Getenv("AWS_TOKEN"); t != "" {
		return t
	}
	if t := os.Getenv("AWS_SESSION_TOKEN"); t != "" {
		return t
	}
	return os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
}
