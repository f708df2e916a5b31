package localhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

const (
	// maxEvent is more than a synchronous invocation's payload, 6 MB.
	maxEvent = 7 << 20

	// reserve is what a rotation leaves of the invocation that brought its event,
	// for the answer to travel and the handler to return it.
	reserve = 500 * time.Millisecond

	// patience bounds a rotation that no invocation bounds.
	patience = 10 * time.Second
)

// rotated is the answer about one secret.
type rotated struct {
	Rotated   bool   `json:"rotated"`
	SecretID  string `json:"secretId,omitempty"`
	VersionID string `json:"versionId,omitempty"`
	Changed   *bool  `json:"changed,omitempty"`
	failure
}

// rotation renews what an event says has changed, and answers when that is done
// and the dotenv file written. It is the query that names the secret, if it does,
// and else the event in the body.
func (h *handler) rotation(w http.ResponseWriter, r *http.Request, q *query) {
	changes := []cache.Change{{ID: q.secretID, VersionID: q.versionID}}
	switch {
	case q.has == 0:
		var ok bool
		if changes, ok = h.readEvent(w, r); !ok {
			return
		}
	case q.secretID == "":
		writeText(w, http.StatusBadRequest, missingSecretID)
		return
	case !validID(w, q.secretID):
		return
	}

	outcomes := h.rotateAll(r.Context(), changes, h.deadline())
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody waits for the answer; see fail
	}
	a, failed := summarize(outcomes)
	status := http.StatusOK
	if failed {
		status = http.StatusBadGateway
	}
	writeJSON(w, status, a)
}

// left is how long a rotation may take. The deadline is Lambda's wall time. A
// short one is not eaten up by the reserve; one that has passed is of an
// invocation before: the event may come before the INVOKE that belongs to it.
func left(deadline time.Time) time.Duration {
	if deadline.IsZero() {
		return patience
	}
	left := time.Until(deadline)
	if left <= 0 {
		return patience
	}
	return max(left-reserve, left/2)
}

// readEvent returns what the body tells of, or answers why there is nothing to
// do about it.
func (h *handler) readEvent(w http.ResponseWriter, r *http.Request) (changes []cache.Change, ok bool) {
	body, err := readBody(w, r)
	if err != nil {
		status, f := http.StatusBadRequest, failure{"InvalidRequestException", "the body did not come to its end"}
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status, f = http.StatusRequestEntityTooLarge, failure{"RequestTooLarge", "the event is larger than 7 MB"}
		}
		writeJSON(w, status, f)
		return nil, false
	}
	changes = h.changes(body)
	if changes == nil && !json.Valid(body) {
		writeJSON(w, http.StatusBadRequest, failure{"InvalidRequestException", "the body is not JSON"})
		return nil, false
	}
	return changes, true
}

// changes returns what an event tells of, nil for one that is no rotation.
func (h *handler) changes(event []byte) (changes []cache.Change) {
	for _, e := range h.matcher.Match(event) {
		changes = append(changes, cache.Change{ID: e.SecretID, Alias: e.Name, VersionID: e.VersionID, Time: e.Time})
	}
	return changes
}

// bodyTimeout is how long a body may take from localhost, before half a request
// stops holding a connection. A body lasts no longer than the call that sends it,
// so unlike an idle deadline this one is not open over a freeze.
const bodyTimeout = 10 * time.Second

// boundBody is for every request with a body, also where nobody reads it:
// net/http reads it to its end before it answers. When it has, it lifts the
// deadline, and it closes the connection of a body that has no end.
func boundBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxEvent {
		return nil, &http.MaxBytesError{Limit: maxEvent}
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
}

// outcome is what became of one change.
type outcome struct {
	rotated
	err error
}

// rotateAll renews all secrets side by side, within the time that an invocation
// which ends at deadline leaves. The outcomes are in the order of changes.
func (h *handler) rotateAll(ctx context.Context, changes []cache.Change, deadline time.Time) []outcome {
	ctx, cancel := context.WithTimeout(ctx, left(deadline))
	defer cancel()
	h.invoked(ctx)
	outcomes := make([]outcome, len(changes))
	var wg sync.WaitGroup
	for i, ch := range changes {
		wg.Go(func() {
			o := outcome{rotated: rotated{SecretID: ch.ID}}
			res, err := h.cache.Rotate(ctx, ch)
			switch {
			case err != nil:
				o.err, o.failure = err, describe(err)
			case res.Held:
				o.Rotated, o.VersionID, o.Changed = true, res.VersionID, &res.Changed
			}
			outcomes[i] = o
		})
	}
	wg.Wait()
	return outcomes
}

// summary is the answer about all secrets of an event.
type summary struct {
	rotated
	Secrets []rotated `json:"secrets,omitempty"`
}

// summarize leads with the first secret that failed, else with the first that is
// held here. Of no secret that is held it is {"rotated":false}.
func summarize(outcomes []outcome) (a summary, failed bool) {
	first := func(is func(outcome) bool) bool {
		i := slices.IndexFunc(outcomes, is)
		if i < 0 {
			return false
		}
		a.rotated = outcomes[i].rotated
		if len(outcomes) > 1 {
			for _, o := range outcomes {
				a.Secrets = append(a.Secrets, o.rotated)
			}
		}
		return true
	}
	if first(func(o outcome) bool { return o.err != nil }) {
		return a, true
	}
	first(func(o outcome) bool { return o.Rotated })
	return a, false
}

// Rotate does for whoever is given the function's events what POST /rotation does
// for the function: it returns the body of that answer when the event is a rotation
// and followed, and nil when the event is none or its secrets are not held here.
// Its error names each secret whose refresh failed, and says why; never a value.
// It takes no longer than the invocation that brought the event, which ends at
// deadline, or ten seconds where that is zero or past.
func (s *Server) Rotate(ctx context.Context, event []byte, deadline time.Time) (answer []byte, err error) {
	changes := s.handler.changes(event)
	if changes == nil {
		return nil, nil
	}
	outcomes := s.handler.rotateAll(ctx, changes, deadline)
	a, failed := summarize(outcomes)
	switch {
	case failed:
		var errs []error
		for _, o := range outcomes {
			if o.err != nil {
				errs = append(errs, fmt.Errorf("rotation of %s: %s: %s", o.SecretID, o.Type, o.Message))
			}
		}
		return nil, errors.Join(errs...)
	case !a.Rotated:
		return nil, nil
	}
	return marshal(a), nil
}
