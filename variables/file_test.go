package variables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func TestNoPathNoFile(t *testing.T) {
	t.Chdir(t.TempDir())
	f := newFixture(t, "db", newStore(map[string]string{"db": `{"a":"1"}`}), Options{PathRequired: true})
	f.mustLoad(t)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) != 0 {
		t.Errorf("got %v, %v, want no file", files, err)
	}
}

// A failed write is tried again by every Publish and told of once.
func TestFailedWrite(t *testing.T) {
	blocker := filepath.Join(t.TempDir(), "blocker")
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(blocker, "secrets.env")

	required := newFixture(t, "db", newStore(map[string]string{"db": `{"a":"1"}`}), Options{Path: path, PathRequired: true})
	if err := required.Load(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Load: got %v, want an error that names %s", err, path)
	}

	f := newFixture(t, "db", newStore(map[string]string{"db": `{"a":"1"}`}), Options{Path: path, Strict: true})
	f.mustLoad(t)
	f.log.check(t, "dotenv file cannot be written")
	if err := f.Publish(); err == nil {
		t.Error("Publish: got no error")
	}
	f.log.check(t)
	if err := f.Close(); err != nil {
		t.Errorf("Close without a file: %v", err)
	}
	f.closed = false

	if err := os.Remove(blocker); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(blocker, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Publish(); err != nil {
		t.Error(err)
	}
	f.checkFile(t, "a=1\n")
	f.log.check(t, "dotenv file is written again")

	if err := os.RemoveAll(blocker); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.store.put("db", `{"a":"2"}`)
	f.renew(t, "db")
	f.log.check(t, "dotenv file cannot be written")
	checkVars(t, f.mustEnv(t), map[string]string{"a": "2"})

	// What the file has after a failure is not known: the same as before is written too.
	if err := errors.Join(os.Remove(blocker), os.Mkdir(blocker, 0o700)); err != nil {
		t.Fatal(err)
	}
	f.store.put("db", `{"a":"1"}`)
	f.renew(t, "db")
	f.checkFile(t, "a=1\n")
}

func TestClose(t *testing.T) {
	path := tempPath(t)
	f := newFixture(t, "db", newStore(map[string]string{"db": `{"a":"1"}`}), Options{Path: path})
	if err := os.WriteFile(path, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.checkFile(t, "another's")

	f = newFixture(t, "db", newStore(map[string]string{"db": `{"a":"1"}`}), Options{Path: path})
	f.mustLoad(t)
	f.checkFile(t, "a=1\n")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	f.checkNoFile(t)
	f.store.put("db", `{"a":"2"}`)
	f.renew(t, "db")
	f.checkNoFile(t)
	if err := f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestNotPortableIsWarnedAboutOnce(t *testing.T) {
	f := newFixture(t, "db X=x", newStore(map[string]string{"db": `{"a":"'\"$\r\n"}`, "x": "1"}), Options{Path: tempPath(t)})
	f.mustLoad(t)
	f.log.check(t, `not every dotenv reader reads \"a\"`)
	f.store.put("x", "2")
	f.renew(t, "x")
	f.log.check(t)
	f.store.put("db", `{"a":"simple"}`)
	f.renew(t, "db")
	f.log.check(t)
	f.store.put("db", `{"a":"'\"$\r\n"}`)
	f.renew(t, "db")
	f.log.check(t, `not every dotenv reader reads \"a\"`)
}

// Readers, rotations and publishes at once: one tag never stands for two sets of
// variables, and in the end file and variables are the newest.
func TestConcurrentUse(t *testing.T) {
	s := newStore(map[string]string{"a": `{"a":"0"}`, "b": `{"b":"0"}`})
	f := newFixture(t, "a b", s, Options{Path: tempPath(t), Strict: true})
	var mu sync.Mutex
	seen := map[string]string{}
	var wg sync.WaitGroup
	wg.Go(func() { f.mustLoad(t) })
	for _, id := range []string{"a", "b"} {
		wg.Go(func() {
			for i := range 50 {
				s.put(id, fmt.Sprintf(`{"%s":"%d"}`, id, i))
				f.renew(t, id)
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range 100 {
				env, err := f.Env(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				vars := fmt.Sprint(env.Vars)
				mu.Lock()
				if before, ok := seen[env.ETag]; ok && before != vars {
					t.Errorf("%s stands for %s and %s", env.ETag, before, vars)
				}
				seen[env.ETag] = vars
				mu.Unlock()
			}
		})
		wg.Go(func() {
			for range 100 {
				_ = f.Publish()
			}
		})
	}
	wg.Wait()
	f.checkFile(t, "a=49\nb=49\n")
	checkVars(t, f.mustEnv(t), map[string]string{"a": "49", "b": "49"})
}

// Values appear in variables and in the file only.
func TestNoValueIsToldOf(t *testing.T) {
	const canary = "canary-7f3a"
	s := newStore(map[string]string{
		"plain": canary,
		"db":    `{"a":"` + canary + `","nul":"` + canary + `\u0000","a-b":"` + canary + `","PATH":"` + canary + `","q":"'\"$\r` + canary + `"}`,
		"bad":   `{"a":"` + canary + `"`,
		"other": `{"a":"` + canary + `2"}`,
	})
	s.values["bin"] = cache.Binary([]byte("\xff" + canary))
	f := newFixture(t, "plain db bad bin B=bin K=plain#k L=db#l other", s, Options{Path: tempPath(t), Strict: true})
	out := fmt.Sprintln(f.Load(t.Context()))
	for _, id := range []string{"db", "plain"} {
		s.put(id, `{"z":"`+canary+`"}`)
		f.renew(t, id)
	}
	s.fail("other", notFound("other"))
	f.renew(t, "other")
	_, err := f.Env(t.Context())
	out += fmt.Sprintln(err, f.Publish(), f.Close())
	out += f.log.String()
	if strings.Contains(out, canary) {
		t.Errorf("a value is told of:\n%s", out)
	}
	if len(strings.Split(out, "\n")) < 10 {
		t.Errorf("too little is told of to mean something:\n%s", out)
	}
}

// With TTL and staleness of nothing a value is past both as soon as it is there.
func TestTTLZero(t *testing.T) {
	s := newStore(map[string]string{"db": `{"a":"1"}`})
	s.delay = time.Millisecond
	f := newFixtureWith(t, "db", s, Options{Path: tempPath(t), Strict: true}, cache.Options{})
	f.mustLoad(t)
	f.checkFile(t, "a=1\n")
	s.put("db", `{"a":"2"}`)
	checkVars(t, f.mustEnv(t), map[string]string{"a": "2"})
	f.checkFile(t, "a=2\n")
}
