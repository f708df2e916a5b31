package cache

import (
	"testing"
	"testing/synctest"
)

// What is read for the first time while it changes must not stay what it was.
func TestRotationWhileTheFirstReadIsUnderWay(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    Query
		ch   func(*upstream) Change
	}{
		{"by name", Query{ID: "db"}, func(*upstream) Change { return Change{ID: "db", VersionID: "v2"} }},
		{"by name, changed by ARN", Query{ID: "db"}, func(u *upstream) Change { return Change{ID: u.arnOf("db"), VersionID: "v2"} }},
		{"by ARN, changed by name", Query{ID: arnPrefix + "db"}, func(*upstream) Change { return Change{ID: "db"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := newUpstream()
				u.put("db", "v1", "one")
				c := New(u.fetch, options())
				release := u.hold()
				go func() { _, _ = c.Get(t.Context(), tt.q) }()
				synctest.Wait()
				u.put("db", "v2", "two")
				var r Rotated
				var err error
				go func() { r, err = c.Rotate(t.Context(), tt.ch(u)) }()
				synctest.Wait()
				release()
				synctest.Wait()
				if want := (Rotated{Held: true, VersionID: "v2", Changed: true}); err != nil || r != want {
					t.Errorf("Rotate = %+v, %v; want %+v", r, err, want)
				}
				get(t, c, tt.q.ID, "two", Hit)
			})
		})
	}
}
