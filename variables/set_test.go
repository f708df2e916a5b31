package variables

import (
	"bytes"
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
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
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
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// take returns what was logged since the last call.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	l.b.Reset()
	return s
}

func (l *lines) check(t *testing.T, wants ...string) {
	t.Helper()
	got := l.take()
	if n := strings.Count(got, "\n"); n != len(wants) {
		t.Errorf("got %d log lines, want %d %q:\n%s", n, len(wants), wants, got)
	}
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %q:\n%s", want, got)
		}
	}
}

func TestLoadPublishesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(map[string]string{"fast": `{"a":"1"}`, "slow": `{"b":"2"}`})
		s.delays["slow"] = time.Second
		f := newFixture(t, "fast slow", s, Options{Path: tempPath(t), Strict: true})
		go func() {
			time.Sleep(500 * time.Millisecond)
			if err := f.Publish(); err != nil {
				t.Error(err)
			}
			if _, err := f.cache.Peek("fast"); err != nil {
				t.Errorf("fast is not held yet: %v", err)
			}
			f.checkNoFile(t)
		}()
		start := time.Now()
		f.mustLoad(t)
		if took := time.Since(start); took != time.Second {
			t.Errorf("Load took %v, want 1s", took)
		}
		f.checkFile(t, "a=1\nb=2\n")
		env := f.mustEnv(t)
		checkVars(t, env, map[string]string{"a": "1", "b": "2"})
		if !strings.HasSuffix(env.ETag, `-1"`) || !strings.HasPrefix(env.ETag, `"`) {
			t.Errorf("ETag %s, want the first generation, quoted", env.ETag)
		}
		f.log.check(t)
	})
}

func TestOneFetchPerID(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1"}`})
	f := newFixture(t, "db A=db B=db#a C_*=db", s, Options{})
	f.mustLoad(t)
	f.mustEnv(t)
	if s.calls["db"] != 1 {
		t.Errorf("got %d fetches, want 1", s.calls["db"])
	}
}

func TestChangeIsPublishedBeforeItsAnswer(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1","b":"2"}`})
	f := newFixture(t, "db", s, Options{Path: tempPath(t)})
	f.mustLoad(t)
	before := f.mustEnv(t)
	s.put("db", `{"a":"new"}`)
	f.renew(t, "db")
	f.checkFile(t, "a=new\n")
	after := f.mustEnv(t)
	checkVars(t, after, map[string]string{"a": "new"})
	if after.ETag == before.ETag {
		t.Errorf("ETag is %s before and after the change", after.ETag)
	}
	f.log.check(t, `secretId=db names="\"b\""`)
}

func TestOnlyChangesMoveTheGenerationAndTheFile(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1"}`})
	f := newFixture(t, "db", s, Options{Path: tempPath(t)})
	f.mustLoad(t)
	before := f.mustEnv(t)
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	s.put("db", `{ "a": "1" }`) // another version, the same variables
	f.renew(t, "db")
	if err := f.Publish(); err != nil {
		t.Fatal(err)
	}
	if after := f.mustEnv(t); after.ETag != before.ETag {
		t.Errorf("ETag went from %s to %s without a change", before.ETag, after.ETag)
	}
	f.checkNoFile(t)
}

func TestTagsDifferBetweenProcesses(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1"}`})
	a, b := newFixture(t, "db", s, Options{}), newFixture(t, "db", s, Options{})
	a.mustLoad(t)
	b.mustLoad(t)
	if a, b := a.mustEnv(t), b.mustEnv(t); a.ETag == b.ETag {
		t.Errorf("two processes share the tag %s", a.ETag)
	}
}

func TestWithoutReferences(t *testing.T) {
	f := newFixture(t, "", newStore(nil), Options{Path: tempPath(t), Strict: true})
	f.mustLoad(t)
	env := f.mustEnv(t)
	checkVars(t, env, map[string]string{})
	if again := f.mustEnv(t); env.ETag == "" || again.ETag != env.ETag {
		t.Errorf("ETag %s, then %s; want one that stays", env.ETag, again.ETag)
	}
	f.checkFile(t, "")
}

