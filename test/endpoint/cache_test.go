package endpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMarksAgeAndStats(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"-one")
		a := u.start("SECRETS_MANAGER_TTL=86400")
		path := "/v1/" + one.name
		began := time.Now()
		wantMark(t, "first", a.get(path), "miss", one)
		r := a.get(path)
		wantMark(t, "second", r, "hit", one)
		two := u.put(one, canary+"-two")
		wantMark(t, "held", a.get(path), "hit", one)
		wantMark(t, "refreshNow", a.get(path+"?refreshNow=true"), "refresh", two)
		wantMark(t, "after it", a.get(path), "hit", two)
		wantCalls(t, "all", u, 2)
		a.get("/v1/" + u.prefix + "gone")

		time.Sleep(2 * time.Second)
		r = a.get(path)
		age, err := strconv.Atoi(r.header.Get("Age"))
		if most := int(time.Since(began).Seconds()); err != nil || age < 2 || age > most {
			t.Errorf("Age %q after 2 to %d seconds", r.header.Get("Age"), most)
		}
		checkStats(t, a.get("/stats"), two, age)
	})
}

// checkStats wants what TestMarksAgeAndStats has done, spelled out.
func checkStats(t *testing.T, r reply, v version, age int) {
	t.Helper()
	wantHeader(t, "stats", r, "Content-Type", "application/json")
	if strings.Contains(r.body, canary) {
		t.Errorf("the stats hold a value: %s", r.body)
	}
	type counts struct{ Hits, Misses, Refreshes, Stale, Errors int }
	var got struct {
		Secrets []struct {
			SecretID, ARN, VersionID, State string
			AgeSeconds                      float64
			counts
		}
		Totals counts
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || len(got.Secrets) != 2 {
		t.Fatalf("stats: %v: %s, want two secrets", err, r.body)
	}
	held, gone := got.Secrets[0], got.Secrets[1]
	if held.SecretID != v.name || held.ARN != v.arn || held.VersionID != v.id || held.State != "current" ||
		math.Floor(held.AgeSeconds) < float64(age) || held.counts != (counts{Hits: 4, Misses: 1, Refreshes: 1}) {
		t.Errorf("stats: got %+v", held)
	}
	if gone.VersionID != "" || gone.State != "error" || gone.counts != (counts{Errors: 1}) {
		t.Errorf("stats: got %+v of a secret that is not there", gone)
	}
	if want := (counts{Hits: 4, Misses: 1, Refreshes: 1, Errors: 1}); got.Totals != want {
		t.Errorf("stats: totals %+v, want %+v", got.Totals, want)
	}
}

func TestRefreshNow(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start()
		path := "/v1/" + v.name
		for _, tt := range []struct{ value, mark string }{
			{"true", "refresh"},
			{"1", "refresh"},
			{"TRUE", "refresh"},
			{"tRuE", "refresh"}, // cold, too
			{"false", "hit"},
			{"0", "hit"},
			{"False", "hit"},
			{"0&refreshNow=1", "refresh"},
			{"1&refreshNow=0", "hit"}, // the last one counts
			{"%31", "refresh"},
		} {
			wantMark(t, tt.value, a.get(path+"?refreshNow="+tt.value), tt.mark, v)
			wantMark(t, tt.value, a.get("/secretsmanager/get?refreshNow="+tt.value+"&secretId="+v.name), tt.mark, v)
		}
		wantCalls(t, "no rate limit", u, 12)
		want(t, "of a key", a.get(path+"?key=a&refreshNow=true"), 200, canary)
		for _, value := range []string{"", "yes", "2", "true ", "on", "00"} {
			r := a.get(path + "?refreshNow=" + strings.ReplaceAll(value, " ", "+"))
			want(t, "refreshNow="+value, r, 400, "invalid refreshNow value")
		}
		u.gate.fail(refusal(400, "AccessDeniedException", "no"))
		wantError(t, "one that fails", a.get(path+"?refreshNow=true"), 400, "AccessDeniedException", "no")
		wantMark(t, "leaves what is held", a.get(path), "hit", v)
	})
}

