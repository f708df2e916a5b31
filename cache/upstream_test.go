package cache

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// upstream is a Secrets Manager of one function. Its secrets have names; the ARN of
// "db" is arnOf("db").
type upstream struct {
	mu      sync.Mutex
	secrets map[string]*Secret // by name
	former  map[string]*Secret // versions that were current once, by their id
	suffix  map[string]string
	latency time.Duration
	err     error
	block   chan struct{} // fetches that begin while it is set wait for it to close
	calls   []Query
	active  int
	most    int // fetches at once
}

func newUpstream() *upstream {
	return &upstream{
		secrets: map[string]*Secret{},
		former:  map[string]*Secret{"v0": {Value: Text("of v0")}},
		suffix:  map[string]string{},
	}
}

const arnPrefix = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:"

func (u *upstream) arnOf(name string) string { return arnPrefix + name + "-" + u.suffixOf(name) }

func (u *upstream) suffixOf(name string) string {
	if s := u.suffix[name]; s != "" {
		return s
	}
	return "AbCdEf"
}

func (u *upstream) put(name, version, value string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if s := u.secrets[name]; s != nil {
		u.former[s.VersionID] = &Secret{Created: s.Created, Value: s.Value}
	}
	u.secrets[name] = &Secret{ARN: u.arnOf(name), Name: name, VersionID: version, Stages: []string{Current}, Created: time.Now(), Value: Text(value)}
}

func (u *upstream) remake(name, suffix string) {
	u.mu.Lock()
	u.suffix[name] = suffix
	u.mu.Unlock()
}

func (u *upstream) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

func (u *upstream) fetch(ctx context.Context, q Query) (*Secret, error) {
	u.mu.Lock()
	u.calls = append(u.calls, q)
	u.active++
	u.most = max(u.most, u.active)
	// What a fetch brings is decided when it begins.
	s, err := u.find(q), u.err
	latency, block := u.latency, u.block
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		u.active--
		u.mu.Unlock()
	}()

	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if latency > 0 {
		select {
		case <-time.After(latency):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, notFound(q.ID)
	}
	return s, nil
}

func (u *upstream) find(q Query) *Secret {
	for name, s := range u.secrets {
		if q.ID == name || q.ID == u.arnOf(name) || q.ID == arnPrefix+name {
			if q.VersionID == "" && q.Stage == "" || q.VersionID == s.VersionID {
				return s
			}
			former := u.former["v0"]
			if q.VersionID != "" {
				if former = u.former[q.VersionID]; former == nil {
					return nil
				}
			}
			return &Secret{ARN: s.ARN, Name: s.Name, VersionID: q.VersionID, Stages: []string{"AWSPREVIOUS"}, Created: former.Created, Value: former.Value}
		}
	}
	return nil
}

func (u *upstream) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.calls)
}

func (u *upstream) mostAtOnce() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.most
}

// hold makes fetches that begin from now on wait until the returned func is called.
func (u *upstream) hold() (release func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	block := make(chan struct{})
	u.block = block
	return func() {
		u.mu.Lock()
		if u.block == block {
			u.block = nil
		}
		u.mu.Unlock()
		close(block)
	}
}

func notFound(id string) error {
	return &Error{ID: id, Status: http.StatusBadRequest, Type: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."}
}

func throttled() error {
	return &Error{ID: "db", Status: http.StatusBadRequest, Type: "ThrottlingException", Message: "Rate exceeded"}
}

func denied() error {
	return &Error{ID: "db", Status: http.StatusBadRequest, Type: "AccessDeniedException", Message: "not authorized"}
}

// options are those of the extension's defaults.
func options(named ...string) Options {
	return Options{TTL: 300 * time.Second, MaxStale: time.Hour, Timeout: 3 * time.Second, Size: 1000, Named: named}
}

// get reads id and fails the test unless the answer is value with mark.
func get(t *testing.T, c *Cache, id, value string, mark Mark) Answer {
	t.Helper()
	a, err := c.Get(t.Context(), Query{ID: id})
	if err != nil {
		t.Fatalf("Get(%q): %v", id, err)
	}
	if got := a.Secret.Value.Reveal(); got != value || a.Mark != mark {
		t.Fatalf("Get(%q) = %q, %s; want %q, %s", id, got, a.Mark, value, mark)
	}
	return a
}

func wantCalls(t *testing.T, u *upstream, want int) {
	t.Helper()
	if got := u.count(); got != want {
		t.Fatalf("upstream calls = %d, want %d: %s", got, want, fmt.Sprint(u.calls))
	}
}