func TestLoadErrors(t *testing.T) {
	const refs = "good A=denied B=denied#k gone slow C=good#nope throttled"
	setup := func(t *testing.T, o Options) (*fixture, context.Context) {
		s := newStore(map[string]string{"good": `{"a":"1"}`, "slow": `{"late":"2"}`, "denied": "", "throttled": `{"t":"3"}`})
		s.fail("denied", denied())
		s.fail("throttled", throttled())
		s.delays["slow"] = 8 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		t.Cleanup(cancel)
		f := newFixture(t, refs, s, o)
		return f, ctx
	}
	final := []string{
		"A=denied, B=denied#k: fetch \"denied\": AccessDeniedException",
		"gone: fetch \"gone\": ResourceNotFoundException",
		`C=good#nope: no key "nope" in the JSON object`,
	}
	t.Run("fail", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, ctx := setup(t, Options{Path: tempPath(t), Strict: true})
			err := f.Load(ctx)
			if err == nil {
				t.Fatal("got no error")
			}
			checkLines(t, "problems", strings.Split(err.Error(), "\n"), final)
			f.log.check(t, `slow: fetch \"slow\": TimeoutError`, `throttled: fetch \"throttled\": ThrottlingException`)
			time.Sleep(time.Minute) // lets the slow fetch end
		})
	})
	t.Run("continue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, ctx := setup(t, Options{Path: tempPath(t)})
			if err := f.Load(ctx); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, line := range final {
				want = append(want, strings.ReplaceAll(line, `"`, `\"`))
			}
			f.log.check(t, append(want, "slow: fetch", "throttled: fetch")...)
			f.checkFile(t, "a=1\n")

			time.Sleep(4 * time.Second) // the load that came too late for the time box
			f.checkFile(t, "a=1\nlate=2\n")
			checkVars(t, f.mustEnv(t), map[string]string{"a": "1", "late": "2"})
			f.store.put("throttled", `{"t":"3"}`)
			time.Sleep(time.Minute)
			checkVars(t, f.mustEnv(t), map[string]string{"a": "1", "late": "2", "t": "3"})
			f.checkFile(t, "a=1\nlate=2\nt=3\n")
			f.log.check(t)
		})
	})
}

func TestGoneSecretsLeave(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1","b":"2"}`, "other": `{"x":"3","y":"4"}`})
	f := newFixture(t, "db B=other#x C=other#y", s, Options{Path: tempPath(t), Strict: true})
	f.mustLoad(t)
	f.checkFile(t, "B=3\nC=4\na=1\nb=2\n")

	s.fail("db", notFound("db"))
	f.renew(t, "db")
	f.checkFile(t, "B=3\nC=4\n")
	f.log.check(t, `secretId=db names="\"a\", \"b\""`)
	checkVars(t, f.mustEnv(t), map[string]string{"B": "3", "C": "4"})

	s.put("other", `{"y":"4"}`)
	f.renew(t, "other")
	f.checkFile(t, "C=4\n")
	f.log.check(t, `secretId=other names="\"B\""`, `B=other#x: no key`)
	checkVars(t, f.mustEnv(t), map[string]string{"C": "4"})

	s.put("other", `{"x":"5","y":"4"}`)
	s.put("db", `{"a":"6"}`)
	f.renew(t, "other")
	f.renew(t, "db")
	f.checkFile(t, "B=5\nC=4\na=6\n")
	f.log.check(t)
}

func TestFailingSecretsStayInTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(map[string]string{"db": `{"a":"1"}`, "other": `{"b":"2"}`})
		f := newFixture(t, "db other", s, Options{Path: tempPath(t)})
		f.mustLoad(t)
		first := f.mustEnv(t)
		s.fail("db", throttled())
		time.Sleep(2 * time.Hour) // past TTL and staleness
		s.put("other", `{"b":"new"}`)
		f.renew(t, "other")
		f.checkFile(t, "a=1\nb=new\n")

		// Readers may not have it any more.
		env := f.mustEnv(t)
		checkVars(t, env, map[string]string{"b": "new"})
		if again := f.mustEnv(t); again.ETag == env.ETag || again.ETag == first.ETag {
			t.Errorf("tags %s, %s, %s: variables that are not published share one", first.ETag, env.ETag, again.ETag)
		}
	})
}

