package lambdatest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// update wakes all who wait, after the state has changed; mu is held.
func (l *Lambda) update() {
	l.settle()
	close(l.changed)
	l.changed = make(chan struct{})
}

// wait returns when cond holds, which it calls with mu held and whose changes of
// the state are kept, or when ctx ends.
func (l *Lambda) wait(ctx context.Context, cond func() bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !cond() {
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		ended := ctx.Err() != nil
		l.mu.Lock()
		if ended {
			if cond() {
				return nil
			}
			return context.Cause(ctx)
		}
	}
	return nil
}

// settle ends the init when all that Lambda waits for has happened; mu is held.
func (l *Lambda) settle() {
	if l.phase != initialising || l.failure != nil || len(l.missing()) > 0 {
		return
	}
	l.phase = running
	if l.o.InitializationType == SnapStart {
		l.phase = snapshot
	}
	if l.phase == snapshot || l.o.Freeze {
		l.signalAll(freeze)
	}
}

// missing says what the init still waits for; mu is held.
func (l *Lambda) missing() []string {
	missing := l.unregistered()
	for i, name := range missing {
		missing[i] = fmt.Sprintf("extension %q has not registered", name)
	}
	for _, a := range l.agents {
		if !a.asked {
			missing = append(missing, fmt.Sprintf("extension %q has not asked for its next event", a.name))
		}
	}
	if l.runtime.waiting == 0 && !l.runtime.restoring {
		missing = append(missing, "the runtime has not asked for its next event")
	}
	return missing
}

// idle reports whether nothing is under way: Lambda would freeze the environment.
// It waits for the runtime and for the extensions that have INVOKE; mu is held.
func (l *Lambda) idle() bool {
	for _, a := range l.agents {
		if a.invoke && !a.waiting {
			return false
		}
	}
	return l.runtime.waiting > 0 && len(l.queue) == 0
}

// WaitInit waits until the init has ended: every extension has registered, and
// they and the runtime have asked for their next event. Its error is the
// *FunctionError of an init that failed or took too long, after which all parts
// have been stopped, or why ctx ended.
func (l *Lambda) WaitInit(ctx context.Context) error {
	return l.waitInit(ctx, func() bool { return l.phase == snapshot || l.phase == running })
}

// WaitRegistered waits until every external extension has registered, which is
// when Lambda starts the runtime. It fails as WaitInit does.
func (l *Lambda) WaitRegistered(ctx context.Context) error {
	return l.waitInit(ctx, func() bool { return len(l.unregistered()) == 0 })
}

// waitInit waits until ready holds, or the init fails, or takes too long.
func (l *Lambda) waitInit(ctx context.Context, ready func() bool) error {
	l.mu.Lock()
	l.begun()
	limit, cancel := context.WithDeadlineCause(ctx, l.initStart.Add(l.o.InitTimeout), errInitTimeout)
	l.mu.Unlock()
	defer cancel()

	failed := false
	err := l.wait(limit, func() bool {
		failed = l.phase == down || l.phase == stopping || l.closed ||
			l.failure != nil && l.phase == initialising
		return failed || ready()
	})
	if errors.Is(err, errInitTimeout) {
		l.mu.Lock()
		if l.failure == nil {
			l.failure = &FunctionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("init took longer than %v: %v", l.o.InitTimeout, l.missing())}
		}
		l.mu.Unlock()
		failed, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("wait for the init: %w", err)
	}
	if !failed {
		return nil
	}
	return l.afterFailure()
}

var errInitTimeout = errors.New("init timed out")

// afterFailure stops what still runs, and returns why.
func (l *Lambda) afterFailure() error {
	l.stop(Failure)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil {
		return fmt.Errorf("the environment is down: %w", l.failure)
	}
	return errors.New("the environment is down: it was shut down")
}

// begun starts the clock of the init; mu is held.
func (l *Lambda) begun() {
	if l.initStart.IsZero() {
		l.initStart = time.Now()
	}
}

// WaitIdle waits until the runtime and the extensions have asked for their next
// event: now Lambda would freeze the environment.
func (l *Lambda) WaitIdle(ctx context.Context) error {
	failed := false
	err := l.wait(ctx, func() bool {
		failed = l.phase >= stopping || l.failure != nil
		return failed || l.phase != initialising && len(l.turn) == 0 && l.idle()
	})
	if err != nil {
		return fmt.Errorf("wait until the environment is idle: %w", err)
	}
	if failed {
		return l.afterFailure()
	}
	return nil
}
