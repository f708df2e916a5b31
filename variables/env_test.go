package variables

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

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
