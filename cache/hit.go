package cache

// Held returns the value that [Cache.Hit] would, and changes nothing: whoever has
// to look at a value first, to know whether a hit is of use to him, looks at this.
func (c *Cache) Held(q Query) (*Secret, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.holding(q.normal()); e != nil {
		return e.secret, true
	}
	return nil, false
}

// Hit is [Cache.Get] as far as that needs no fetch: it returns a value that is held
// and current. Else it does nothing and returns false.
func (c *Cache) Hit(q Query) (Answer, bool) {
	q = q.normal()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding(q) == nil {
		return Answer{}, false
	}
	e := c.entry(q)
	e.read = true
	c.count(e, Hit)
	return e.answer(Hit), true
}

// holding returns the entry that holds a current value for q. c.mu is held.
func (c *Cache) holding(q Query) *entry {
	e := c.entries[key{secret: c.names.canonical(q.ID), version: q.VersionID, stage: q.Stage}]
	if e == nil || !e.current() {
		return nil
	}
	return e
}
