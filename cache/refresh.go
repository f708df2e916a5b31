package cache

import (
	"context"
	"time"
)

// refreshEvery bounds what callers of Refresh can cost: one fetch a second.
const refreshEvery = time.Second

// Refresh makes sure that a value is not older than the call, for a caller to
// whom the value it has, of version ifVersion, was refused. It fetches, unless
// the held version is another than ifVersion already, or the last fetch began
// less than a second ago: then that one's outcome is the answer. changed reports
// whether the version differs from ifVersion or, where that is empty, from the one
// held when Refresh was called.
func (c *Cache) Refresh(ctx context.Context, id, ifVersion string) (a Answer, changed bool, err error) {
	c.mu.Lock()
	e := c.entry(Query{ID: id})
	before := ifVersion
	if e.usable(c.o) {
		if ifVersion == "" {
			before = e.secret.VersionID
		} else if e.secret.VersionID != ifVersion {
			defer c.mu.Unlock()
			c.count(e, Hit)
			return e.answer(Hit), true, nil
		}
	}
	f, recent := e.last, false
	if f != nil && f.began.age() < refreshEvery {
		recent = true
	} else {
		f = c.startFresh(e, noted)
	}
	c.mu.Unlock()

	if err := c.wait(ctx, e, f); err != nil {
		return Answer{}, false, err
	}
	m := Refreshed
	if recent {
		m = Miss // which falls back on the held value
	}
	if a, err = c.answer(e, f, m); err != nil {
		return Answer{}, false, err
	}
	return a, a.Secret.VersionID != before, nil
}
