//go:build linux

package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

const (
	namedSecrets = 8  // in SECRET, so in the file
	otherSecrets = 40 // half of all secrets are never broken
	cacheSize    = 44 // so that some of the others are always being evicted
	token        = "token-of-the-soak"
)

// world is the extension in its environment, and what there is to know of it.
type world struct {
	t        *testing.T
	upstream *upstream
	lambda   *lambdatest.Lambda
	process  *lambdatest.Process
	url      string // of the endpoint
	file     string // the dotenv file
	truth    *truth
	names    []string // of all secrets; the first ones are named in SECRET
	fragile  []string // those that are broken now and then
	arns     map[string]string
	client   *http.Client // for what is no part of the load

	faults, invocations, rotated, redelivered, unheld atomic.Int64
	mu                                                sync.Mutex
	answers                                           map[string]int // by what they are
	memory                                            []float64      // samples of the resident memory in bytes
}

func newWorld(t *testing.T) *world {
	t.Helper()
	port := process.Port(t)
	w := &world{
		t: t, upstream: newUpstream(), url: "http://127.0.0.1:" + port, file: filepath.Join(t.TempDir(), "secrets.env"),
		truth: newTruth(), arns: map[string]string{}, answers: map[string]int{},
		client: &http.Client{Transport: &http.Transport{}, Timeout: time.Minute},
	}
	t.Cleanup(w.upstream.close)
	var references []string
	for i := range namedSecrets + otherSecrets {
		name := fmt.Sprintf("soak/%02d", i)
		w.names = append(w.names, name)
		if i%2 == 1 {
			w.fragile = append(w.fragile, name)
		}
		if i < namedSecrets {
			references = append(references, fmt.Sprintf("S%02d_*=%s", i, name))
		}
		w.truth.put(name, w.upstream.aws.Put) // so that there is always one before
		_, w.arns[name], _ = w.truth.put(name, w.upstream.aws.Put)
	}
	w.lambda = lambdatest.New(lambdatest.Options{
		TB: quiet{t}, Timeout: time.Minute,
		Env: append(w.upstream.env(),
			"SECRET="+strings.Join(references, ","), "SECRETS_DOTENV_PATH="+w.file, "AWS_TOKEN="+token,
			"SECRETS_MANAGER_TTL=1", "SECRETS_MAX_STALE=12", // 3600 s, as compressed as the TTL
			"SECRETS_MANAGER_TIMEOUT_MILLIS="+strconv.FormatInt(fetchTimeout.Milliseconds(), 10),
			"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port,
			"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE="+strconv.Itoa(cacheSize),
			"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=64", // what hangs is not to hold up the rest
			"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=error",
		),
	})
	t.Cleanup(w.lambda.Close)
	var err error
	if w.process, err = w.lambda.StartExtension(exec.Command(extension)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.lambda.StartHandler(w.handle); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.lambda.WaitInit(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// quiet passes mistakes on and no output.
type quiet struct{ *testing.T }

func (quiet) Logf(string, ...any) {}

// handle is the function: it hands an event to the extension, as every handler
// does, and returns its answer.
func (w *world) handle(ctx context.Context, event []byte) ([]byte, error) {
	if len(event) < len(`{"source":`) {
		return []byte(`{}`), nil
	}
	status, body, err := w.post(ctx, w.client, "/rotation", event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(outcome{status, body})
}

// outcome is an answer to a rotation event.
type outcome struct {
	Status int
	Body   json.RawMessage
}

// invoke calls the function without an event for it, again and again: while it
// runs, the extension refreshes what is about to expire.
func (w *world) invoke(over <-chan struct{}) {
	for wait(over, 5*time.Millisecond) {
		res, err := w.lambda.Invoke(w.t.Context(), []byte(`{}`))
		if err == nil && res.Error != nil {
			err = res.Error
		}
		if err != nil {
			w.truth.complain("invoke: %v", err)
			return
		}
		w.invocations.Add(1)
	}
}

// state is what the process has.
type state struct {
	memory     float64 // resident, in bytes
	goroutines int
	files      int // open descriptors
	entries    int // of the cache
}

// stats is the answer of /stats, as far as it is looked at.
type stats struct {
	Goroutines int
	Secrets    []struct{ SecretID string }
	Totals     map[string]int
}

func (w *world) stats() stats {
	var s stats
	status, body, _, err := w.get(w.client, "/stats", "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d", status)
	}
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	if err == nil && s.Goroutines == 0 {
		err = errors.New("it tells no goroutines")
	}
	if err != nil {
		w.truth.complain("/stats: %v", err)
	}
	return s
}

func (w *world) measure() state {
	s := w.stats()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.process.Pid()))
	if err != nil {
		w.truth.complain("descriptors: %v", err)
	}
	memory, _ := w.resident()
	return state{memory, s.Goroutines, len(files), len(s.Secrets)}
}

// sample keeps the resident memory for the picture.
func (w *world) sample() {
	now, _ := w.resident()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.memory = append(w.memory, now)
}

// resident is the memory that the process has in RAM, and the most that it had, in
// bytes: proc_pid_status(5).
func (w *world) resident() (now, most float64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.Pid()))
	if err != nil {
		w.truth.complain("memory: %v", err)
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		kB, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			now = kB * 1024
		case "VmHWM":
			most = kB * 1024
		}
	}
	return now, most
}

// settled takes away what is left of connections, on both sides of the extension,
// for each has goroutines and a descriptor, and returns the least that the process
// has until it has no less for a second.
func (w *world) settled() state {
	w.upstream.server.CloseClientConnections()
	w.client.CloseIdleConnections()
	least := w.measure()
	for calm := 0; calm < 10; calm++ {
		time.Sleep(100 * time.Millisecond)
		now := w.measure()
		if now.goroutines < least.goroutines || now.files < least.files {
			calm = 0
		}
		now.goroutines, now.files = min(now.goroutines, least.goroutines), min(now.files, least.files)
		least = now
	}
	return least
}
