package endpoint

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func rotated(id string, v version, changed bool) string {
	return fmt.Sprintf(`{"rotated":true,"secretId":%q,"versionId":%q,"changed":%v}`, id, v.id, changed)
}

const notRotated = `{"rotated":false}`

// TestEventShapes rotates a secret once for each shape: when the answer is there,
// everything has the new value, and an event for what is held costs no call.
func TestEventShapes(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"n":"`+canary+`0"}`)
		a := u.start("SECRET=DB_*="+v.name, "SECRETS_MANAGER_TTL=86400")
		etag := a.get("/env").header.Get("ETag")
		n := 0
		for shape, of := range shapes {
			n++
			v = u.put(v, fmt.Sprintf(`{"n":"%s%d"}`, canary, n))
			u.gate.take()
			body := of(now(v))
			r := a.post("/rotation", body)
			wantRotated(t, shape, r, v, true)
			wantHeader(t, shape, r, "Content-Type", "application/json")
			if got, want := a.env()["DB_n"], fmt.Sprint(canary, n); got != want {
				t.Errorf("%s: /env and the file have %s, want %s", shape, got, want)
			}
			wantMark(t, shape, a.get("/v1/"+v.arn), "hit", v)
			if e := a.get("/env").header.Get("ETag"); e == etag {
				t.Errorf("%s: the ETag of /env did not move", shape)
			} else {
				etag = e
			}
			wantCalls(t, shape, u, 1)
			if strings.Contains(body, v.id) {
				wantRotated(t, shape+", again", a.post("/rotation", body), v, false)
				wantCalls(t, shape+", again", u, 0)
			}
		}
	})
}

// wantRotated checks an answer about one secret, whatever the event called it.
func wantRotated(t *testing.T, what string, r reply, v version, changed bool) {
	t.Helper()
	var got struct {
		Rotated, Changed    bool
		SecretID, VersionID string
	}
	err := json.Unmarshal([]byte(r.body), &got)
	if err != nil || r.status != 200 || !got.Rotated || got.Changed != changed || got.VersionID != v.id ||
		got.SecretID != v.name && got.SecretID != v.arn && got.SecretID != v.partial() {
		t.Errorf("%s: got %d %s, want it changed (%v) to %s", what, r.status, short(r.body), changed, v.id)
	}
}

func TestEventsThatAreNoRotation(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRET=DB=" + v.name)
		u.gate.take()
		u.put(v, canary+"2")
		for name, of := range others {
			want(t, name, a.post("/rotation", of(now(v))), 200, notRotated)
		}
		want(t, "a secret that is not held", a.post("/rotation?secretId="+u.prefix+"other", ""), 200, notRotated)
		wantCalls(t, "none", u, 0)
		wantMark(t, "what is held", a.get("/v1/"+v.name), "hit", v)
		for _, body := range []string{"", "{", `{"source":`, "secretId=db", `{} {}`, "\xff"} {
			wantError(t, body, a.post("/rotation", body), 400, "InvalidRequestException", "not JSON")
		}
	})
}

func TestRotationByQuery(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"1")
		a := u.start("SECRETS_MANAGER_TTL=86400") // held because it was read
		wantMark(t, "read", a.get("/v1/"+one.name), "miss", one)
		for i, id := range []string{one.name, one.arn, one.partial()} {
			v := u.put(one, fmt.Sprint(canary, i+2))
			path := "/rotation?secretId=" + url.QueryEscape(id)
			want(t, id, a.post(path+"&versionId="+v.id, ""), 200, rotated(id, v, true))
			want(t, "again", a.post(path+"&versionId="+v.id, "ignored"), 200, rotated(id, v, false))
			w := u.put(one, fmt.Sprint(canary, i+2, "b"))
			want(t, "without a version", a.post(path, ""), 200, rotated(id, w, true))
		}
		wantError(t, "too long", a.post("/rotation?secretId="+strings.Repeat("x", 2049), ""), 400, "InvalidParameterException", "2049")
	})
}

// An event that is late: the version it names has been replaced.
func TestOutdatedEvent(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"1")
		a := u.start("SECRET=DB="+one.name, "SECRETS_MANAGER_TTL=86400")
		two := u.put(one, canary+"2")
		three := u.put(one, canary+"3")
		old := now(two)
		old.at = old.at.Add(-time.Hour)
		wantRotated(t, "an hour late", a.post("/rotation", native(old)), three, true)
		four := u.put(one, canary+"4")
		u.gate.take()
		wantRotated(t, "of the version that is held", a.post("/rotation", native(now(three))), three, false)
		wantCalls(t, "of the version that is held", u, 0)
		five := u.put(one, canary+"5")
		wantRotated(t, "overtaken just now", a.post("/rotation", native(now(four))), five, true)
		wantMark(t, "the endpoint", a.get("/v1/"+one.name), "hit", five)
	})
}

// The labels move with a rotation, so what is held of other stages and versions goes.
func TestRotationDropsOtherStages(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"1")
		two := u.put(one, canary+"2")
		a := u.start("SECRETS_MANAGER_TTL=86400")
		path := "/v1/" + one.name
		wantMark(t, "current", a.get(path), "miss", two)
		wantMark(t, "previous", a.get(path+"?versionStage=AWSPREVIOUS"), "miss", one)
		wantMark(t, "by version", a.get(path+"?versionId="+two.id), "miss", two)
		three := u.put(one, canary+"3")
		wantRotated(t, "rotation", a.post("/rotation", native(now(three))), three, true)
		wantMark(t, "previous, after", a.get(path+"?versionStage=AWSPREVIOUS"), "miss", two)
		r := a.get(path + "?versionId=" + two.id)
		wantMark(t, "by version, after", r, "miss", two)
		if got := strings.Join(r.stages(), " "); got != "AWSPREVIOUS" {
			t.Errorf("by version, after: stages %q", got)
		}
	})
}

func TestBatch(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one, two, three := u.create("one", canary), u.create("two", canary), u.create("three", canary)
		a := u.start("SECRET=ONE="+one.name+" TWO="+two.name, "SECRETS_MANAGER_TTL=86400")
		u.gate.take()
		one, two = u.put(one, canary+"+"), u.put(two, canary+"+")
		batch := sqs(native(now(three)), native(now(one)), notification(native(now(two))), native(now(one)))
		want(t, "a batch", a.post("/rotation", batch), 200, strings.TrimSuffix(rotated(one.arn, one, true), "}")+`,"secrets":[`+
			fmt.Sprintf(`{"rotated":false,"secretId":%q},`, three.arn)+rotated(one.arn, one, true)+","+rotated(two.arn, two, true)+"]}")
		wantCalls(t, "a batch", u, 2)

		one, two = u.put(one, canary+"*"), u.put(two, canary+"*")
		u.gate.failOnly(two.name, refusal(400, "AccessDeniedException", "no"))
		r := a.post("/rotation", sqs(native(now(one)), native(now(two))))
		wantError(t, "one of two fails", r, 502, "AccessDeniedException", "secretsmanager:GetSecretValue")
		var got struct {
			Rotated  bool
			SecretID string
			Secrets  []json.RawMessage
		}
		if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Rotated || got.SecretID != two.arn || len(got.Secrets) != 2 || string(got.Secrets[0]) != rotated(one.arn, one, true) {
			t.Errorf("one of two fails: %s", r.body)
		}
		wantMark(t, "the one", a.get("/v1/"+one.name), "hit", one)
		if r := a.get("/v1/" + two.name); r.text() != canary+"+" {
			t.Errorf("the other lost its value: %d %s", r.status, short(r.body))
		}
	})
}

func TestRotationThatFails(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"1")
		a := u.start("SECRET=DB="+one.name, "SECRETS_MANAGER_TTL=86400")
		two := u.put(one, canary+"2")
		u.gate.take()
		u.gate.fail(refusal(400, "DecryptionFailure", "no"))
		wantError(t, "an error that trying cannot mend", a.post("/rotation", native(now(two))), 502, "DecryptionFailure", "kms:Decrypt")
		wantCalls(t, "no use", u, 1)
		if got := a.env()["DB"]; got != canary+"1" {
			t.Errorf("the old value did not stay: %s", got)
		}
		u.gate.failTimes(7, refusal(400, "ThrottlingException", "Rate exceeded")) // more than one fetch has attempts
		wantRotated(t, "one that trying mends", a.post("/rotation", native(now(two))), two, true)

		three := u.put(one, canary+"3")
		u.gate.fail(late(500 * time.Millisecond))
		var both sync.WaitGroup
		u.gate.take()
		for range 5 { // deliveries of the same event
			both.Go(func() {
				r := a.post("/rotation", native(now(three)))
				if r.status != 200 || !strings.Contains(r.body, three.id) {
					t.Errorf("one of several: %d %s", r.status, r.body)
				}
			})
		}
		both.Wait()
		if n := len(u.gate.take()); n > 5 {
			t.Errorf("%d calls for five deliveries of an event", n)
		}
		u.gate.heal()
		u.delete(one)
		wantError(t, "one that is deleted", a.post("/rotation?secretId="+one.name, ""), 502, "InvalidRequestException", "marked")
		if vars := a.env(); len(vars) != 0 {
			t.Errorf("its variables stay: %v", vars)
		}
	})
}

func TestCustomEventOfOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRET=DB="+v.name, "SECRETS_ROTATION_SOURCE=mine", "SECRETS_ROTATION_DETAIL_TYPE=New Secret", "SECRETS_ROTATION_DETAIL_KEY=which")
		v = u.put(v, canary+"2")
		body := func(source, detailType, key string) string {
			return event(now(v), source, detailType, `{"`+key+`":"`+v.name+`"}`)
		}
		want(t, "the usual one", a.post("/rotation", custom(now(v), v.name, v.id)), 200, notRotated)
		for _, near := range []string{body("mine", "New Secret", "secretId"), body("mine", "Secret Rotation", "which"), body("secretsmanager", "New Secret", "which")} {
			want(t, near, a.post("/rotation", near), 200, notRotated)
		}
		want(t, "its own", a.post("/rotation", body("mine", "New Secret", "which")), 200, rotated(v.name, v, true))
		w := u.put(v, canary+"3")
		wantRotated(t, "that of Secrets Manager", a.post("/rotation", native(now(w))), w, true)
	})
}

func TestLargeEvents(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		const most = 7 << 20
		want(t, "as large as may be", a.post("/rotation", `"`+strings.Repeat("x", most-2)+`"`), 200, notRotated)
		wantError(t, "larger", a.post("/rotation", `"`+strings.Repeat("x", most-1)+`"`), 413, "RequestTooLarge", "7 MB")
		wantError(t, "announced", a.raw(request("POST /rotation", "Content-Length: 99999999999")), 413, "RequestTooLarge", "7 MB")
		chunk := "100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
		wantError(t, "in chunks", a.raw(request("POST /rotation", "Transfer-Encoding: chunked")+strings.Repeat(chunk, 8)), 413, "RequestTooLarge", "7 MB")
	})
}
