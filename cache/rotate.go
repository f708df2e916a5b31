package cache

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	// Secrets Manager is eventually consistent: a read just after a rotation can
	// return the version before. These are the pauses between looks.
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
	// An event that names no version cannot say when the right one has come: after
	// an unchanged answer it is looked for this often again, two seconds in all.
	extraLooks = 3
	// EventBridge cuts the time of an event to whole seconds, and the clocks of two
	// services differ a little.
	eventTimeSlack = 2 * time.Second
	// How many looks at the current version there are for one at the version that
	// an event names, to learn whether it has been replaced already.
	looksPerProbe = 4
	// pending labels a version that a rotation has made and not yet made current.
	pending = "AWSPENDING"
)

// Change is what a rotation event tells: a secret has a new current version.
type Change struct {
	ID        string    // name or ARN, as the event has it
	Alias     string    // another id of the same secret, if the event has one
	VersionID string    // of the new version; "" when the event does not tell
	Time      time.Time // of the event; zero when it does not tell
}

// Rotated is what became of a [Change].
type Rotated struct {
	Held      bool   // the secret is named or was read here; if not, nothing was done
	VersionID string // the current version now
	Changed   bool   // it is another than before
}

// Rotate fetches a secret that has changed, and forgets what is held of its other
// versions and stages. The fetch begins after the call. If ch names the version,
// Rotate looks until it sees that one, or that it has been replaced by a newer, and
// fails when ctx ends or the error is final; if that version is held, it asks nobody. When ch names none
// and the version is the same as before, it looks three times more within two
// seconds.
//
// When Rotate returns, [Options.Changed] has returned for the version it reports.
func (c *Cache) Rotate(ctx context.Context, ch Change) (Rotated, error) {
	c.mu.Lock()
	id, held := c.heldAs(ch)
	if !held {
		c.mu.Unlock()
		return Rotated{}, nil
	}
	e := c.entry(Query{ID: id})
	c.forgetSecretButCurrent(e)
	before := ""
	if e.secret != nil {
		before = e.secret.VersionID
	}
	if before != "" && before == ch.VersionID {
		f := e.publishing
		c.count(e, Hit)
		c.mu.Unlock()
		return Rotated{Held: true, VersionID: before}, await(ctx, f)
	}
	f := c.startFresh(e, noted)
	c.mu.Unlock()

	s, err := c.look(ctx, e, f, ch, before)
	if err != nil {
		return Rotated{Held: true, VersionID: before}, err
	}
	return Rotated{Held: true, VersionID: s.VersionID, Changed: s.VersionID != before}, nil
}

