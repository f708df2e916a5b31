package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// runtimeShare is the part of the shutdown that the runtime has to itself, after
// SIGTERM and before the extensions are told, in tenths.
const runtimeShare = 3

// What can be done to the started processes.
type signal int

const (
	freeze signal = iota
	thaw
	terminate
	kill
)

// Freeze stops all started processes, as Lambda does between invocations. What
// runs within the test is not stopped: it just gets no traffic.
func (l *Lambda) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signalAll(freeze)
}

// Thaw lets them go on.
func (l *Lambda) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signalAll(thaw)
}

// signalAll is signal for every process that runs; mu is held.
func (l *Lambda) signalAll(s signal) {
	if s == thaw && !l.frozen {
		return
	}
	l.frozen = s == freeze
	for _, p := range l.processes {
		p.signal(s)
	}
}

// signal acts on the process and its children, if it still runs.
func (p *Process) signal(s signal) {
	if p.exited() {
		return
	}
	if p.cmd == nil {
		if s >= terminate {
			p.cancel()
		}
		return
	}
	send(p.cmd, s)
}

// Restore is SnapStart's restore: it thaws the snapshot that the init made, and
// waits until the runtime asks for its next event. It has no event for extensions.
func (l *Lambda) Restore(ctx context.Context) error {
	if err := l.WaitInit(ctx); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	l.mu.Lock()
	if l.phase != snapshot {
		l.mu.Unlock()
		return errors.New("restore: there is no snapshot: want the type SnapStart, and one Restore")
	}
	l.signalAll(thaw)
	l.runtime.released = true
	l.update()
	l.mu.Unlock()
	failed := false
	err := l.wait(ctx, func() bool {
		if failed = l.failure != nil || l.closed; failed {
			return true
		}
		if l.runtime.waiting > 0 {
			l.phase = running
		}
		return l.phase == running
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if failed {
		return fmt.Errorf("restore: %w", l.afterFailure())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.Freeze {
		l.signalAll(freeze)
	}
	l.update()
	return nil
}

// Shutdown ends the environment as Lambda does: when the invocation under way
// has ended, the runtime gets SIGTERM, the extensions get SHUTDOWN with reason
// and a deadline, no signal, and SIGKILL at the deadline. It is an error when an
// extension had to be killed, or when the environment was down already.
func (l *Lambda) Shutdown(ctx context.Context, reason string) error {
	l.mu.Lock()
	ready := l.phase == running
	l.mu.Unlock()
	if ready {
		if err := l.WaitIdle(ctx); err != nil {
			return fmt.Errorf("shutdown: %w", err)
		}
	}
	l.mu.Lock()
	failed := l.phase >= stopping || l.failure != nil
	l.mu.Unlock()
	if failed {
		return fmt.Errorf("shutdown: %w", l.afterFailure())
	}
	if killed := l.stop(reason); len(killed) > 0 {
		return fmt.Errorf("shutdown: killed %s, which did not exit within %v of SHUTDOWN", strings.Join(killed, ", "), l.o.ShutdownTimeout)
	}
	return nil
}

// stop ends the environment and returns the names of the extensions that had to
// be killed although they had SHUTDOWN. A second call waits for the first.
func (l *Lambda) stop(reason string) []string {
	l.mu.Lock()
	if l.phase >= stopping {
		l.mu.Unlock()
		_ = l.wait(context.Background(), func() bool { return l.phase == down })
		return nil
	}
	l.phase = stopping
	l.signalAll(thaw)
	deadline := time.Now().Add(l.o.ShutdownTimeout)
	runtime, processes := l.runtimeProcess(), l.processes
	agents := make([]*agent, 0, len(l.agents))
	for _, a := range l.agents {
		if a.external {
			agents = append(agents, a)
		}
	}
	l.update()
	l.mu.Unlock()

	if runtime != nil {
		if len(agents) > 0 && runtime.cmd != nil {
			runtime.signal(terminate)
			runtime.waitFor(time.Now().Add(l.o.ShutdownTimeout * runtimeShare / 10))
		}
		runtime.signal(kill)
	}
	l.tell(agents, reason, deadline)
	killed := l.waitForAgents(agents, deadline)

	for _, p := range processes {
		p.signal(kill)
	}
	for _, p := range processes {
		if p.cmd != nil {
			p.waitFor(time.Now().Add(l.o.ShutdownTimeout))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = down
	l.update()
	return killed
}

// tell sends SHUTDOWN to those who have it. An extension that is busy with the
// invocation that timed out never sees it.
func (l *Lambda) tell(agents []*agent, reason string, deadline time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range agents {
		switch {
		case a.reported != "":
		case !a.shutdown:
			if a.process != nil {
				a.process.signal(kill)
			}
		case reason == Timeout && !a.waiting && a.invoke:
		default:
			a.event, a.waiting = shutdownEvent(reason, deadline), false
		}
	}
	l.update()
}

// waitForAgents waits until the extensions have exited, and returns the names of
// those that had SHUTDOWN, or had announced their exit, and did not.
func (l *Lambda) waitForAgents(agents []*agent, deadline time.Time) []string {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	gone := func(a *agent) bool {
		if a.process == nil {
			return a.last || !a.shutdown || a.reported != ""
		}
		return a.process.exited()
	}
	_ = l.wait(ctx, func() bool {
		for _, a := range agents {
			if !gone(a) && !l.closed {
				return false
			}
		}
		return true
	})
	l.mu.Lock()
	var killed, stubborn []string
	for _, a := range agents {
		switch {
		case gone(a) || l.closed:
		case a.reported != "":
			stubborn = append(stubborn, fmt.Sprintf("extension %q was alive %v after its %s: want it to exit at once", a.name, l.o.ShutdownTimeout, a.reported))
		default:
			killed = append(killed, a.name)
		}
	}
	l.mu.Unlock()
	for _, wrong := range stubborn {
		l.violate(ruleExit, "%s", wrong)
	}
	return killed
}
