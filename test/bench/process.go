package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// platform is as little of the Extensions API as lets an extension start: Lambda's
// own part of the time is not what is measured. It answers a registration and
// never sends an event.
type platform struct {
	server     *httptest.Server
	registered chan time.Time
	ready      chan time.Time // asked for its first event
}

func newPlatform() *platform {
	p := &platform{registered: make(chan time.Time, 1), ready: make(chan time.Time, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		p.registered <- time.Now()
		w.Header().Set("Lambda-Extension-Identifier", "3a29d546-0000-4000-8000-000000000000")
		_, _ = w.Write([]byte(`{"functionName":"bench","functionVersion":"$LATEST","handler":"bootstrap"}`))
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case p.ready <- time.Now():
		default: // it called again, which nobody answers either
		}
		<-r.Context().Done()
	})
	mux.HandleFunc("POST /2020-01-01/extension/{phase}/error", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
	})
	p.server = httptest.NewServer(mux)
	return p
}

func (p *platform) api() string { return p.server.Listener.Addr().String() }

func (p *platform) close() {
	p.server.CloseClientConnections()
	p.server.Close()
}

// token is as long as Lambda's session tokens are.
var token = strings.Repeat("t0k3n/+=", 125)

// child is a process that was started here.
type child struct {
	cmd  *exec.Cmd
	log  bytes.Buffer // read it when the process has ended
	addr string       // of the endpoint
}

// started is one start of an extension.
type started struct {
	*child
	platform *platform
	began    time.Time     // of its exec
	took     time.Duration // from there to the registration
}

// start starts an extension and waits until it has registered. More variables
// than those that Lambda sets are given as NAME=value.
func (b *bench) start(ctx context.Context, binary string, aws *awstest.SecretsManager, variables ...string) (*started, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	s := &started{child: &child{addr: "127.0.0.1:" + port}, platform: newPlatform()}
	s.cmd = exec.Command(b.path(binary))
	s.cmd.Env = slices.Concat(aws.Env(), []string{
		"AWS_SESSION_TOKEN=" + token,
		"AWS_LAMBDA_RUNTIME_API=" + s.platform.api(),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_FUNCTION_NAME=bench",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port,
		"SECRETS_DOTENV_PATH=" + b.path("secrets.env"),
	}, variables)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.began = time.Now()
	if err := s.cmd.Start(); err != nil {
		s.platform.close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case at := <-s.platform.registered:
		s.took = at.Sub(s.began)
		return s, nil
	case <-ctx.Done():
		s.stop()
		return nil, fmt.Errorf("%s has not registered in time; it says: %s", binary, &s.log)
	}
}

func (s *started) stop() {
	s.child.stop()
	s.platform.close()
}

func (c *child) stop() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// cpu is the CPU time of the process so far, to the nanosecond: the times of
// /proc/PID/stat count in hundredths of a second.
func (c *child) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", c.cmd.Process.Pid))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("CPU time of %s: this kernel does not tell it", c.cmd.Path)
	}
	var sum time.Duration
	for _, thread := range threads {
		data, err := os.ReadFile(thread)
		if err != nil {
			return 0, err
		}
		ran, _, _ := strings.Cut(string(data), " ")
		ns, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// memory is what /proc/PID/status has under these names, in bytes.
func (c *child) memory(names ...string) ([]float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	values := make([]float64, len(names))
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		i := slices.Index(names, name)
		if i < 0 {
			continue
		}
		kB, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		values[i] = kB * 1024
	}
	return values, nil
}
