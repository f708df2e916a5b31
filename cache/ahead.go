package cache

import (
	"context"
	"errors"
	"sync"
)

// Load fetches ids side by side and returns when all are there or have failed,
// at the latest when ctx ends, with an error for each id that has no value.
// Fetches that take longer go on and are kept when they arrive; what failed for the
// moment is tried again by the next read. The end of ctx is also how long reads of a
// [Options.Named] secret wait for its first load.
func (c *Cache) Load(ctx context.Context, ids []string) map[string]error {
	c.mu.Lock()
	if by, ok := ctx.Deadline(); ok {
		c.loadBy = by
	}
	c.mu.Unlock()

	var mu sync.Mutex
	failed := map[string]error{}
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			_, err := c.Get(ctx, Query{ID: id})
			if err == nil {
				return
			}
			if _, known := errors.AsType[*Error](err); !known {
				err = notLoaded(id) // ctx has ended
			}
			c.forgive(id)
			mu.Lock()
			failed[id] = err
			mu.Unlock()
		})
	}
	wg.Wait()
	return failed
}

// forgive lets the next read fetch at once what Load could not get, if that may have
// changed by then: nobody has asked for it yet, so there is no loop to slow down.
func (c *Cache) forgive(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key{secret: c.names.canonical(id)}]
	if e != nil && e.secret == nil && e.err != nil && AsError(id, e.err).Transient() {
		e.backoff = 0
	}
}

// RefreshAhead fetches what has used up four fifths of its TTL, so that readers do
// not wait for it later, and returns when that is done or ctx has ended. It leaves
// alone what nobody named and nobody read since it was last fetched.
func (c *Cache) RefreshAhead(ctx context.Context) {
	c.mu.Lock()
	var due []*flight
	if c.o.TTL > 0 {
		for _, e := range c.entries {
			if e.due(c.o) {
				e.read = false
				due = append(due, c.join(e))
			}
		}
	}
	c.mu.Unlock()
	for _, f := range due {
		select {
		case <-f.done:
		case <-ctx.Done():
			return
		}
	}
}

// notLoaded is the error for a first load that does not end.
func notLoaded(id string) error {
	e := AsError(id, context.DeadlineExceeded)
	e.Message = "the secret has not been loaded yet: no answer in time"
	e.Err = errors.Join(ErrNotLoaded, e.Err)
	return e
}
