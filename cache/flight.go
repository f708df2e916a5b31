package cache

import (
	"context"
	"log/slog"
	"net/http"
)

// flight is one fetch of one entry. It runs on no caller's context; callers wait
// for done. secret and err are set before done is closed and fixed afterwards.
type flight struct {
	number   uint64 // in the order in which flights begin
	began    instant
	query    Query
	snapshot bool      // begun between Snapshot and Restore
	failing  onFailure // what a failure does to the entry
	done     chan struct{}
	secret   *Secret
	err      error
}

// onFailure says what the failure of a fetch means for the entry.
type onFailure int

const (
	noted   onFailure = iota // the value is old now, and a back-off begins
	ignored                  // nothing: the caller alone gets the error
)

// join returns the flight that a read may wait for: the one under way, else a new
// one. c.mu is held.
func (c *Cache) join(e *entry) *flight {
	for _, f := range e.running {
		if !c.overdue(f) {
			f.failing = noted
			return f
		}
	}
	return c.begin(e, &flight{done: make(chan struct{})})
}

// startFresh returns a flight that begins now or later, never one that has begun:
// what is under way may bring the value from before the caller's call. One such
// flight may run beside an older one; callers beyond that share the next, so that
// a storm of events makes two calls at a time and no more. c.mu is held.
func (c *Cache) startFresh(e *entry, failing onFailure) *flight {
	if f := e.next; f != nil {
		f.failing = min(f.failing, failing)
		if c.underWay(e) < 2 { // what it waits for was frozen
			e.next = nil
			c.begin(e, f)
		}
		return f
	}
	f := &flight{done: make(chan struct{}), failing: failing}
	c.enqueue(e, f)
	return f
}

// enqueue begins f, or lets it wait for the end of one of two that are under way.
// c.mu is held.
func (c *Cache) enqueue(e *entry, f *flight) {
	if c.underWay(e) < 2 || e.next != nil {
		c.begin(e, f)
		return
	}
	e.next = f
}

// overdue reports whether f should have ended by now. It was frozen together with
// the sandbox then, and its connection is most likely dead.
func (c *Cache) overdue(f *flight) bool {
	return c.o.Timeout > 0 && f.began.age() > c.o.Timeout
}

func (c *Cache) underWay(e *entry) int {
	n := 0
	for _, f := range e.running {
		if !c.overdue(f) {
			n++
		}
	}
	return n
}

// begin starts f. c.mu is held.
func (c *Cache) begin(e *entry, f *flight) *flight {
	c.started++
	f.number, f.began, f.snapshot = c.started, now(), c.snapshot
	f.query = Query{ID: e.askID, VersionID: e.key.version, Stage: e.key.stage}
	e.running = append(e.running, f)
	e.last = f
	go c.fly(e, f)
	return f
}

// fly fetches, settles the outcome in the entry, lets the world know, and only
// then lets the callers go on.
func (c *Cache) fly(e *entry, f *flight) {
	ctx, cancel := c.bounded()
	defer cancel()
	s, err := c.fetch(ctx, f.query)
	if err == nil && s == nil {
		err = &Error{ID: f.query.ID, Status: http.StatusBadGateway, Type: TypeConnection, Message: "the answer held no secret"}
	}

	c.mu.Lock()
	changed := c.settle(e, f, s, err)
	e = e.home()
	earlier := e.publishing
	if changed {
		e.publishing = f
	}
	c.mu.Unlock()
	switch {
	case changed:
		c.o.Changed()
	case earlier != nil:
		<-earlier.done // f has brought no other value than the one that Changed is called for
	}

	c.mu.Lock()
	e = e.home()
	if e.publishing == f {
		e.publishing = nil
	}
	c.land(e, f)
	c.mu.Unlock()
	close(f.done)
}

// bounded returns the context of a fetch, which is no caller's.
func (c *Cache) bounded() (context.Context, context.CancelFunc) {
	if c.o.Timeout > 0 {
		return context.WithTimeout(context.Background(), c.o.Timeout)
	}
	return context.WithCancel(context.Background())
}

// land takes f off the entry and starts the flight that waited for that. An entry
// that nobody named and that holds nothing is forgotten. c.mu is held.
func (c *Cache) land(e *entry, f *flight) {
	for i, r := range e.running {
		if r == f {
			e.running = append(e.running[:i:i], e.running[i+1:]...)
			break
		}
	}
	if next := e.next; next != nil {
		e.next = nil
		c.enqueue(c.alive(e), next)
		return
	}
	if len(e.running) == 0 && e.secret == nil && e.err == nil && (!e.named || f.snapshot) {
		c.forget(e)
	}
	c.evict()
}

// settle enters the outcome of f in the entry and reports whether that changed the
// current value of a named secret. A flight that began before the one whose
// outcome the entry has must not undo it: its callers get the later outcome.
// c.mu is held.
func (c *Cache) settle(e *entry, f *flight, s *Secret, err error) (changed bool) {
	f.secret, f.err = s, err
	if err != nil {
		f.err = c.blame(e, f, err)
	}
	if f.snapshot {
		return false
	}
	if e = e.home(); err == nil && f.number > e.settled {
		if c.names.moved(f, s) {
			return false
		}
		e, changed = c.learn(e, f, s)
	}
	if f.number < e.settled {
		switch {
		case e.secret != nil:
			f.secret, f.err = e.secret, nil
		case e.err != nil:
			f.secret, f.err = nil, e.err
		}
		return changed
	}
	if err != nil {
		return c.settleFailure(e, f)
	}
	was := e.secret
	e.keep(s, f, c.o)
	c.reportSuccess(e)
	return changed || e.named &&
		(was == nil || was.VersionID != s.VersionID || was.ARN != s.ARN || was.Value != s.Value)
}

// settleFailure enters the error of f in the entry. c.mu is held.
func (c *Cache) settleFailure(e *entry, f *flight) (changed bool) {
	cause := AsError(f.query.ID, f.err)
	switch {
	case cause.Gone():
		had := e.secret != nil
		e.fail(f, c.o)
		e.drop(f)
		c.reportFailure(e, cause)
		return had && e.named
	case f.failing == noted:
		e.fail(f, c.o)
		c.reportFailure(e, cause)
	}
	return false
}

// blame makes err an [*Error], which also wraps [ErrNotLoaded] when a secret that
// is loaded at start has never been and did not answer in time. c.mu is held.
func (c *Cache) blame(e *entry, f *flight, err error) error {
	cause := AsError(f.query.ID, err)
	if e = e.home(); e.named && !e.loaded && cause.Type == TypeTimeout {
		return notLoaded(f.query.ID)
	}
	return cause
}

// reportFailure logs a failure, unless the entry was already known to be in that
// state.
func (c *Cache) reportFailure(e *entry, cause *Error) {
	state := cause.Type
	if e.usable(c.o) {
		state += ", held"
	}
	if e.reported == state {
		return
	}
	e.reported = state
	level, msg := slog.LevelError, "secret cannot be fetched and no value is held"
	switch {
	case e.usable(c.o):
		level, msg = slog.LevelWarn, "secret cannot be fetched, the held value is served"
	case cause.Gone() && e.loaded:
		msg = "secret is gone, its value was dropped"
	}
	c.o.Log.Log(context.Background(), level, msg, "secretId", cause.ID, "error", cause.Error())
}

// reportSuccess logs the end of a failure that was logged.
func (c *Cache) reportSuccess(e *entry) {
	if e.reported == "" || e.err != nil {
		return
	}
	c.o.Log.Info("secret can be fetched again", "secretId", e.askID, "versionId", e.secret.VersionID)
	e.reported = ""
}
