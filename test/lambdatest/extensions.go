package lambdatest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// agent is an extension that has registered.
type agent struct {
	name       string
	id         string
	generation int
	external   bool
	process    *Process // nil when it was not started here
	invoke     bool     // has INVOKE
	shutdown   bool     // has SHUTDOWN

	asked    bool   // has called next, ever
	waiting  bool   // a call of next has no answer yet
	gaveUp   bool   // a call of next was broken off
	event    []byte // for the call of next that waits or comes
	last     bool   // SHUTDOWN has been delivered
	reported string // init/error or exit/error
}

// external returns the names of the extensions that belong to the function; mu is
// held.
func (l *Lambda) external() []string {
	names := slices.Clone(l.o.ExtensionNames)
	for _, p := range l.processes {
		if p.name != runtimeName && !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// unregistered returns the names of the external extensions that have not
// registered; mu is held.
func (l *Lambda) unregistered() []string {
	return slices.DeleteFunc(l.external(), func(name string) bool { return l.agent(name) != nil })
}

// agent returns the extension that registered with name; mu is held.
func (l *Lambda) agent(name string) *agent {
	for _, a := range l.agents {
		if a.name == name {
			return a
		}
	}
	return nil
}

func (l *Lambda) register(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Events []string `json:"events"`
	}
	name := r.Header.Get("Lambda-Extension-Name")
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(data, &body)
	}
	switch {
	case name == "":
		l.refuse(w, &refusal{http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name", ruleName, "register without the header Lambda-Extension-Name"})
		return
	case err != nil:
		l.refuse(w, &refusal{http.StatusForbidden, "InvalidRequestFormat", err.Error(), ruleEvents, fmt.Sprintf("register of %q: got the body %.100q, want {\"events\":[…]}", name, data)})
		return
	}
	l.mu.Lock()
	l.begun()
	a, refused := l.enter(name, body.Events)
	if refused == nil {
		l.agents[a.id] = a
		l.update()
	}
	l.mu.Unlock()
	if refused != nil {
		l.refuse(w, refused)
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", a.id)
	function := map[string]string{"functionName": l.o.Function, "functionVersion": "$LATEST", "handler": "bootstrap"}
	if strings.Contains(r.Header.Get("Lambda-Extension-Accept-Feature"), "accountId") {
		function["accountId"] = l.o.AccountID
	}
	answer(w, http.StatusOK, function)
}

// enter admits an extension, or says why not; mu is held. A name that is none of
// the external ones is an internal extension's, which registers from within the
// runtime.
func (l *Lambda) enter(name string, events []string) (*agent, *refusal) {
	a := &agent{
		name: name, id: newID(), generation: l.generation,
		external: slices.Contains(l.external(), name),
		invoke:   slices.Contains(events, "INVOKE"),
		shutdown: slices.Contains(events, "SHUTDOWN"),
	}
	state, missing := "Extension.InvalidExtensionState", l.unregistered()
	if l.phase >= stopping {
		return nil, &refusal{http.StatusForbidden, "Extension.RegistrationClosed", "Extension registration closed already", ruleNotAgain, fmt.Sprintf("register of %q after the environment has ended", name)}
	}
	if l.agent(name) != nil {
		return nil, &refusal{http.StatusForbidden, state, "State transition from Registered to Registered failed for extension " + name + ". Error: State transition is not allowed", ruleRegister, fmt.Sprintf("register of %q: it has registered already", name)}
	}
	for _, e := range events {
		if e == "INVOKE" && !l.managed() || e == "SHUTDOWN" && a.external {
			continue
		}
		if e == "SHUTDOWN" {
			return nil, &refusal{http.StatusForbidden, "Extension.InvalidEventType", "SHUTDOWN: invalid event type", ruleName, fmt.Sprintf("register of %q with SHUTDOWN: got this name, want one of %q", name, l.external())}
		}
		return nil, &refusal{http.StatusForbidden, "Extension.InvalidEventType", e + ": invalid event type", ruleEvents, fmt.Sprintf("register of %q: got the event %q, which is none for %s", name, e, l.o.InitializationType)}
	}
	if !a.external && (len(missing) > 0 || l.runtimeProcess() == nil && !l.runtime.asked) {
		return nil, &refusal{http.StatusForbidden, "Extension.InvalidExtensionName", "Invalid extension name " + name, ruleName, fmt.Sprintf("register of %q: got this name, want one of %q", name, l.external())}
	}
	if l.phase != initialising || a.external && l.runtime.asked {
		return nil, &refusal{http.StatusForbidden, "Extension.RegistrationClosed", "Extension registration closed already", ruleRegister, fmt.Sprintf("register of %q: too late, the runtime has been started", name)}
	}
	for _, p := range l.processes {
		if a.external && p.name == name {
			a.process = p
			p.mu.Lock()
			p.registered = time.Since(p.start)
			p.mu.Unlock()
		}
	}
	return a, nil
}

// identify returns the extension that makes the call; mu is held.
func (l *Lambda) identify(r *http.Request) (*agent, *refusal) {
	id := r.Header.Get("Lambda-Extension-Identifier")
	a := l.agents[id]
	switch call := r.URL.Path[len("/2020-01-01/extension/"):]; {
	case id == "":
		return nil, &refusal{http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header", ruleIdentifier, call + " without an identifier: want Register first"}
	case a == nil && l.ended[id]: // of an environment that was reset: it just was not killed
		panic(http.ErrAbortHandler)
	case a == nil:
		return nil, &refusal{http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension " + id, ruleIdentifier, fmt.Sprintf("%s: got the unknown identifier %q, want Register first", call, id)}
	case a.reported != "" && call != a.reported:
		return nil, &refusal{http.StatusForbidden, "Extension.InvalidExtensionState", "State transition from " + a.reported + " failed for extension " + a.id + ". Error: State transition is not allowed", ruleExit, fmt.Sprintf("extension %q: %s after %s", a.name, call, a.reported)}
	}
	return a, nil
}

func (l *Lambda) extensionNext(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	a, refused := l.identifyNext(r)
	if refused != nil {
		l.mu.Unlock()
		l.refuse(w, refused)
		return
	}
	gaveUp := a.gaveUp
	a.gaveUp, a.asked, a.waiting = false, true, a.event == nil
	l.update()
	l.mu.Unlock()
	if gaveUp {
		l.violate(ruleNext, "extension %q asked for its next event after it had broken off its last call: want no time-out", a.name)
	}

	var event []byte
	err := l.wait(r.Context(), func() bool {
		event = a.event
		return event != nil || l.closed
	})
	l.mu.Lock()
	if err != nil || event == nil {
		a.waiting, a.gaveUp = false, true
		l.update()
		l.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	a.event = nil
	if l.phase >= stopping {
		a.last = true
		l.update()
	}
	l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(event)
}

func (l *Lambda) identifyNext(r *http.Request) (*agent, *refusal) {
	a, refused := l.identify(r)
	if refused != nil {
		return nil, refused
	}
	state := "State transition from Ready to Ready failed for extension " + a.id + ". Error: State transition is not allowed"
	switch {
	case a.waiting:
		return nil, &refusal{http.StatusForbidden, "Extension.InvalidExtensionState", state, ruleNext, fmt.Sprintf("extension %q asked for its next event while another call waits", a.name)}
	case a.last:
		return nil, &refusal{http.StatusForbidden, "Extension.InvalidExtensionState", state, ruleShutdown, fmt.Sprintf("extension %q asked for its next event after SHUTDOWN: want it to exit", a.name)}
	}
	return a, nil
}

// extensionError takes init/error and exit/error.
func (l *Lambda) extensionError(w http.ResponseWriter, r *http.Request) {
	call := strings.TrimPrefix(r.URL.Path, "/2020-01-01/extension/")
	body, _ := io.ReadAll(r.Body)
	kind := r.Header.Get("Lambda-Extension-Function-Error-Type")

	l.mu.Lock()
	a, refused := l.identify(r)
	switch {
	case refused != nil:
	case kind == "":
		refused = &refusal{http.StatusForbidden, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found", ruleError, fmt.Sprintf("extension %q: %s without the header Lambda-Extension-Function-Error-Type", a.name, call)}
	case call == "init/error" && a.asked:
		refused = &refusal{http.StatusForbidden, "Extension.InvalidExtensionState", "State transition from Running to InitError failed for extension " + a.id + ". Error: State transition is not allowed", ruleError, fmt.Sprintf("extension %q: init/error after it had asked for an event, want exit/error", a.name)}
	}
	if refused != nil {
		l.mu.Unlock()
		l.refuse(w, refused)
		return
	}
	first := a.reported == ""
	a.reported = call
	var said struct{ ErrorMessage, ErrorType string }
	malformed := json.Unmarshal(body, &said) != nil || said.ErrorType == ""
	if first {
		l.reports = append(l.reports, Report{a.name, call, kind, said.ErrorMessage, body})
		if l.phase < stopping {
			l.fail(&FunctionError{Type: kind, Message: fmt.Sprintf("extension %s: %s", a.name, said.ErrorMessage)})
		}
	}
	l.mu.Unlock()
	if malformed || strings.ContainsAny(kind, " \t") || !strings.Contains(kind, ".") {
		l.violate(ruleError, "extension %q: %s: got the type %q and the body %.200q, want a type such as Extension.Reason and {errorMessage, errorType, stackTrace}", a.name, call, kind, body)
	}
	answer(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// event makes the answer of an extension's next.
func (l *Lambda) event(inv *invocation) []byte {
	data, _ := json.Marshal(map[string]any{
		"eventType": "INVOKE", "deadlineMs": inv.deadline.UnixMilli(), "requestId": inv.id,
		"invokedFunctionArn": inv.arn, "tracing": map[string]string{"type": "X-Amzn-Trace-Id", "value": inv.traceID},
	})
	return data
}

func shutdownEvent(reason string, deadline time.Time) []byte {
	data, _ := json.Marshal(map[string]any{
		"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline.UnixMilli(),
	})
	return data
}
