package cache

import (
	"cmp"
	"slices"
)

// Counts are numbers of answers since the start.
type Counts struct {
	Hits      uint64 `json:"hits"`
	Misses    uint64 `json:"misses"`
	Refreshes uint64 `json:"refreshes"`
	Stale     uint64 `json:"stale"`
	Errors    uint64 `json:"errors"`
}

func (n *Counts) add(m Counts) {
	n.Hits += m.Hits
	n.Misses += m.Misses
	n.Refreshes += m.Refreshes
	n.Stale += m.Stale
	n.Errors += m.Errors
}

func (n *Counts) count(m Mark) {
	switch m {
	case Hit:
		n.Hits++
	case Miss:
		n.Misses++
	case Refreshed:
		n.Refreshes++
	case Stale:
		n.Stale++
	}
}

// The States of an entry.
const (
	StateCurrent = "current" // within its TTL
	StateExpired = "expired" // the next read fetches
	StateStale   = "stale"   // the last fetch failed, the value is still served
	StateLoading = "loading" // no value yet, a fetch is under way
	StateError   = "error"   // no value that may be served, the last fetch failed
)

// SecretStats describe one entry, never with its value.
type SecretStats struct {
	SecretID     string  `json:"secretId"` // as it was asked for
	ARN          string  `json:"arn,omitempty"`
	VersionStage string  `json:"versionStage,omitempty"` // as asked for, empty for AWSCURRENT
	VersionID    string  `json:"versionId,omitempty"`    // held, or asked for
	AgeSeconds   float64 `json:"ageSeconds"`             // since the fetch of the value began; 0 without a value
	State        string  `json:"state"`
	Counts
}

// Stats describe the cache. Totals include entries that are no longer held.
type Stats struct {
	Secrets []SecretStats `json:"secrets"`
	Totals  Counts        `json:"totals"`
}

// Stats returns what the cache holds, sorted by id, and what it did.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Secrets: make([]SecretStats, 0, len(c.entries)), Totals: c.totals}
	for _, e := range c.entries {
		s.Secrets = append(s.Secrets, e.stats(c.o))
	}
	slices.SortFunc(s.Secrets, func(a, b SecretStats) int {
		return cmp.Or(cmp.Compare(a.SecretID, b.SecretID), cmp.Compare(a.VersionStage, b.VersionStage), cmp.Compare(a.VersionID, b.VersionID))
	})
	return s
}

func (e *entry) stats(o Options) SecretStats {
	s := SecretStats{SecretID: e.askID, VersionStage: e.key.stage, VersionID: e.key.version, State: StateLoading, Counts: e.counts}
	if e.secret != nil {
		s.ARN, s.VersionID, s.AgeSeconds = e.secret.ARN, e.secret.VersionID, e.fetched.age().Seconds()
	}
	switch {
	case e.current():
		s.State = StateCurrent
	case e.err != nil && e.usable(o):
		s.State = StateStale
	case e.err != nil:
		s.State = StateError
	case e.secret != nil:
		s.State = StateExpired
	}
	return s
}

func (c *Cache) count(e *entry, m Mark) {
	e.counts.count(m)
	c.totals.count(m)
}

func (c *Cache) countError(e *entry) {
	e.counts.Errors++
	c.totals.Errors++
}
