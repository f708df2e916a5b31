package endpoint

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOneSecretByEveryID(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"password":"`+canary+`"}`)
		for _, tt := range []struct {
			ids   []string
			calls int
		}{
			{[]string{v.name, v.arn, v.partial()}, 1},
			{[]string{v.arn, v.partial()}, 1},
			{[]string{v.partial(), v.arn}, 1},
			// A secret that is known by its ARN alone may be another account's: outside
			// Lambda, where nobody tells the account, its bare name is asked for once.
			{[]string{v.arn, v.name, v.partial(), v.name}, 2},
		} {
			a := u.start()
			for n, id := range tt.ids {
				mark := "hit"
				if n < tt.calls {
					mark = "miss"
				}
				what := fmt.Sprintf("%d of %q", n, tt.ids)
				wantMark(t, what, a.get("/secretsmanager/get?secretId="+url.QueryEscape(id)), mark, v)
				wantMark(t, what+" by path", a.get("/v1/"+id), "hit", v)
			}
			wantCalls(t, fmt.Sprintf("%q", tt.ids), u, tt.calls)
			if got := strings.Count(a.get("/stats").body, `"secretId"`); got != 1 {
				t.Errorf("%d entries, want one whatever the secret is called", got)
			}
		}
	})
}

func TestSpellings(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("a/b_c+d=e.f@g-h", canary)
		p := u.prefix
		escaped := strings.NewReplacer("/", "%2F", "+", "%2B", "=", "%3D", "@", "%40").Replace(v.name)
		a := u.start()
		for _, path := range []string{
			"/secretsmanager/get?secretId=" + escaped,
			"/secretsmanager/get?secretId=" + strings.ReplaceAll(escaped, "%2F", "%2f"),
			"/secretsmanager/get?secretId=" + p + "a/b_c%2Bd=e.f@g-h",
			"/secretsmanager/get?secretId=none&secretId=" + escaped, // the last one counts
			"/secretsmanager/get?&secretId=" + escaped + "&",
			"/secretsmanager/get?secret%49d=" + escaped,
			"/v1/" + v.name, // "+" is a plus in a path
			"/v1/" + escaped,
			"/v1/" + p + "%61/b_c+d%3de.f%40g-h",
		} {
			// As they are spelled here: net/http's client would spell some anew.
			if r := a.raw(request("GET " + path)); r.status != 200 || r.text() != canary {
				t.Errorf("%s: got %d %s", path, r.status, short(r.body))
			}
		}
	})
}

// TestWhatIsAskedFor is about ids that no secret has: what counts is the id that
// Secrets Manager is asked for.
func TestWhatIsAskedFor(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for path, id := range map[string]string{
			"/secretsmanager/get?secretId=" + u.prefix + "a+b":    u.prefix + "a b", // in a query a plus is a space
			"/secretsmanager/get?secretId=" + u.prefix + "c%20d":  u.prefix + "c d",
			"/secretsmanager/get?secretId=" + u.prefix + "e%252F": u.prefix + "e%2F",
			"/secretsmanager/get?secretId=" + u.prefix + "f;g=h":  u.prefix + "f;g=h", // separates nothing
			"/v1/" + u.prefix + "i%20j":                           u.prefix + "i j",
			"/v1/" + u.prefix + "k%252F":                          u.prefix + "k%2F",
			"/v1/" + u.prefix + "l//m/../n/":                      u.prefix + "l//m/../n/", // nothing is cleaned
			"/v1/../" + u.prefix + "ping":                         "../" + u.prefix + "ping",
			"/v1//" + u.prefix + "o":                              "/" + u.prefix + "o",
			"/v1/" + u.prefix + "%C3%A9":                          u.prefix + "é",
		} {
			typ, status := "ResourceNotFoundException", u.status()
			if !u.quirks.anyName && strings.ContainsAny(id, " %;é") {
				typ, status = "ValidationException", 400
			}
			wantError(t, path, a.raw(request("GET "+path)), status, typ, "")
			if calls := u.gate.take(); len(calls) != 1 || calls[0].SecretID != id {
				t.Errorf("%s: asked for %v, want %q", path, calls, id)
			}
		}
	})
}

func TestIDsThatNoSecretHas(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for _, tt := range []struct {
			what, id string
			asks     int
		}{
			{"2,048 characters", u.prefix + strings.Repeat("x", 2048-len(u.prefix)), 1},
			{"2,048 characters of two bytes", strings.Repeat("%C3%A9", 2048), 1},
			{"2,049 characters", strings.Repeat("x", 2049), 0},
			{"no UTF-8", "a%FFb", 0},
		} {
			for _, path := range []string{"/secretsmanager/get?secretId=", "/v1/"} {
				r := a.raw(request("GET " + path + tt.id))
				if tt.asks == 0 {
					wantError(t, tt.what, r, 400, "InvalidParameterException", "secretId")
				} else if r.status/100 != 4 {
					t.Errorf("%s: got %d %s", tt.what, r.status, short(r.body))
				}
			}
			wantCalls(t, tt.what, u, tt.asks)
		}
	})
}

func TestPartialARNOfANameThatEndsLikeOne(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("ends-AbCdEf", canary)
		a := u.start()
		r := a.get("/v1/" + v.partial())
		if u.quirks.hyphen {
			wantMark(t, "by partial ARN", r, "miss", v)
		} else {
			wantError(t, "by partial ARN", r, u.status(), "ResourceNotFoundException", "")
		}
		wantMark(t, "by name", a.get("/v1/"+v.name+"?refreshNow=1"), "refresh", v)
	})
}

// A secret that is deleted and made again has another ARN.
func TestSecretMadeAnew(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		first := u.create("db", canary+"-one")
		a := u.start()
		wantMark(t, "the first", a.get("/v1/"+first.name), "miss", first)
		u.purge(first)
		wantError(t, "none", a.get("/v1/"+first.name+"?refreshNow=true"), u.status(), "ResourceNotFoundException", "can't find")
		second := u.create("db", canary+"-two")
		wantMark(t, "the second", a.get("/v1/"+second.name+"?refreshNow=true"), "refresh", second)
		wantMark(t, "by its ARN", a.get("/v1/"+second.arn), "hit", second)
		wantError(t, "by the first ARN", a.get("/v1/"+first.arn+"?refreshNow=true"), u.status(), "ResourceNotFoundException", "")
		wantMark(t, "still", a.get("/v1/"+second.name), "hit", second)
	})
}

func TestHundredReadersOfAColdSecret(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start()
		release := make(chan struct{})
		u.gate.fail(hold(release))
		replies := make(chan string)
		var sent sync.WaitGroup
		for range 100 {
			conn := a.dial()
			sent.Add(1)
			go func() {
				_, err := io.WriteString(conn, request("GET /v1/"+v.name, "Connection: close"))
				sent.Done()
				b, readErr := io.ReadAll(conn)
				if err != nil || readErr != nil {
					b = fmt.Appendf(nil, "%v, %v", err, readErr)
				}
				replies <- string(b)
			}()
		}
		sent.Wait()
		time.Sleep(100 * time.Millisecond) // lets most of them wait for the same call; one that comes later finds a hit
		close(release)
		for range 100 {
			if r := <-replies; !strings.HasPrefix(r, "HTTP/1.1 200 ") || !strings.Contains(r, canary) {
				t.Errorf("got %s", short(r))
			}
		}
		wantCalls(t, "100 readers", u, 1)
	})
}

func TestNoID(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for _, tt := range []struct{ method, path, body string }{
			{"GET", "/secretsmanager/get", "missing parameter secretId"},
			{"GET", "/secretsmanager/get?", "missing parameter secretId"},
			{"GET", "/secretsmanager/get?secretId", "missing parameter secretId"},
			{"GET", "/secretsmanager/get?secretId=", "missing parameter secretId"},
			{"GET", "/secretsmanager/get?versionStage=AWSPENDING", "missing parameter secretId"},
			{"GET", "/v1/", "missing secret ID"},
			{"GET", "/v1/?versionStage=AWSPENDING", "missing secret ID"},
			{"POST", "/refresh", "missing parameter secretId"},
			{"POST", "/refresh?ifVersion=1", "missing parameter secretId"},
			{"POST", "/rotation?versionId=1", "missing parameter secretId"},
			{"POST", "/rotation?secretId=", "missing parameter secretId"},
		} {
			r := a.do(tt.method, tt.path, "")
			want(t, tt.path, r, http.StatusBadRequest, tt.body)
			wantHeader(t, tt.path, r, "Content-Type", "text/plain; charset=utf-8")
		}
		wantCalls(t, "no id", u, 0)
	})
}
