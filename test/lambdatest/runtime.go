package lambdatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const runtimeName = "runtime"

// MaxPayload is the size that an event or a buffered response may have, in
// bytes: 6 MB and a little, as Lambda counts.
const MaxPayload = 6<<20 + 100

// maxStream is the size that a streamed response may have.
const maxStream = 200 << 20

// runtimeState is what is known of the runtime.
type runtimeState struct {
	asked     bool // has called next or restore/next, ever
	waiting   int  // calls of next that have no answer yet
	restoring bool // restore/next has no answer yet
	released  bool // Restore was called
	current   *invocation
}

func (l *Lambda) handler() http.Handler {
	const extension, runtime = "/2020-01-01/extension/", "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+extension+"register", l.register)
	mux.HandleFunc("GET "+extension+"event/next", l.extensionNext)
	mux.HandleFunc("POST "+extension+"init/error", l.extensionError)
	mux.HandleFunc("POST "+extension+"exit/error", l.extensionError)
	mux.HandleFunc("GET "+runtime+"invocation/next", l.runtimeNext)
	mux.HandleFunc("POST "+runtime+"invocation/{id}/response", l.runtimeResponse)
	mux.HandleFunc("POST "+runtime+"invocation/{id}/error", l.runtimeError)
	mux.HandleFunc("POST "+runtime+"init/error", l.runtimeInitError)
	mux.HandleFunc("GET "+runtime+"restore/next", l.restoreNext)
	mux.HandleFunc("POST "+runtime+"restore/error", l.runtimeInitError)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		l.violate(rulePath, "got %s %s", r.Method, r.URL.Path)
		http.NotFound(w, r)
	})
	return mux
}

func (l *Lambda) runtimeNext(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.begun()
	rt, generation, early, p := &l.runtime, l.generation, l.unregistered(), l.runtimeProcess()
	wrong := ""
	switch {
	case l.managed():
	case rt.waiting > 0:
		wrong = "the runtime asked for its next event while another call waits"
	case rt.current != nil && !rt.current.answered && l.phase < stopping:
		wrong = fmt.Sprintf("the runtime asked for its next event before it had answered request %s", rt.current.id)
	}
	if wrong != "" {
		l.mu.Unlock()
		l.refuse(w, &refusal{http.StatusForbidden, "InvalidStateTransition", "State transition from Running to Ready failed for runtime. Error: State transition is not allowed", ruleRuntime, wrong})
		return
	}
	rt.asked, rt.current = true, nil
	rt.waiting++
	l.update()
	l.mu.Unlock()
	l.tooEarly(early)

	var inv *invocation
	err := l.wait(r.Context(), func() bool {
		if l.generation == generation && len(l.queue) > 0 {
			inv, l.queue = l.queue[0], l.queue[1:]
			l.runtime.waiting--
			l.runtime.current = inv
		}
		return inv != nil || l.closed
	})
	if inv == nil {
		l.abandon(r, generation, p, err)
	}
	inv.writeTo(w)
}

// tooEarly reports a runtime that was there before its extensions.
func (l *Lambda) tooEarly(unregistered []string) {
	if len(unregistered) > 0 {
		l.violate(ruleStart, "the runtime asked for its next event although these extensions have not registered: %q", unregistered)
	}
}

// abandon ends a call of the runtime that will get no answer.
func (l *Lambda) abandon(r *http.Request, generation int, p *Process, err error) {
	l.mu.Lock()
	if l.generation == generation {
		l.runtime.waiting--
		l.update()
	}
	l.mu.Unlock()
	if err == nil && p != nil && p.cmd == nil && !p.exited() {
		<-r.Context().Done() // aws-lambda-go ends the whole program when the call fails
	}
	panic(http.ErrAbortHandler)
}

func (inv *invocation) writeTo(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	h.Set("Lambda-Runtime-Trace-Id", inv.traceID)
	if inv.request.ClientContext != "" {
		h.Set("Lambda-Runtime-Client-Context", inv.request.ClientContext)
	}
	if inv.request.CognitoIdentity != "" {
		h.Set("Lambda-Runtime-Cognito-Identity", inv.request.CognitoIdentity)
	}
	_, _ = w.Write(inv.request.Payload)
}

// take returns the invocation that a response or an error belongs to, once.
func (l *Lambda) take(w http.ResponseWriter, r *http.Request) *invocation {
	id := r.PathValue("id")
	l.mu.Lock()
	inv := l.invocations[id]
	late := l.ended[id] // timed out: the runtime cannot know
	if inv != nil && !inv.taken {
		inv.taken = true
		l.mu.Unlock()
		return inv
	}
	l.mu.Unlock()
	refused := &refusal{http.StatusBadRequest, "InvalidRequestID", "Invalid request ID", ruleID, fmt.Sprintf("%s of the unknown request id %q", pathEnd(r), id)}
	switch {
	case late:
		refused.rule = ""
	case inv != nil:
		refused.rule, refused.wrong = ruleRuntime, fmt.Sprintf("a second answer (%s) to request %s", pathEnd(r), id)
	}
	l.refuse(w, refused)
	return nil
}

