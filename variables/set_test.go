package variables

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
			f.log.check(t, `slow: fetch \"slow\": TimeoutError`) // the cache has logged the others
			time.Sleep(time.Minute)                              // lets the slow fetch end
		})
	})
	t.Run("continue", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, ctx := setup(t, Options{Path: tempPath(t)})
			if err := f.Load(ctx); err != nil {
				t.Fatal(err)
			}
			f.log.check(t, strings.ReplaceAll(final[2], `"`, `\"`), "slow: fetch")
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
