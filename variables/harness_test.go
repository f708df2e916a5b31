package variables

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// store is a Secrets Manager in memory.
type store struct {
	mu      sync.Mutex
	values  map[string]cache.Value
	version int
	errs    map[string]error
	delay   time.Duration
	delays  map[string]time.Duration
	calls   map[string]int
}

func newStore(values map[string]string) *store {
	s := &store{values: map[string]cache.Value{}, errs: map[string]error{}, delays: map[string]time.Duration{}, calls: map[string]int{}}
	for id, v := range values {
		s.put(id, v)
	}
	return s
}

func (s *store) put(id, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.values[id] = cache.Text(value)
	delete(s.errs, id)
}

func (s *store) fail(id string, err *cache.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err.ID = id
	s.errs[id] = err
}

func (s *store) fetch(ctx context.Context, q cache.Query) (*cache.Secret, error) {
	s.mu.Lock()
	delay := s.delay + s.delays[q.ID]
	s.calls[q.ID]++
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, cache.AsError(q.ID, ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.errs[q.ID]; err != nil {
		return nil, err
	}
	v, ok := s.values[q.ID]
	if !ok {
		return nil, notFound(q.ID)
	}
	return &cache.Secret{
		ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + q.ID + "-AbCdEf", Name: q.ID,
		VersionID: fmt.Sprint("v", s.version), Value: v,
	}, nil
}

func notFound(id string) *cache.Error {
	return &cache.Error{ID: id, Status: http.StatusBadRequest, Type: "ResourceNotFoundException", Message: "can't find it"}
}

func denied() *cache.Error {
	return &cache.Error{Status: http.StatusBadRequest, Type: "AccessDeniedException", Message: "no"}
}

func throttled() *cache.Error {
	return &cache.Error{Status: http.StatusBadRequest, Type: "ThrottlingException", Message: "slow down"}
}

// fixture is a set with all that is around it.
type fixture struct {
	*Set
	store *store
	cache *cache.Cache
	path  string
	log   *lines
}

func newFixture(t *testing.T, refs string, s *store, o Options) *fixture {
	t.Helper()
	return newFixtureWith(t, refs, s, o, cache.Options{TTL: 5 * time.Minute, MaxStale: time.Hour, Timeout: 10 * time.Second, Size: 100})
}

func newFixtureWith(t *testing.T, refs string, s *store, o Options, co cache.Options) *fixture {
	t.Helper()
	parsed, err := Parse(refs)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{store: s, path: o.Path, log: &lines{}}
	o.Log = slog.New(slog.NewTextHandler(f.log, nil))
	co.Named = IDs(parsed)
	co.Changed = func() { _ = f.Publish() }
	f.cache = cache.New(s.fetch, co)
	f.Set = New(parsed, f.cache, o)
	return f
}

func tempPath(t *testing.T) string { return filepath.Join(t.TempDir(), "secrets.env") }

func (f *fixture) mustLoad(t *testing.T) {
	t.Helper()
	if err := f.Load(t.Context()); err != nil {
		t.Fatalf("Load: %v", err)
	}
}

func (f *fixture) mustEnv(t *testing.T) Env {
	t.Helper()
	env, err := f.Env(t.Context())
	if err != nil {
		t.Fatalf("Env: %v", err)
	}
	return env
}

func (f *fixture) renew(t *testing.T, id string) {
	t.Helper()
	if _, err := f.cache.GetNow(t.Context(), cache.Query{ID: id}); err != nil {
		t.Logf("GetNow: %v", err)
	}
}

func (f *fixture) checkFile(t *testing.T, want string) {
	t.Helper()
	got, err := os.ReadFile(f.path)
	if err != nil || string(got) != want {
		t.Errorf("file: got %q, %v, want %q", got, err, want)
	}
}

func (f *fixture) checkNoFile(t *testing.T) {
	t.Helper()
	if _, err := os.Lstat(f.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file: got %v, want none", err)
	}
}

func checkVars(t *testing.T, env Env, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, env.Vars); diff != "" {
		t.Errorf("variables: -want +got\n%s", diff)
	}
}

// lines collects log output.
type lines struct{ process.Output }

func (l *lines) check(t *testing.T, wants ...string) {
	t.Helper()
	got := l.Take()
	if n := strings.Count(got, "\n"); n != len(wants) {
		t.Errorf("got %d log lines, want %d %q:\n%s", n, len(wants), wants, got)
	}
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q:\n%s", want, got)
		}
	}
}
