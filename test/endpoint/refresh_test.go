package endpoint

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func refreshed(v version, changed bool) string {
	return fmt.Sprintf(`{"versionId":%q,"changed":%v}`, v.id, changed)
}

func TestRefresh(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"-one")
		a := u.start("SECRETS_MANAGER_TTL=86400")
		path := "/refresh?secretId=" + one.name
		want(t, "cold", a.post(path, ""), 200, refreshed(one, true))
		wantCalls(t, "cold", u, 1)
		two := u.put(one, canary+"-two")
		time.Sleep(time.Second)
		want(t, "a second later", a.post(path+"&ifVersion="+one.id, ""), 200, refreshed(two, true))
		wantCalls(t, "a second later", u, 1)
		time.Sleep(time.Second)
		want(t, "who has the old version", a.post(path+"&ifVersion="+one.id, ""), 200, refreshed(two, true))
		want(t, "who has no version that is known", a.post(path+"&ifVersion=x", ""), 200, refreshed(two, true))
		wantCalls(t, "held already", u, 0)
		want(t, "by ARN, unchanged", a.post("/refresh?ifVersion="+two.id+"&secretId="+one.arn, ""), 200, refreshed(two, false))
		wantCalls(t, "unchanged", u, 1)
		wantMark(t, "the endpoint", a.get("/v1/"+one.name), "hit", two)
	})
}

// Within a second of a fetch, whatever caused it, there is no other one.
func TestRefreshIsLimited(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRETS_MANAGER_TTL=86400")
		path := "/refresh?secretId=" + v.name
		for _, first := range []string{"GET /v1/" + v.name + "?refreshNow=1", "POST " + path} {
			method, target, _ := strings.Cut(first, " ")
			within(t, 2*time.Second, func(int) func() {
				time.Sleep(time.Second) // since the fetch before
				u.gate.take()
				a.do(method, target, "")
				replies := []reply{a.post(path, ""), a.post(path+"&ifVersion="+v.id, ""), a.post("/refresh?secretId="+v.arn, "")}
				return func() {
					for _, r := range replies {
						want(t, "within a second of "+first, r, 200, refreshed(v, false))
					}
					wantCalls(t, "within a second of "+first, u, 1)
				}
			})
		}
	})
}

// Whoever asks while a fetch runs waits for that one, and all of them cost one call.
func TestRefreshesAreCoalesced(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"-one")
		a := u.start("SECRETS_MANAGER_TTL=86400")
		wantMark(t, "first", a.get("/v1/"+one.name), "miss", one)
		time.Sleep(time.Second)
		two := u.put(one, canary+"-two")
		u.gate.take()
		release := make(chan struct{})
		u.gate.fail(hold(release))
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				want(t, "one of many", a.post("/refresh?secretId="+one.name+"&ifVersion="+one.id, ""), 200, refreshed(two, true))
			})
		}
		wantMark(t, "meanwhile", a.get("/v1/"+one.name), "hit", one)
		time.Sleep(100 * time.Millisecond)
		close(release)
		callers.Wait()
		wantCalls(t, "twenty", u, 1)
	})
}

func TestRefreshThatFails(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRETS_MANAGER_TTL=86400")
		const path = "/refresh?secretId="
		within(t, time.Second, func(n int) func() {
			u.gate.take()
			gone := fmt.Sprint(path, u.prefix, "gone", n)
			wantError(t, "not there", a.post(gone, ""), u.status(), "ResourceNotFoundException", "")
			wantError(t, "remembered", a.post(gone, ""), u.status(), "ResourceNotFoundException", "")
			return func() { wantCalls(t, "not there", u, 1) }
		})
		wantError(t, "too long", a.post(path+strings.Repeat("x", 2049), ""), 400, "InvalidParameterException", "2049")

		wantMark(t, "first", a.get("/v1/"+v.name), "miss", v)
		u.gate.fail(refusal(400, "AccessDeniedException", "denied"))
		within(t, 2*time.Second, func(int) func() {
			time.Sleep(time.Second)
			wantError(t, "denied", a.post(path+v.name, ""), 400, "AccessDeniedException", "denied")
			r := a.post(path+v.name, "")
			return func() { want(t, "within a second of it", r, 200, refreshed(v, false)) } // the held version
		})
		wantMark(t, "what is held", a.get("/v1/"+v.name), "stale", v) // the back-off has begun
	})
}
