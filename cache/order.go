package cache

// lru orders the entries that nobody named by their last use. Named ones are in no
// order: they are never evicted.
type lru struct{ newest, oldest *entry }

func (l *lru) holds(e *entry) bool { return e.newer != nil || e.older != nil || l.newest == e }

func (l *lru) remove(e *entry) {
	if !l.holds(e) {
		return
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		l.newest = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		l.oldest = e.newer
	}
	e.newer, e.older = nil, nil
}

func (l *lru) touch(e *entry) {
	l.remove(e)
	e.older = l.newest
	if l.newest != nil {
		l.newest.newer = e
	}
	l.newest = e
	if l.oldest == nil {
		l.oldest = e
	}
}

// entry returns the entry for q, made if there is none, and marks it as used.
// c.mu is held.
func (c *Cache) entry(q Query) *entry {
	k := key{secret: c.names.canonical(q.ID), version: q.VersionID, stage: q.Stage}
	e := c.entries[k]
	if e == nil {
		e = &entry{key: k, askID: q.ID}
		c.entries[k] = e
	}
	if q.ID != e.askID && q.ID != k.secret {
		// A name or partial ARN still finds the secret when it was deleted and made
		// again; what the ARN alone was told does not count for it.
		if e.askID == k.secret && e.secret == nil {
			e.err = nil
		}
		e.askID = q.ID
	}
	if !e.named && k.isCurrent() && c.named[q.ID] {
		e.named = true
		c.order.remove(e)
	}
	if !e.named {
		c.order.touch(e)
	}
	return e
}

// alive follows e to the entry that others read in its place: the one that it has
// become a part of or, where it was forgotten, as by a restore, the one that its id
// finds now. c.mu is held.
func (c *Cache) alive(e *entry) *entry {
	if e = e.home(); c.entries[e.key] == e {
		return e
	}
	return c.entry(Query{ID: e.askID, VersionID: e.key.version, Stage: e.key.stage})
}

// evict forgets the least recently used entries beyond the size. Those with a
// fetch under way stay: another reader would start a second one. c.mu is held.
func (c *Cache) evict() {
	for e := c.order.oldest; e != nil && len(c.entries) > c.o.Size; {
		victim := e
		e = e.newer
		if len(victim.running) == 0 && victim != c.order.newest {
			c.forget(victim)
		}
	}
}

// forget removes e and, with the last entry of its secret, the secret's names.
// c.mu is held.
func (c *Cache) forget(e *entry) {
	if c.entries[e.key] != e {
		return
	}
	delete(c.entries, e.key)
	c.order.remove(e)
	for k := range c.entries {
		if k.secret == e.key.secret {
			return
		}
	}
	c.names.forget(e.key.secret)
}

// forgetSecret removes all entries of a secret but one, and the secret's names. It
// leaves an entry that is named, not by the ARN: what is to come for that, maybe by
// a fetch under way, still has to be published. c.mu is held.
func (c *Cache) forgetSecret(secret string, but *entry) {
	for k, e := range c.entries {
		if k.secret == secret && e != but && (!e.named || e.askID == secret) {
			delete(c.entries, k)
			c.order.remove(e)
		}
	}
	c.names.forget(secret)
}
