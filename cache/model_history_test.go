package cache

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	opGet      = "get"
	opNow      = "get now"
	opHit      = "hit"
	opHeld     = "held"
	opRefresh  = "refresh"
	opRotate   = "rotate"
	opAhead    = "refresh ahead"
	opPrevious = "get previous"
)

// kinds are what a caller draws from.
var kinds = []string{opGet, opGet, opGet, opNow, opHit, opHeld, opRefresh, opRotate, opAhead, opPrevious}

// op is one call of the cache, in the order of all calls' beginnings and ends.
type op struct {
	kind       string
	name, id   string // of the secret, and what it was called
	ifVersion  string // of a refresh
	start, end uint64
	began      time.Time
	finished   time.Time
	answer     Answer
	published  map[string]*Secret // by id, when it returned
	want       int                // version of a rotation that ended well
	err        error
}

func (o op) String() string {
	what := fmt.Sprintf("%s %q", o.kind, o.id)
	if o.ifVersion != "" && o.kind == opRefresh {
		what += " if " + o.ifVersion
	}
	if s := o.answer.Secret; s != nil {
		return fmt.Sprintf("%s = %s of %s, %s", what, s.VersionID, s.ARN, o.answer.Mark)
	}
	if o.want != 0 {
		return fmt.Sprintf("%s to %s", what, versionID(o.want))
	}
	return fmt.Sprintf("%s: %v", what, o.err)
}

// byName reports whether o asked by an id that a secret keeps when it is made anew.
func (o op) byName() bool { return !isFull(o.id) }

func isFull(id string) bool { return withoutSuffix(id) != id }

// shift is a step of the wall clock, span a snapshot with what of the order of
// calls was before and after each of its ends.
type (
	shift struct {
		at time.Time
		by time.Duration
	}
	span struct{ start, taken, restoring, end, loaded uint64 }
)

// history is a run: what happened, and what of it must not.
type history struct {
	*source
	kind
	seed  uint64
	steps int
	names []string // of all secrets
	named []string // ids that the cache was told

	publishing sync.Mutex

	mu       sync.Mutex
	ops      []op
	notes    []event
	views    map[string][]*Secret // published, by id
	shifts   []shift
	spans    []span
	problems []problem
}

type (
	event struct {
		at   uint64
		text string
	}
	problem struct {
		of   op
		text string
	}
)

func newHistory(seed uint64, steps int) *history {
	return &history{
		kind: kindOf(seed), seed: seed, steps: steps, views: map[string][]*Secret{},
		names: []string{"a", "b", "c"}, named: []string{"a", modelARN("b", 0)},
	}
}

// note keeps what is not a call for the timeline of a failure.
func (h *history) note(format string, args ...any) uint64 {
	at := h.tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, event{at, fmt.Sprintf(format, args...)})
	return at
}

// enter adds a call that has ended.
func (h *history) enter(o op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	o.published = map[string]*Secret{}
	for id, views := range h.views {
		o.published[id] = views[len(views)-1]
	}
	h.ops = append(h.ops, o)
}

// seen returns the version that was answered last, for a refresh that wants another.
func (h *history) seen(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range slices.Backward(h.ops) {
		if o.name == name && o.answer.Secret != nil && o.kind != opPrevious {
			return o.answer.Secret.VersionID
		}
	}
	return ""
}

func (h *history) problem(of op, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems = append(h.problems, problem{of, fmt.Sprintf(format, args...)})
}

// String tells the first problems, and what happened before the first of them.
func (h *history) String() string {
	var b strings.Builder
	for _, p := range h.problems[:min(len(h.problems), 5)] {
		fmt.Fprintf(&b, "%v: %s\n", p.of, p.text)
	}
	of := h.problems[0].of
	var all []event
	for _, o := range h.ops {
		if o.name == of.name {
			all = append(all, event{o.start, "  begins: " + o.kind + " " + o.id}, event{o.end, "  ends, from " + fmt.Sprint(o.start) + ": " + o.String()})
		}
	}
	for _, f := range h.log {
		if f.name == of.name {
			all = append(all, event{f.start, "    fetch " + f.query.ID + " " + f.query.Stage + f.query.VersionID},
				event{f.end, fmt.Sprintf("    fetch from %d brought %s of %s, %v", f.start, versionID(f.version), f.arn, f.err)})
		}
	}
	all = slices.DeleteFunc(append(all, h.notes...), func(e event) bool { return of.end != 0 && e.at > of.end })
	slices.SortFunc(all, func(a, b event) int { return int(a.at) - int(b.at) })
	for _, e := range all[max(0, len(all)-60):] {
		fmt.Fprintf(&b, "%6d %s\n", e.at, e.text)
	}
	return strings.ReplaceAll(b.String(), arnPrefix, "arn…")
}

// age is how old a fetch that began at the first instant was at least at some
// moment between the two others, by the clock that says more.
func (h *history) age(began, from, to time.Time) time.Duration {
	mono := from.Sub(began)
	var wall, least time.Duration
	for _, s := range h.shifts {
		switch {
		case s.at.After(to) || s.at.Before(began):
		case s.at.Equal(began):
			wall += min(s.by, 0) // either may have come first
		case s.at.Before(from):
			wall += s.by
		default:
			least = min(least, least+s.by)
		}
	}
	return max(mono, mono+wall+least)
}

// snapshotOf returns the one that o lies in or overlaps, and whether it lies in it.
func (h *history) snapshotOf(o op) (s *span, within bool) {
	for i, s := range h.spans {
		if o.start < s.end && o.end > s.start {
			return &h.spans[i], o.start > s.taken && o.end < s.restoring
		}
	}
	return nil, false
}
