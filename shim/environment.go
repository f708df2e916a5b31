package shim

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"sync/atomic"
)

// environment brings the variables of the process up to date.
type environment struct {
	turns atomic.Uint64
	vars  atomic.Pointer[map[string]string] // never changed once stored

	mu   sync.Mutex
	last uint64              // the turn that was applied
	ours map[string]variable // what is set now, by name
}

// variable is one that was set here, with what the function's configuration had.
type variable struct {
	value  string
	before string
	had    bool
}

// turn is taken before the variables are fetched, and given to apply with them.
func (e *environment) turn() uint64 { return e.turns.Add(1) }

// apply sets the variables that changed and takes back those that are gone. What
// was fetched earlier never replaces what was fetched later.
func (e *environment) apply(turn uint64, vars map[string]string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if turn < e.last {
		return nil
	}
	e.last = turn
	if e.ours == nil {
		e.ours = map[string]variable{}
	}
	var errs []error
	for name, value := range vars {
		if err := e.set(name, value); err != nil {
			errs = append(errs, err)
		}
	}
	for name := range e.ours {
		if _, ok := vars[name]; ok {
			continue
		}
		if err := e.takeBack(name); err != nil {
			errs = append(errs, err)
		}
	}
	vars = maps.Clone(vars)
	e.vars.Store(&vars)
	return errors.Join(errs...)
}

func (e *environment) set(name, value string) error {
	v, ok := e.ours[name]
	if ok && v.value == value {
		return nil
	}
	if !ok {
		v.before, v.had = os.LookupEnv(name)
		if v.before == value {
			// `aws-secretsmanager exec` has set it: no configuration to come back to.
			v.before, v.had = "", false
		}
	}
	if err := os.Setenv(name, value); err != nil {
		return fmt.Errorf("set variable %q: %w", name, err)
	}
	v.value = value
	e.ours[name] = v
	return nil
}

func (e *environment) takeBack(name string) error {
	v := e.ours[name]
	delete(e.ours, name)
	if now, _ := os.LookupEnv(name); now != v.value {
		return nil // the function has set it since: it is no longer ours
	}
	if v.had {
		return os.Setenv(name, v.before)
	}
	return os.Unsetenv(name)
}

func (e *environment) lookup(name string) (string, bool) {
	if vars := e.vars.Load(); vars != nil {
		if value, ok := (*vars)[name]; ok {
			return value, true
		}
	}
	return os.LookupEnv(name)
}
