package cache

import "strings"

// names knows which ids mean the same secret: every id that was asked for points
// to the ARN that the answer had.
type names struct {
	told    map[string]told
	account string // the function's own account, "" while unknown
}

// told is what a fetch has told of an id.
type told struct {
	arn string
	by  uint64 // number of the flight
}

func newNames() names { return names{told: map[string]told{}} }

// canonical returns the ARN that id is known to mean, or id itself.
func (n *names) canonical(id string) string {
	if t, ok := n.told[id]; ok {
		return t.arn
	}
	return id
}

// learn notes that a fetch by id, of that number, brought s.
func (n *names) learn(id string, s *Secret, by uint64) {
	t := told{s.ARN, by}
	if !isARN(id) {
		// Only a secret of the function's own account can be asked for by name.
		n.account = account(s.ARN)
	}
	// A name may itself end like a suffix ("db-backup"): the partial ARN of such a
	// secret can be the full ARN of another ("db"), and only Secrets Manager knows.
	if p := withoutSuffix(s.ARN); withoutSuffix(p) == p {
		n.told[p] = t
	}
	if s.Name != "" && n.account != "" && n.account == account(s.ARN) {
		n.told[s.Name] = t
	}
	n.told[id] = t
	n.told[s.ARN] = t
}

// moved reports whether a flight that began after f has told that the id of f means
// another secret than s: it was made anew in between.
func (n *names) moved(f *flight, s *Secret) bool {
	t, ok := n.told[f.query.ID]
	return ok && t.by > f.number && t.arn != s.ARN
}

// forget removes every id that points to arn.
func (n *names) forget(arn string) {
	for id, t := range n.told {
		if t.arn == arn {
			delete(n.told, id)
		}
	}
}

func isARN(id string) bool { return strings.HasPrefix(id, "arn:") }

// account returns the fifth part of an ARN, which is the account id.
func account(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// withoutSuffix strips the hyphen and six characters that Secrets Manager puts
// behind the name in an ARN. What has no such end is returned as it is.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
func withoutSuffix(arn string) string {
	cut := len(arn) - 7
	if !isARN(arn) || cut < 0 || arn[cut] != '-' || strings.ContainsAny(arn[cut+1:], "/_+=.@-:") {
		return arn
	}
	return arn[:cut]
}

// nameIn returns the part of an ARN behind ":secret:", or id itself if it is a
// name.
func nameIn(id string) string {
	if !isARN(id) {
		return id
	}
	_, name, _ := strings.Cut(id, ":secret:")
	return name
}

// alike reports whether a and b may be ids of one secret, as far as their
// spelling tells: ARNs that differ at most in the suffix, or a name and an ARN
// that holds it.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	if isARN(a) && isARN(b) {
		return withoutSuffix(a) == b || a == withoutSuffix(b) || withoutSuffix(a) == withoutSuffix(b)
	}
	if isARN(a) == isARN(b) {
		return false
	}
	name, arn := a, b
	if isARN(a) {
		name, arn = b, a
	}
	return nameIn(arn) == name || nameIn(withoutSuffix(arn)) == name
}

// learn notes what the first, or a later, fetch told about the identity of e's
// secret. It returns the entry that holds this secret from now on: e itself, or
// one that was made under another id and turned out to be the same; and whether
// a named secret thereby has a value that another id brought. c.mu is held.
func (c *Cache) learn(e *entry, f *flight, s *Secret) (home *entry, changed bool) {
	if s.ARN == "" || e.key.secret == s.ARN && c.names.told[f.query.ID].arn == s.ARN {
		return e, false
	}
	old := e.key.secret
	c.names.learn(f.query.ID, s, f.number)
	if old != s.ARN && isARN(old) && c.names.told[old].arn == old {
		// The name means a secret that was made anew, with another suffix.
		c.forgetSecret(old, e)
	}
	for k, other := range c.entries {
		if k.secret != s.ARN && (k.secret == old || c.names.canonical(other.askID) == s.ARN) {
			changed = c.rekey(other, s.ARN) || changed
		}
	}
	return e.home(), changed
}

// rekey moves e to the key that has arn, or into the entry that is there already.
// It reports whether it made one named entry of the two. c.mu is held.
func (c *Cache) rekey(e *entry, arn string) (named bool) {
	delete(c.entries, e.key)
	e.key.secret = arn
	if e.secret != nil && e.secret.ARN != arn {
		e.secret, e.old, e.settled = nil, false, 0 // it was of the secret that had the name before
	}
	into, ok := c.entries[e.key]
	if !ok {
		c.entries[e.key] = e
		return false
	}
	c.order.remove(e)
	e.into = into
	if into.askID == arn {
		into.askID = e.askID // see entry
	}
	into.named = into.named || e.named
	into.read = into.read || e.read
	into.running = append(into.running, e.running...)
	if e.last != nil && (into.last == nil || into.last.number < e.last.number) {
		into.last = e.last
	}
	if into.named {
		c.order.remove(into)
	}
	if next := e.next; next != nil {
		e.next = nil
		c.enqueue(into, next)
	}
	into.counts.add(e.counts)
	return into.named
}

// strayed reports whether a finished flight brought another secret than id means:
// a shared entry is fetched by name, and the name may have moved to a secret that
// was made anew, while this caller asked for the old one's ARN.
func strayed(id string, f *flight) bool {
	if f.err != nil || !isARN(id) {
		return false
	}
	arn := f.secret.ARN
	return arn != id && arn != "" && withoutSuffix(arn) != id
}

// twin returns the first fetch, under way, of what is probably the same secret
// under another id. Its answer will tell, so that two readers of a cold secret,
// one by name and one by ARN, make one call. c.mu is held.
func (c *Cache) twin(id string) *flight {
	if _, known := c.names.told[id]; known || c.snapshot || c.entries[key{secret: id}] != nil {
		return nil
	}
	for k, e := range c.entries {
		if !e.loaded && k.isCurrent() && len(e.running) > 0 && alike(k.secret, id) && !c.overdue(e.last) {
			return e.last
		}
	}
	return nil
}