func TestIfNoneMatch(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start()
		etag := `"` + one.id + `"`
		for _, path := range []string{"/v1/" + one.name, "/secretsmanager/get?secretId=" + one.name, "/v1/" + one.name + "?key=a"} {
			for header, status := range map[string]int{
				etag: 304, "W/" + etag: 304, "*": 304, ` "x" , ` + etag: 304, `"x",W/"y" ,` + etag + `,"z"`: 304,
				`"x"`: 200, one.id: 200, `"` + strings.ToUpper(one.id) + `"`: 200, "": 200, `"` + one.id: 200,
			} {
				r := a.get(path, "If-None-Match: "+header)
				if r.status != status || (r.body == "") != (status == 304) {
					t.Errorf("%s with %s: got %d %s, want %d", path, header, r.status, short(r.body), status)
				}
				wantHeader(t, header, r, "ETag", etag)
			}
		}
		two := u.put(one, `{"a":"`+canary+`2"}`)
		wantMark(t, "another version", a.get("/v1/"+one.name+"?refreshNow=true", "If-None-Match: "+etag), "refresh", two)
	})
}

func TestTTL(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"-one")
		a := u.start("SECRETS_MANAGER_TTL=3")
		path := "/v1/" + one.name
		wantMark(t, "first", a.get(path), "miss", one)
		two := u.put(one, canary+"-two")
		time.Sleep(3 * time.Second)
		wantMark(t, "past its TTL", a.get(path), "miss", two)
		wantMark(t, "and again", a.get(path), "hit", two)
		wantCalls(t, "all", u, 2)

		u.gate.fail(refusal(400, "ThrottlingException", "Rate exceeded"))
		time.Sleep(3 * time.Second)
		r := a.get(path)
		wantMark(t, "while it fails", r, "stale", two)
		if age, err := strconv.Atoi(r.header.Get("Age")); err != nil || age < 3 {
			t.Errorf("Age %q of a stale value", r.header.Get("Age"))
		}
		wantMark(t, "in the back-off", a.get(path), "stale", two)
		u.gate.heal()
		three := u.put(one, canary+"-three")
		wantMark(t, "asked for", a.get(path+"?refreshNow=true"), "refresh", three)
	})
}

// Four ways to say that nothing is kept.
func TestNoCache(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		for i, setting := range []string{"SECRETS_MANAGER_TTL=0", "PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false", "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=0"} {
			one := u.create(fmt.Sprint("db", i), canary+"-one")
			a := u.start(setting)
			path := "/v1/" + one.name
			wantMark(t, setting, a.get(path), "miss", one)
			wantMark(t, setting, a.get(path), "miss", one)
			two := u.put(one, canary+"-two")
			wantMark(t, setting, a.get(path), "miss", two)
			wantCalls(t, setting, u, 3)

			release := make(chan struct{})
			u.gate.fail(hold(release))
			var readers sync.WaitGroup
			for range 5 {
				readers.Go(func() { wantMark(t, setting, a.get(path), "miss", two) })
			}
			time.Sleep(300 * time.Millisecond) // those that come later make a call of their own
			close(release)
			readers.Wait()
			u.gate.heal()
			if n := len(u.gate.take()); n >= 5 {
				t.Errorf("%s: %d calls for 5 readers at the same time, want them shared", setting, n)
			}
		}
	})
}

// within calls try until it takes less than d, and then what it returns: what holds
// for so long cannot be seen while the machine is busy with other things.
func within(t *testing.T, d time.Duration, try func(n int) (check func())) {
	t.Helper()
	for n := range 20 {
		began := time.Now()
		check := try(n)
		if time.Since(began) < d {
			check()
			return
		}
	}
	t.Errorf("took longer than %v each time", d)
}

// Errors without a value are remembered for three seconds at most.
func TestErrorsAreRemembered(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		within(t, 700*time.Millisecond, func(n int) func() {
			path := fmt.Sprint("/v1/", u.prefix, "gone", n)
			u.gate.take()
			for range 5 {
				wantError(t, "not there", a.get(path), u.status(), "ResourceNotFoundException", "can't find")
			}
			return func() { wantCalls(t, "five reads", u, 1) }
		})
		v := u.create("gone0", canary)
		time.Sleep(3 * time.Second)
		wantMark(t, "later", a.get("/v1/"+v.name), "miss", v)
	})
}

// The least recently used entries go, those that SECRET names never.
func TestCacheSize(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		var v [4]version
		for i := range v {
			v[i] = u.create(fmt.Sprint("s", i), canary)
		}
		a := u.start("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=3", "SECRET=X="+v[0].name)
		for _, i := range []int{1, 2, 1, 3} {
			a.get("/v1/" + v[i].name)
		}
		u.gate.take()
		for _, tt := range []struct {
			i    int
			mark string
		}{{0, "hit"}, {1, "hit"}, {3, "hit"}, {2, "miss"}} {
			wantMark(t, v[tt.i].name, a.get("/v1/"+v[tt.i].name), tt.mark, v[tt.i])
		}
	})
}
