package cache

import "testing"

// What SECRET names may be loaded before Lambda tells the account.
func TestTheAccountIsToldLate(t *testing.T) {
	u := newUpstream()
	u.put("db", "v1", "one")
	c := New(u.fetch, options(u.arnOf("db")))
	get(t, c, u.arnOf("db"), "one", Miss)
	c.SetAccount("111122223333")
	get(t, c, "db", "one", Hit)
	get(t, c, arnPrefix+"db", "one", Hit)
	wantCalls(t, u, 1)
	if got := len(c.Stats().Secrets); got != 1 {
		t.Errorf("entries = %d, want 1", got)
	}
}
