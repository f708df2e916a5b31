package cache

import "slices"

// check holds the history to the rules. That a fetch is older than another means
// that it began at an earlier time: what Secrets Manager answers may itself go back
// for a moment, and the cache must go by the later question, not by the version.
func (h *history) check() {
	slices.SortFunc(h.ops, func(a, b op) int { return int(a.start) - int(b.start) })
	for i, o := range h.ops {
		if o.answer.Secret == nil {
			continue
		}
		f := h.fetch[o.answer.Secret]
		switch {
		case f == nil || f.name != o.name:
			h.problem(o, "answered with a secret that nobody fetched for it")
			continue
		case !o.byName() && f.arn != o.id && o.kind != opRefresh: // which tells only a version
			h.problem(o, "answered with another secret of that name")
			continue
		}
		h.checkAnswer(o, f)
		if s, within := h.snapshotOf(o); s == nil {
			h.checkSnapshots(o, f)
			h.checkPublished(o, f)
			h.checkOrder(o, f, h.ops[:i])
		} else if within && (o.answer.Mark == Hit || o.answer.Mark == Stale) {
			h.problem(o, "answered with what was held, within a snapshot")
		}
	}
	h.checkViews()
	h.checkFetches()
	if h.readers {
		h.checkCalls()
	}
}

// checkAnswer is about one answer: whether its mark is right, and how old it is.
func (h *history) checkAnswer(o op, f *fetched) {
	age := h.age(f.began, o.began, o.finished)
	switch o.answer.Mark {
	case Hit:
		if o.kind == opRefresh { // the held value, whatever its age, is another than was refused
			if age > modelTTL+modelStale || o.ifVersion == "" || o.ifVersion == versionID(f.version) {
				h.problem(o, "not the value that was wanted, %s old", age)
			}
		} else if age >= modelTTL {
			h.problem(o, "a hit that is %s old", age)
		}
	case Stale:
		if age > modelTTL+modelStale {
			h.problem(o, "stale for %s", age)
		}
		if !slices.ContainsFunc(h.log, func(g *fetched) bool {
			return g.name == o.name && g.current == f.current && g.err != nil && !g.ended.Before(f.began) && !g.ended.After(o.finished)
		}) {
			h.problem(o, "stale, and no fetch has failed")
		}
	case Refreshed, Miss:
		if o.kind == opNow && f.start < o.start {
			h.problem(o, "joined a fetch that began before, at %d", f.start)
		}
		if o.kind == opRefresh && o.began.Sub(f.began) >= refreshEvery {
			h.problem(o, "answered by a fetch that began %s before", o.began.Sub(f.began))
		}
	}
}

// checkSnapshots wants nothing that was fetched before a restore to outlive it.
func (h *history) checkSnapshots(o op, f *fetched) {
	for _, s := range h.spans {
		if o.start > s.end && f.start < s.restoring {
			h.problem(o, "answered by the fetch of %d, from before a snapshot was restored at %d", f.start, s.restoring)
		}
	}
}

// checkPublished wants a value published before anybody gets it. After a restore
// that is so when all is loaded again.
func (h *history) checkPublished(o op, f *fetched) {
	for _, s := range h.spans {
		if o.start < s.loaded && o.end > s.end {
			return
		}
	}
	for _, id := range h.named {
		if o.kind == opPrevious || nameOf(id) != o.name || isFull(id) && id != f.arn {
			continue
		}
		if p := o.published[id]; p == nil || p.VersionID != o.answer.Secret.VersionID && h.fetch[p].began.Before(f.began) {
			h.problem(o, "answered before that was published")
		}
	}
}

// checkOrder wants no answer from an older fetch than one that had been given to
// anybody before o began.
func (h *history) checkOrder(o op, f *fetched, before []op) {
	for _, p := range before {
		if p.end > o.start || p.name != o.name {
			continue
		}
		if o.kind == opPrevious {
			if p.want > 0 && f.start < p.start {
				h.problem(o, "answered by the fetch of %d, from before the label moved by %v", f.start, p)
			}
		} else if p.want > f.version && h.lag == 0 && o.byName() { // without lag, Secrets Manager never goes back
			h.problem(o, "answered with an older version than %v", p)
		}
		if p.answer.Secret == nil || (p.kind == opPrevious) != (o.kind == opPrevious) {
			continue
		}
		if g := h.fetch[p.answer.Secret]; g != nil && (o.byName() || f.arn == g.arn) && f.began.Before(g.began) {
			h.problem(o, "answered by a fetch that began %s before that of %v", g.began.Sub(f.began), p)
		}
	}
}

// checkViews wants what is published never to go back.
func (h *history) checkViews() {
	for id, views := range h.views {
		var last *fetched
		for _, s := range views {
			f := h.fetch[s]
			if f != nil && last != nil && f.began.Before(last.began) {
				h.problem(op{name: nameOf(id)}, "of %s, what a fetch brought that began %s earlier was published later", id, last.began.Sub(f.began))
			}
			if f != nil {
				last = f
			}
		}
	}
}

// checkFetches wants one fetch of an entry at a time, or two where one was asked
// for that must not join the other.
func (h *history) checkFetches() {
	if h.small {
		return // an entry that was evicted is not known by all its ids
	}
	most := 2
	if h.readers {
		most = 1
	}
	for i, f := range h.log {
		since, known := h.known(f)
		if !f.current || !known {
			continue
		}
		n := 1
		for _, g := range h.log[:i] {
			if g.current && h.sameEntry(f, g) && g.start > since && g.end > f.start && h.age(g.began, f.began, f.began) <= modelTimeout {
				n++
			}
		}
		if len(h.stored[f.name].remade) > 0 && most > 1 {
			n-- // where two entries become one and another fetch waits in both, that of one begins at once
		}
		if n > most {
			h.problem(op{name: f.name, end: f.start}, "%d fetches of one entry at a time, want %d at most", n, most)
		}
	}
}

// known reports whether the ids of f's secret were known to mean one when f began:
// one of them had been answered since the last snapshot, before which no fetch
// counts. At the very start they are taken to be alike.
func (h *history) known(f *fetched) (since uint64, known bool) {
	if h.cold && f.name == "a" && f.began.Equal(h.log[0].began) {
		return 0, true
	}
	for _, s := range h.spans {
		if f.start > s.start && f.start <= s.end {
			return 0, false
		}
		if f.start > s.end {
			since = s.end
		}
	}
	return since, slices.ContainsFunc(h.log, func(g *fetched) bool {
		return g.name == f.name && g.start > since && g.err == nil && g.ended.Before(f.began)
	})
}

// sameEntry reports whether two fetches are of one entry: after a secret was made
// anew, the old ARN has its own.
func (h *history) sameEntry(f, g *fetched) bool {
	if f.name != g.name {
		return false
	}
	return f.query.ID == g.query.ID || len(h.stored[f.name].remade) == 0
}

// checkCalls wants no call before the TTL of a value is over, less its jitter, and
// none in the back-off after a failure.
func (h *history) checkCalls() {
	last := map[string]*fetched{}
	for _, f := range h.log {
		switch p := last[f.name]; {
		case p == nil:
		case p.err == nil && f.began.Sub(p.began) < modelTTL*9/10:
			h.problem(op{name: f.name, end: f.start}, "asked for again after %s", f.began.Sub(p.began))
		case p.err != nil && f.began.Sub(p.ended) < firstBackoff*8/10:
			h.problem(op{name: f.name, end: f.start}, "asked for again %s after %v", f.began.Sub(p.ended), p.err)
		}
		last[f.name] = f
	}
}
