package localhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func customEvent(id, version string) string {
	return fmt.Sprintf(`{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":%q,"versionId":%q}}`, id, version)
}

// batch wraps events as SQS delivers them.
func batch(events ...string) string {
	type record struct {
		EventSource string `json:"eventSource"`
		Body        string `json:"body"`
	}
	var b struct{ Records []record }
	for _, e := range events {
		b.Records = append(b.Records, record{"aws:sqs", e})
	}
	return string(marshal(b))
}

func TestRotation(t *testing.T) {
	u := &upstream{}
	u.put("db", "v1", cache.Text("x"))
	u.put("api", "v1", cache.Text("x"))
	h := newHarness(t, u, "")
	h.get("/v1/db")
	u.put("db", "v2", cache.Text("y"))

	for _, tt := range []struct {
		name, target, body string
		status             int
		want               string
	}{
		{"an ordinary event", "", `{"hello":"world"}`, 200, `{"rotated":false}`},
		{"a list", "", `[1,2]`, 200, `{"rotated":false}`},
		{"not held", "", customEvent("api", "v1"), 200, `{"rotated":false}`},
		{"held", "", customEvent("db", "v2"), 200, `{"rotated":true,"secretId":"db","versionId":"v2","changed":true}`},
		{"again", "", customEvent("db", "v2"), 200, `{"rotated":true,"secretId":"db","versionId":"v2","changed":false}`},
		{"by query", "?secretId=db&versionId=v2", "", 200, `{"rotated":true,"secretId":"db","versionId":"v2","changed":false}`},
		{"by query, not held", "?secretId=api", "", 200, `{"rotated":false}`},
		{"not JSON", "", "secretId=db", 400, `{"__type":"InvalidRequestException","message":"the body is not JSON"}`},
		{"half JSON", "", `{"source":`, 400, `{"__type":"InvalidRequestException","message":"the body is not JSON"}`},
		{"nothing", "", "", 400, `{"__type":"InvalidRequestException","message":"the body is not JSON"}`},
		{"too large", "", `"` + strings.Repeat("x", maxEvent) + `"`, 413, `{"__type":"RequestTooLarge","message":"the event is larger than 7 MB"}`},
		{"as large as may be", "", `"` + strings.Repeat("x", maxEvent-2) + `"`, 200, `{"rotated":false}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := h.do(http.MethodPost, "/rotation"+tt.target, tt.body)
			want(t, w, tt.status, tt.want)
			wantHeader(t, w, "Content-Type", "application/json")
		})
	}

	// A body of unknown length is counted while it is read.
	w := h.do(http.MethodPost, "/rotation", `"`+strings.Repeat("x", maxEvent)+`"`, func(r *http.Request) { r.ContentLength = -1 })
	want(t, w, 413, `{"__type":"RequestTooLarge","message":"the event is larger than 7 MB"}`)
}

func TestSeveralRotations(t *testing.T) {
	u := &upstream{}
	for _, id := range []string{"a", "b", "c", "d"} {
		u.put(id, "v1", cache.Text("x"))
	}
	h := newHarness(t, u, "")
	h.get("/v1/b")
	h.get("/v1/c")
	u.put("b", "v2", cache.Text("y"))

	want(t, h.do(http.MethodPost, "/rotation", batch(customEvent("a", "v1"), customEvent("d", "v1"))), 200, `{"rotated":false}`)
	want(t, h.do(http.MethodPost, "/rotation", batch(customEvent("a", "v1"), customEvent("b", "v2"), customEvent("c", "v1"))), 200,
		`{"rotated":true,"secretId":"b","versionId":"v2","changed":true,"secrets":[`+
			`{"rotated":false,"secretId":"a"},`+
			`{"rotated":true,"secretId":"b","versionId":"v2","changed":true},`+
			`{"rotated":true,"secretId":"c","versionId":"v1","changed":false}]}`)

	u.put("b", "v3", cache.Text("z"))
	u.fail("c", &cache.Error{ID: "c", Status: 400, Type: "DecryptionFailure", Message: "no"})
	w := h.do(http.MethodPost, "/rotation", batch(customEvent("b", "v3"), customEvent("c", "v2")))
	var got struct {
		Type    string `json:"__type"`
		Rotated bool
		Secrets []struct {
			Rotated  bool
			SecretID string
			Type     string `json:"__type"`
			Message  string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != 502 || got.Rotated || got.Type != "DecryptionFailure" || len(got.Secrets) != 2 ||
		!got.Secrets[0].Rotated || got.Secrets[1].Rotated || got.Secrets[1].Type != "DecryptionFailure" || !strings.Contains(got.Secrets[1].Message, "kms:Decrypt") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestRotationsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("a", "v1", cache.Text("x"))
		u.put("b", "v1", cache.Text("x"))
		h := newHarness(t, u, "")
		h.get("/v1/a")
		h.get("/v1/b")
		u.block = make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.do(http.MethodPost, "/rotation", batch(customEvent("a", "v1x"), customEvent("b", "v1x")))
		}()
		synctest.Wait()
		if got := u.count(); got != 4 {
			t.Errorf("fetches = %d, want 2 and 2 at once", got)
		}
		close(u.block)
		<-done
	})
}

func TestFailedRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text(canary))
		h := newHarness(t, u, "")
		h.get("/v1/db")
		u.fail("db", &cache.Error{ID: "db", Status: 400, Type: "AccessDeniedException", Message: "no"})
		w := h.do(http.MethodPost, "/rotation", customEvent("db", "v2"))
		want(t, w, 502, `{"rotated":false,"secretId":"db","__type":"AccessDeniedException","message":"no (the function's role needs secretsmanager:GetSecretValue on \"db\")"}`)
		wantHeader(t, w, "Content-Type", "application/json")
		if w := h.get("/v1/db"); w.Code != 200 {
			t.Errorf("the old value is gone: %d %s", w.Code, w.Body)
		}
	})
}

func TestRotationDeadline(t *testing.T) {
	for _, tt := range []struct {
		name     string
		deadline time.Duration // from now, 0 is none
		want     time.Duration
	}{
		{"none", 0, 10 * time.Second},
		{"a long one", 60 * time.Second, 59_500 * time.Millisecond},
		{"a short one", 600 * time.Millisecond, 300 * time.Millisecond},
		{"one that has passed", -time.Second, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &upstream{}
				u.put("db", "v1", cache.Text("x"))
				h := newHarness(t, u, "")
				h.get("/v1/db")
				if tt.deadline != 0 {
					h.deadline = time.Now().Add(tt.deadline)
				}
				began := time.Now()
				w := h.do(http.MethodPost, "/rotation", customEvent("db", "v2"))
				if got := time.Since(began); got != tt.want {
					t.Errorf("took %v, want %v", got, tt.want)
				}
				if w.Code != 502 || !strings.Contains(w.Body.String(), cache.TypeTimeout) {
					t.Errorf("got %d %s", w.Code, w.Body)
				}
			})
		})
	}

	h := newHarness(t, &upstream{}, "")
	h.o.Deadline = nil
	h.handler = NewHandler(h.o)
	want(t, h.do(http.MethodPost, "/rotation", `{}`), 200, `{"rotated":false}`)
}

func TestRotatedJSON(t *testing.T) {
	got := string(marshal(rotated{Rotated: true, SecretID: "a", Changed: new(false)}))
	if diff := cmp.Diff(`{"rotated":true,"secretId":"a","changed":false}`, got); diff != "" {
		t.Error(diff)
	}
}
