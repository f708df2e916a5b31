package lambdatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Process is an extension or a runtime that was started here.
type Process struct {
	name   string
	cmd    *exec.Cmd          // nil for a function of this process
	cancel context.CancelFunc // of that function
	done   chan struct{}      // closed when it has ended
	err    error              // how; not before done
	start  time.Time

	mu         sync.Mutex
	log        bytes.Buffer
	registered time.Duration
}

// Name is the base name of the extension's file, or "runtime".
func (p *Process) Name() string { return p.name }

// Pid returns the process id, 0 for a function of this process.
func (p *Process) Pid() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the process ended: nil for the status 0, else an
// *exec.ExitError or what the function returned; nil as long as it runs, too.
func (p *Process) Err() error {
	if !p.exited() {
		return nil
	}
	return p.err
}

// Log returns the output of the process so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Registered returns how long after its start the extension registered, 0 as long
// as it has not.
func (p *Process) Registered() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.registered
}

func (p *Process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// waitFor waits for the end of the process and reports whether it came in time.
func (p *Process) waitFor(deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return p.exited()
	}
}

// StartExtension starts an external extension, whose name is the base name of
// cmd.Path. Its environment is ExtensionEnv and after that cmd.Env; its output is
// kept, and also goes where cmd says.
func (l *Lambda) StartExtension(cmd *exec.Cmd) (*Process, error) {
	p := &Process{name: filepath.Base(cmd.Path), cmd: cmd}
	return p, l.start(p, l.ExtensionEnv(), nil)
}

// GoExtension runs an external extension as a function of this process, which
// calls the API itself. Its context ends when Lambda would kill it; a return
// before SHUTDOWN is a crash, as an exit would be.
func (l *Lambda) GoExtension(name string, run func(context.Context) error) (*Process, error) {
	p := &Process{name: name}
	return p, l.start(p, nil, run)
}

// StartRuntime starts the function's own process as soon as every extension has
// registered, for which it waits. Its environment is Env and after that cmd.Env.
func (l *Lambda) StartRuntime(cmd *exec.Cmd) (*Process, error) {
	return l.startRuntime(&Process{name: runtimeName, cmd: cmd}, nil)
}

// GoRuntime runs a runtime as a function of this process, like StartRuntime. It
// may be one that never returns, as lambda.Start of aws-lambda-go.
func (l *Lambda) GoRuntime(run func(context.Context) error) (*Process, error) {
	return l.startRuntime(&Process{name: runtimeName}, run)
}

// StartHandler runs a small runtime around handler, like GoRuntime.
func (l *Lambda) StartHandler(handler func(ctx context.Context, event []byte) ([]byte, error)) (*Process, error) {
	return l.GoRuntime(func(ctx context.Context) error {
		return serve(ctx, "http://"+l.API()+"/2018-06-01/runtime/invocation/", handler)
	})
}

func (l *Lambda) startRuntime(p *Process, run func(context.Context) error) (*Process, error) {
	l.mu.Lock()
	l.renew()
	l.mu.Unlock()
	if err := l.WaitRegistered(context.Background()); err != nil {
		return p, fmt.Errorf("start the runtime: %w", err)
	}
	return p, l.start(p, l.Env(), run)
}

// start starts p, in a new environment when the last one has ended.
func (l *Lambda) start(p *Process, env []string, run func(context.Context) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.phase == stopping {
		return fmt.Errorf("start %s: the environment ends", p.name)
	}
	l.renew()
	for _, other := range l.processes {
		if other.name == p.name {
			return fmt.Errorf("start %s: it has been started already", p.name)
		}
	}
	l.begun()
	p.done, p.start = make(chan struct{}), time.Now()
	if p.cmd == nil {
		ctx, cancel := context.WithCancel(context.Background())
		p.cancel = cancel
		go l.watch(p, l.generation, func() error { return run(ctx) })
	} else {
		out, errs := &lines{l: l, p: p}, &lines{l: l, p: p}
		p.cmd.Env = merge(env, p.cmd.Env)
		p.cmd.Stdout, p.cmd.Stderr = tee(p.cmd.Stdout, out), tee(p.cmd.Stderr, errs)
		p.cmd.WaitDelay = 200 * time.Millisecond // children of it may hold its output
		group(p.cmd)
		if err := p.cmd.Start(); err != nil {
			l.fail(&FunctionError{Type: "Extension.LaunchError", Message: err.Error()})
			return fmt.Errorf("start %s: %w", p.name, err)
		}
		go l.watch(p, l.generation, func() error {
			err := p.cmd.Wait()
			send(p.cmd, kill) // the children it left
			out.flush()
			errs.flush()
			return err
		})
	}
	l.processes = append(l.processes, p)
	l.update()
	return nil
}

// watch waits for the end of p, which is a failure before the shutdown.
func (l *Lambda) watch(p *Process, generation int, wait func() error) {
	err := wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	p.err = err
	close(p.done)
	if l.generation == generation && l.phase < stopping {
		status := "exit status 0"
		if err != nil {
			status = err.Error()
		}
		e := &FunctionError{Type: "Extension.Crash", Message: fmt.Sprintf("extension %s ended before its shutdown: %s", p.name, status)}
		if p.name == runtimeName {
			e = &FunctionError{Type: "Runtime.ExitError", Message: "Runtime exited with error: " + status}
		}
		l.fail(e)
	}
	l.update()
}

// runtimeProcess returns the runtime that was started here; mu is held.
func (l *Lambda) runtimeProcess() *Process {
	for _, p := range l.processes {
		if p.name == runtimeName {
			return p
		}
	}
	return nil
}

// serve is the loop of a runtime.
func serve(ctx context.Context, base string, handler func(context.Context, []byte) ([]byte, error)) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	call := func(method, path string, body []byte) (*http.Response, []byte, error) {
		req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
		if err != nil {
			return nil, nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, nil, err
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		return res, data, err
	}
	for {
		res, event, err := call(http.MethodGet, "next", nil)
		if err != nil || res.StatusCode != http.StatusOK {
			return errors.Join(err, ctx.Err())
		}
		id, path := res.Header.Get("Lambda-Runtime-Aws-Request-Id"), "/response"
		payload, err := handler(ctx, event)
		if err != nil {
			var failure Result
			failure.fail(fmt.Sprintf("%T", err), err.Error())
			payload, path = failure.Payload, "/error"
		}
		if _, _, err := call(http.MethodPost, id+path, payload); err != nil {
			return err
		}
	}
}

func tee(w, lines io.Writer) io.Writer {
	if w == nil {
		return lines
	}
	return io.MultiWriter(w, lines)
}

// lines gives output on line by line.
type lines struct {
	l    *Lambda
	p    *Process
	rest []byte
}

func (w *lines) Write(data []byte) (int, error) {
	w.p.mu.Lock()
	w.p.log.Write(data)
	w.p.mu.Unlock()
	w.rest = append(w.rest, data...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(data), nil
		}
		w.l.line(w.p.name, string(line))
		w.rest = rest
	}
}

func (w *lines) flush() {
	if len(w.rest) > 0 {
		w.l.line(w.p.name, string(w.rest))
	}
	w.rest = nil
}