// look waits for f, and for more flights after it, until one brings what ch tells
// of.
func (c *Cache) look(ctx context.Context, e *entry, f *flight, ch Change, before string) (*Secret, error) {
	pause := firstPause
	for looks := 0; ; looks++ {
		if err := await(ctx, f); err != nil {
			return nil, unseen(ch, before, nil)
		}
		a, err := c.answer(e, f, Refreshed)
		if done, err := enough(a.Secret, err, ch, before, looks); done {
			return a.Secret, err
		}
		if err == nil && looks%looksPerProbe == 1 && mayBeLater(a.Secret, ch, before) {
			// An older version than the one named is current if the label was moved back,
			// or for a moment in which Secrets Manager answers with what is past.
			named := c.replaced(ctx, e, ch.VersionID)
			if named != nil && (looks > looksPerProbe || !a.Secret.Created.Before(named.Created)) {
				return a.Secret, nil
			}
		}
		timer := time.NewTimer(c.o.jittered(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			if a.Secret != nil {
				before = a.Secret.VersionID
			}
			return nil, unseen(ch, before, err)
		}
		pause = min(2*pause, lastPause)
		f = c.flightAfter(e, f)
	}
}

// enough decides whether looking for the version of ch has come to an end, and
// with which error.
func enough(s *Secret, err error, ch Change, before string, looks int) (bool, error) {
	switch {
	case err != nil && !AsError(ch.ID, err).Transient():
		return true, err
	case ch.VersionID == "":
		return looks >= extraLooks || err == nil && s.VersionID != before, err
	case err != nil:
		return false, nil
	}
	// A version that was made after the event is newer than the one it names.
	outdated := !ch.Time.IsZero() && s.Created.After(ch.Time.Add(eventTimeSlack))
	return s.VersionID == ch.VersionID || outdated, nil
}

// mayBeLater reports whether s can have become current after the version that ch
// names. When a label is moved back to an older version and that is not seen yet,
// s is neither new here nor made since the event.
func mayBeLater(s *Secret, ch Change, before string) bool {
	if ch.VersionID == "" {
		return false
	}
	return s.VersionID != before || !ch.Time.IsZero() && !s.Created.Before(ch.Time)
}

// replaced returns the version if it has been the current one and is not any more,
// else nil: it can still be read by its id, and has neither the label of a version to
// come nor that of the current one. An event that names it will never be fulfilled,
// also when the version after it is too young for its date to tell. Callers that
// ask at about the same time share a call.
func (c *Cache) replaced(ctx context.Context, e *entry, versionID string) *Secret {
	c.mu.Lock()
	e = e.home()
	f := e.probe
	if f == nil || f.query.VersionID != versionID || f.began.age() > refreshEvery {
		f = &flight{began: now(), query: Query{ID: e.askID, VersionID: versionID}, done: make(chan struct{})}
		e.probe = f
		go func() {
			ctx, cancel := c.bounded()
			defer cancel()
			f.secret, f.err = c.fetch(ctx, f.query)
			close(f.done)
		}()
	}
	c.mu.Unlock()
	if await(ctx, f) != nil || f.err != nil || f.secret == nil || f.secret.VersionID != versionID ||
		slices.Contains(f.secret.Stages, Current) || slices.Contains(f.secret.Stages, pending) {
		return nil
	}
	return f.secret
}

// flightAfter returns a flight of e that began after f, which has ended: one that
// somebody else began meanwhile is as good as a new one. So many callers that look
// for one version cost what one costs.
func (c *Cache) flightAfter(e *entry, f *flight) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	e = c.alive(e)
	if last := e.last; last != nil && last.number > f.number && !c.overdue(last) {
		return last
	}
	return c.startFresh(e, noted)
}

// unseen is the error of a search that ended before it found what ch tells of.
func unseen(ch Change, current string, cause error) error {
	wanted := "the new version"
	if ch.VersionID != "" {
		wanted = fmt.Sprintf("version %q", ch.VersionID)
	}
	e := &Error{ID: ch.ID, Status: http.StatusGatewayTimeout, Type: TypeTimeout, Err: cause}
	switch {
	case cause != nil:
		e.Message = fmt.Sprintf("%s was not seen in time: %v", wanted, cause)
	case current == "":
		e.Message = fmt.Sprintf("%s was not seen in time: no answer", wanted)
	default:
		e.Message = fmt.Sprintf("%s was not seen in time, %q is still the current one", wanted, current)
	}
	return e
}

// await waits for f, if there is one.
func await(ctx context.Context, f *flight) error {
	if f == nil {
		return nil
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// heldAs returns the id by which the changed secret is known here. An entry that
// knows only an error does not count. One without a value whose fetch is under way
// does: that may bring the value from before the change. c.mu is held.
func (c *Cache) heldAs(ch Change) (string, bool) {
	ids := []string{ch.ID}
	if ch.Alias != "" && !isARN(ch.ID) {
		ids = append(ids, ch.Alias)
	}
	for _, id := range ids {
		for _, named := range c.o.Named {
			if alike(c.names.canonical(named), id) || c.names.canonical(named) == c.names.canonical(id) {
				return named, true
			}
		}
		for k, e := range c.entries {
			if (e.secret != nil || len(e.running) > 0) && (k.secret == c.names.canonical(id) || alike(k.secret, id)) {
				return e.askID, true
			}
		}
	}
	return "", false
}

// forgetSecretButCurrent drops the entries of e's secret for other versions and
// stages: labels have moved between them. So it does with what may be its secret by
// another id, where no fetch has told yet. c.mu is held.
func (c *Cache) forgetSecretButCurrent(e *entry) {
	for k, other := range c.entries {
		if !k.isCurrent() && alike(k.secret, e.key.secret) {
			delete(c.entries, k)
			c.order.remove(other)
		}
	}
}