func pathEnd(r *http.Request) string { return r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:] }

func (l *Lambda) runtimeResponse(w http.ResponseWriter, r *http.Request) {
	inv := l.take(w, r)
	if inv == nil {
		return
	}
	mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode")
	if mode != "" && mode != "streaming" {
		l.answered(inv, Result{Error: &FunctionError{Type: "Runtime.InvalidResponseModeHeader"}})
		l.refuse(w, &refusal{http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode", ruleMode, fmt.Sprintf("response with the mode %q", mode)})
		return
	}
	res := Result{Header: r.Header, Streamed: mode == "streaming"}
	limit := int64(MaxPayload)
	if res.Streamed {
		limit = maxStream
	}
	var body io.Reader = io.LimitReader(r.Body, limit+1)
	if inv.request.Stream != nil {
		body = io.TeeReader(body, inv.request.Stream)
	}
	data, err := io.ReadAll(body)
	switch {
	case err != nil:
		res.Error = &FunctionError{Type: "Runtime.TruncatedResponse", Message: err.Error()}
		l.answered(inv, res)
		answer(w, http.StatusBadRequest, map[string]string{"errorType": "TruncatedHTTPRequest", "errorMessage": "HTTP request detected as truncated"})
		return
	case int64(len(data)) > limit:
		_, _ = io.Copy(io.Discard, r.Body)
		res.fail("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit))
		l.answered(inv, res)
		answer(w, http.StatusRequestEntityTooLarge, map[string]string{"errorType": "RequestEntityTooLarge", "errorMessage": fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", limit)})
		return
	}
	res.Payload, res.Trailer = data, r.Trailer
	res.Error = trailerError(r.Trailer)
	l.answered(inv, res)
	answer(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// trailerError reads the error that broke off a response which had begun.
func trailerError(trailer http.Header) *FunctionError {
	kind := trailer.Get("Lambda-Runtime-Function-Error-Type")
	if kind == "" {
		return nil
	}
	body, err := base64.StdEncoding.DecodeString(trailer.Get("Lambda-Runtime-Function-Error-Body"))
	if err != nil {
		body = nil
	}
	var said struct{ ErrorMessage string }
	_ = json.Unmarshal(body, &said)
	return &FunctionError{Type: kind, Message: said.ErrorMessage}
}

func (l *Lambda) runtimeError(w http.ResponseWriter, r *http.Request) {
	inv := l.take(w, r)
	if inv == nil {
		return
	}
	body, kind, said := readError(r)
	l.answered(inv, Result{Payload: body, Header: r.Header, Error: &FunctionError{Type: kind, Message: said}})
	answer(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// readError reads the body of one of the runtime's errors.
func readError(r *http.Request) (body []byte, kind, message string) {
	body, _ = io.ReadAll(io.LimitReader(r.Body, MaxPayload))
	var said struct{ ErrorMessage, ErrorType string }
	_ = json.Unmarshal(body, &said)
	kind = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	if said.ErrorType != "" {
		kind = said.ErrorType
	}
	return body, kind, said.ErrorMessage
}

// runtimeInitError takes init/error and restore/error of the runtime.
func (l *Lambda) runtimeInitError(w http.ResponseWriter, r *http.Request) {
	body, kind, message := readError(r)
	call := strings.TrimPrefix(r.URL.Path, "/2018-06-01/runtime/")
	l.mu.Lock()
	wrong := call == "init/error" && l.runtime.asked
	if !wrong {
		l.reports = append(l.reports, Report{runtimeName, call, kind, message, body})
		l.fail(&FunctionError{Type: kind, Message: "runtime: " + message})
	}
	l.mu.Unlock()
	if wrong {
		l.refuse(w, &refusal{http.StatusForbidden, "InvalidStateTransition", "State transition from Running to InitError failed for runtime. Error: State transition is not allowed", ruleRuntime, "init/error of the runtime after it had asked for an event"})
		return
	}
	answer(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// restoreNext answers when the snapshot is restored. Only SnapStart has it.
func (l *Lambda) restoreNext(w http.ResponseWriter, r *http.Request) {
	if l.o.InitializationType != SnapStart {
		http.NotFound(w, r)
		return
	}
	l.mu.Lock()
	l.begun()
	early := l.unregistered()
	l.runtime.asked, l.runtime.restoring = true, true
	l.update()
	l.mu.Unlock()
	l.tooEarly(early)
	err := l.wait(r.Context(), func() bool { return l.runtime.released || l.closed })
	l.mu.Lock()
	l.runtime.restoring = false
	released := l.runtime.released
	l.update()
	l.mu.Unlock()
	if err != nil || !released {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(http.StatusOK)
}
