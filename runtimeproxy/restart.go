package runtimeproxy

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Restart makes the proxy replace the runtime when variables have changed. Whoever
// starts the runtime asks for them by a [Client]; as long as nobody has, the
// runtime stays.
type Restart struct {
	// Load returns the variables to start a runtime with. It waits for those that
	// are still being loaded.
	Load func(context.Context) (Variables, error)
	// Current returns them as of their last change, without a wait.
	Current func() Variables
	// Token is what a request must carry. An empty one refuses all.
	Token string
}

// Variables are those of all secrets at one moment.
type Variables struct {
	Values map[string]string `json:"values"`
	Change uint64            `json:"change"` // counts the changes up to then
}

// patience is how long the one who starts the runtime may take to ask whether it
// is to be replaced. It is asking all the time, unless it is gone.
const patience = 5 * time.Second

// restarts is the state of what [Restart] describes.
type restarts struct {
	o      Restart
	orders chan Variables // taken by the request that waits for a change

	mu      sync.Mutex
	known   bool      // somebody started the runtime with our variables
	running Variables // which it was started with, or is being started with
	ordered bool      // the runtime is being replaced: the new one has not asked for an event yet
}

func newRestarts(o Restart) *restarts {
	return &restarts{o: o, orders: make(chan Variables)}
}

// starting reports whether a new runtime is in its init.
func (s *restarts) starting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ordered
}

// asked is told that the runtime asked for an event: its init is over.
func (s *restarts) asked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ordered = false
}

// due returns the variables that a runtime should have and has not.
func (s *restarts) due() (Variables, bool) {
	v := s.o.Current()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known || v.Change == s.running.Change {
		return v, false
	}
	if maps.Equal(v.Values, s.running.Values) {
		s.running = v // they have changed to and fro, or were read before they were published
		return v, false
	}
	return v, true
}

// begin orders the replacement of the runtime, if it is due, and reports whether it
// did. The caller has asked for no event on the runtime's behalf, so none can get
// lost.
func (s *restarts) begin(ctx context.Context, log *slog.Logger) bool {
	v, due := s.due()
	if !due {
		return false
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case s.orders <- v:
		log.Info("variables have changed: the runtime is started anew before its next event")
		return true
	case <-timer.C:
		log.Warn("variables have changed, and nobody is there to start the runtime anew: it keeps the old ones")
		s.mu.Lock()
		s.running = v // else each call for an event would wait
		s.mu.Unlock()
	case <-ctx.Done(): // it is due for the next call, too
	}
	return false
}

// serve answers with the variables to start a runtime with; where the query has
// the change of those it has, as soon as it is to be replaced.
func (s *restarts) serve(w http.ResponseWriter, r *http.Request) {
	if !s.authorized(r.Header.Get(tokenHeader)) {
		http.Error(w, "Bad Token", http.StatusForbidden)
		return
	}
	var v Variables
	if r.URL.Query().Has("changed") {
		select {
		case v = <-s.orders:
			// Before the answer, after which the new runtime may call at any time.
			s.mu.Lock()
			s.running, s.ordered = v, true
			s.mu.Unlock()
		case <-r.Context().Done():
			return
		}
	} else {
		var err error
		if v, err = s.o.Load(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		s.mu.Lock()
		s.known, s.running = true, v
		s.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked is gone, and the runtime with it
}

func (s *restarts) authorized(token string) bool {
	return s.o.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Token)) == 1
}

// initError takes the report of a new runtime whose init failed. Lambda wants none
// after the first init; it learns of it by the end of the process. The log gets
// the reason, without any value in it.
func (p *Proxy) initError(w http.ResponseWriter, r *http.Request) {
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(r.Body, most))
	var said struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(body, &said)
	if said.ErrorType == "" {
		said.ErrorType = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	}
	p.log.Error("the runtime failed its init with the new variables: the environment is given up",
		"errorType", said.ErrorType, "errorMessage", redact(said.ErrorMessage, p.restarts.o.Current().Values))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

// redact takes the values out of a message; those that are part of others first go
// last. What is too short to be a secret would only make it illegible.
func redact(message string, values map[string]string) string {
	const least = 4
	var found []string
	for _, v := range values {
		if len(v) >= least {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	for _, v := range found {
		message = strings.ReplaceAll(message, v, "[secret]")
	}
	return message
}
