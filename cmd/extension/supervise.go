//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/runtimeproxy"
)

// stopGrace is how long a runtime that is replaced may take to end by itself. It
// is doing nothing: its handlers of SIGTERM are all that there is to run.
const stopGrace = 500 * time.Millisecond

// supervisor is the parent of a command, where this process cannot become the
// command: because it replaces it by another, or serves it.
type supervisor struct {
	log     *slog.Logger
	argv    []string
	group   bool // the command has a process group of its own
	orphans bool // all children of this process are the command's
	starts  int  // how often the command was started

	environment func(runtimeproxy.Variables) []string
	changed     func(context.Context) (runtimeproxy.Variables, error) // nil: the command is never replaced
}

// run runs the command until it ends by itself, and returns its exit status. Where
// a signal ended it, the same one ends this process.
func (s *supervisor) run(ctx context.Context, v runtimeproxy.Variables) (status int, err error) {
	// The child is to end with the thread that made it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if s.orphans {
		adoptOrphans()
	}
	children, signals := make(chan os.Signal, 1), make(chan os.Signal, 64)
	signal.Notify(children, syscall.SIGCHLD)
	signal.Notify(signals, s.forwarded()...)
	pid, err := spawn(s.argv, s.environment(v), s.group)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := s.watch(ctx)
	for s.starts = 1; ; {
		select {
		case <-children:
			if ws, ended := s.reap(pid); ended {
				s.end()
				s.logEnd(ws)
				return exitAs(ws), nil
			}
		case sig := <-signals:
			s.forward(pid, sig)
		case v = <-changes:
			s.stop(pid, children)
			if pid, err = spawn(s.argv, s.environment(v), s.group); err != nil {
				return 0, err
			}
			s.starts++
		}
	}
}

// watch waits for changes until ctx ends, or the extension does: then the runtime
// has lost its API, too, and ends in its own way.
func (s *supervisor) watch(ctx context.Context) <-chan runtimeproxy.Variables {
	changes := make(chan runtimeproxy.Variables)
	if s.changed == nil {
		return changes
	}
	go func() {
		for {
			v, err := s.changed(ctx)
			if err != nil {
				s.log.Debug("changes of variables are no longer told", "error", err.Error())
				return
			}
			select {
			case changes <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes
}

// stop ends the command and all it has started. Some of it may hold the connection
// on which the runtime asked for its next event.
func (s *supervisor) stop(pid int, children <-chan os.Signal) {
	s.signal(pid, syscall.SIGTERM)
	timer := time.NewTimer(stopGrace)
	defer timer.Stop()
	for killed := false; ; {
		if _, ended := s.reap(pid); ended {
			s.end()
			return
		}
		select {
		case <-children:
		case <-timer.C:
			if !killed {
				s.log.Warn("the runtime does not end by SIGTERM before its new start: it is killed", "grace", stopGrace)
				s.signal(pid, syscall.SIGKILL)
				killed = true
			}
		}
	}
}

// end kills what an ended command has left, in whatever process group that is.
// What a developer's command leaves is the developer's.
func (s *supervisor) end() {
	if s.orphans {
		endOrphans()
	}
}

// reap takes the status of children that have ended, and returns the command's.
func (s *supervisor) reap(command int) (ws syscall.WaitStatus, ended bool) {
	which := command
	if s.orphans {
		which = -1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(which, &status, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil || pid <= 0:
			return ws, ended
		case pid == command:
			ws, ended = status, true
		}
	}
}

func (s *supervisor) signal(pid int, sig syscall.Signal) {
	if s.group {
		pid = -pid
	}
	_ = syscall.Kill(pid, sig)
}

// fromTerminal are the signals that a terminal sends to a whole process group, the
// command among it.
var fromTerminal = []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP}

// forwarded returns the signals that must not do here what they do by default: all
// but those that are for this process, and those that stop and continue a group.
func (s *supervisor) forwarded() (signals []os.Signal) {
	own := []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE}
	if !s.group {
		own = append(own, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGCONT, syscall.SIGWINCH)
	}
	const most = 31 // there is no name for others
	for sig := syscall.Signal(1); sig <= most; sig++ {
		if !slices.Contains(own, sig) {
			signals = append(signals, sig)
		}
	}
	return signals
}

// forward gives the command a signal that was sent to this process alone: it goes
// to no child of the command, as it would not without this process.
func (s *supervisor) forward(pid int, sig os.Signal) {
	number, ok := sig.(syscall.Signal)
	if !ok || !s.group && slices.Contains(fromTerminal, number) {
		return
	}
	_ = syscall.Kill(pid, number)
}

// logEnd says what became of a runtime that was started anew: Lambda's own lines
// say that the environment failed, and not since when it could not but fail.
func (s *supervisor) logEnd(ws syscall.WaitStatus) {
	if s.starts > 1 && (ws.ExitStatus() != 0 || ws.Signaled()) {
		s.log.Error("the runtime ended, after it was started anew with changed variables",
			"status", ws.ExitStatus(), "signal", ws.Signal(), "starts", s.starts)
	}
}

// exitAs returns the status to exit with, unless the signal that ended the command
// ends this process.
func exitAs(ws syscall.WaitStatus) int {
	if !ws.Signaled() {
		return ws.ExitStatus()
	}
	sig := ws.Signal()
	// Of others the Go runtime would make a stack trace.
	if slices.Contains([]syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM}, sig) {
		signal.Reset(sig)
		_ = syscall.Kill(os.Getpid(), sig)
		time.Sleep(100 * time.Millisecond) // it may reach another thread first
	}
	return 128 + int(sig)
}
