package cache

// Snapshot keeps everything that is fetched from now on out of the cache, so that
// no value is part of a SnapStart snapshot. [Cache.Restore] ends it.
func (c *Cache) Snapshot() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = true
	c.reset()
}

// Restore ends what [Cache.Snapshot] began. Fetches that were under way do not
// count any more: their connections did not survive the snapshot.
func (c *Cache) Restore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot = false
	c.reset()
}

func (c *Cache) warnOfSnapshot() {
	if !c.warned {
		c.warned = true
		c.o.Log.Warn("secrets were read during SnapStart's initialization: what the function keeps of them is now in its snapshot")
	}
}

func (c *Cache) reset() {
	clear(c.entries)
	c.order = lru{}
	account := c.names.account
	c.names = newNames()
	c.names.account = account
}