func TestEnvReadsSideBySideWhatIsPastItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(map[string]string{"a": `{"a":"1"}`, "b": `{"b":"1"}`})
		f := newFixture(t, "a b", s, Options{Path: tempPath(t)})
		f.mustLoad(t)
		s.put("a", `{"a":"2"}`)
		s.put("b", `{"b":"2"}`)
		checkVars(t, f.mustEnv(t), map[string]string{"a": "1", "b": "1"})

		time.Sleep(10 * time.Minute)
		s.delay = time.Second
		start := time.Now()
		env := f.mustEnv(t)
		if took := time.Since(start); took != time.Second {
			t.Errorf("Env took %v, want 1s", took)
		}
		checkVars(t, env, map[string]string{"a": "2", "b": "2"})
		f.checkFile(t, "a=2\nb=2\n")
		if again := f.mustEnv(t); again.ETag != env.ETag {
			t.Errorf("ETag went from %s to %s", env.ETag, again.ETag)
		}
	})
}

func TestEnvErrors(t *testing.T) {
	s := newStore(map[string]string{"good": `{"a":"1"}`, "denied": "x", "gone": "x"})
	s.fail("denied", denied())
	s.fail("gone", notFound("gone"))

	t.Run("fail", func(t *testing.T) {
		f := newFixture(t, "good denied gone", s, Options{Strict: true})
		_, err := f.Env(t.Context())
		if e, ok := errors.AsType[*cache.Error](err); !ok || e.ID != "denied" {
			t.Errorf("got %v, want the error of denied", err)
		}
	})
	t.Run("gone is no failure", func(t *testing.T) {
		f := newFixture(t, "good gone", s, Options{Strict: true})
		checkVars(t, f.mustEnv(t), map[string]string{"a": "1"})
	})
	t.Run("continue", func(t *testing.T) {
		f := newFixture(t, "good denied gone", s, Options{})
		checkVars(t, f.mustEnv(t), map[string]string{"a": "1"})
	})
	t.Run("caller leaves", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newStore(map[string]string{"slow": "x"})
		s.delay = time.Second
		cancel()
		f := newFixture(t, "slow", s, Options{})
		if _, err := f.Env(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

// Before a SnapStart snapshot nothing is kept, but reads are served.
func TestSnapshot(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1"}`})
	f := newFixture(t, "db", s, Options{Path: tempPath(t)})
	f.cache.Snapshot()
	first, second := f.mustEnv(t), f.mustEnv(t)
	checkVars(t, first, map[string]string{"a": "1"})
	f.checkNoFile(t)

	f.cache.Restore()
	f.mustLoad(t)
	f.checkFile(t, "a=1\n")
	third := f.mustEnv(t)
	if first.ETag == second.ETag || third.ETag == first.ETag || third.ETag == second.ETag {
		t.Errorf("tags %s, %s, %s are not all different", first.ETag, second.ETag, third.ETag)
	}
}

func TestWarningsOncePerState(t *testing.T) {
	s := newStore(map[string]string{"plain": "x", "db": `{"a":"1"}`})
	f := newFixture(t, "plain db", s, Options{})
	f.mustLoad(t)
	f.log.check(t, "plain: the value is not a JSON object")

	s.put("db", `{"a":"2","PATH":"3"}`)
	f.renew(t, "db")
	f.log.check(t, `skipped \"PATH\"`)
	s.put("db", `{"a":"3","PATH":"3"}`)
	f.renew(t, "db")
	f.log.check(t)

	s.put("plain", `{"p":"1"}`)
	f.renew(t, "plain")
	s.put("plain", "x again")
	f.renew(t, "plain")
	f.log.check(t, `secretId=plain names="\"p\""`, "plain: the value is not a JSON object")
}
