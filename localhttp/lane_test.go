package localhttp

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// laneHarness holds db, whose value is an object with a member a, and cold, which
// nobody has read.
func laneHarness(t *testing.T) (h *harness, u *upstream) {
	t.Helper()
	u = &upstream{}
	u.put("db", "v1", cache.Text(`{"a":"1","long":"`+strings.Repeat("x", laneAnswer)+`"}`))
	u.put("prod/a+b", "v1", cache.Text("x"))
	u.put("cold", "v1", cache.Text("y"))
	h = newHarness(t, u, "")
	want(t, h.get("/v1/db?key=a"), 200, "1")
	h.get("/v1/prod/a+b")
	h.get("/secretsmanager/get?secretId=db&versionStage=AWSPREVIOUS")
	return h, u
}

// serveCounting serves on pipes and counts what the handler is asked.
func (h *harness) serveCounting(t *testing.T) (p *pipes, asked *atomic.Int64) {
	t.Helper()
	s, p, asked := NewServer(h.o), newPipes(), &atomic.Int64{}
	inner := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		inner.ServeHTTP(w, r)
	})
	done := make(chan error, 1)
	go func() { done <- s.Serve(p) }()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p, asked
}

// Which requests go which way, and that the connection goes on either way.
func TestLane(t *testing.T) {
	const lane, handler = 0, 1
	get := request("GET /v1/db?key=a")
	for _, tt := range []struct {
		name, request string
		way           int64
		after         int64 // of the next hit on the same connection
	}{
		{"by query", request("GET /secretsmanager/get?secretId=prod%2Fa%2Bb"), lane, lane},
		{"by path", request("GET /v1/prod/a+b"), lane, lane},
		{"by ARN", request("GET /v1/arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf?key=a"), lane, lane},
		{"a stage", request("GET /v1/db?versionStage=AWSPREVIOUS"), lane, lane},
		{"curl", "GET /v1/db?key=a HTTP/1.1\r\nHost: localhost:2773\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nX-Aws-Parameters-Secrets-Token: " + token + "\r\n\r\n", lane, lane},
		{"Python's requests", request("GET /v1/db?key=a", "User-Agent: python-requests/2.32", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive"), lane, lane},
		{"Node's fetch", request("GET /v1/db?key=a", "connection: keep-alive", "accept: */*", "accept-language: *", "sec-fetch-mode: cors", "user-agent: node", "accept-encoding: gzip, deflate"), lane, lane},
		{"any case", strings.Replace(get, "Host: localhost", "hOST:\t LocalHost", 1), lane, lane},

		{"a secret that nobody has read", request("GET /v1/cold"), handler, lane},
		{"a secret that is not there", request("GET /v1/none"), handler, lane},
		{"no id", request("GET /v1/"), handler, lane},
		{"a fetch that is asked for", request("GET /v1/db?key=a&refreshNow=1"), handler, lane},
		{"a key that is not there", request("GET /v1/db?key=b"), handler, lane},
		{"a key of what has none", request("GET /v1/prod/a+b?key=a"), handler, lane},
		{"an answer that is long", request("GET /v1/db"), handler, lane},
		{"an escaped path", request("GET /v1/prod%2Fa+b"), handler, lane},
		{"another parameter", request("GET /v1/db?key=a&x=1"), handler, lane},
		{"another route", request("GET /ping"), handler, lane},
		{"another method", request("POST /v1/db"), handler, lane},
		{"a POST that says it has no body", request("POST /v1/db", "Content-Length: 0"), handler, lane},
		{"a condition", request("GET /v1/db?key=a", `If-None-Match: "v1"`), handler, lane},
		{"a header that the lane does not know", request("GET /v1/db?key=a", "Range: bytes=0-1"), handler, lane},
		{"a request that was passed on", request("GET /v1/db?key=a", "X-Forwarded-For: 10.0.0.1"), handler, lane},
		{"the name of another host", strings.Replace(get, "localhost", "evil.example", 1), handler, lane},
		{"a wrong token", strings.Replace(get, token, "guess", 1), handler, lane},
		{"no token", strings.Replace(get, "X-Vault-Token", "Accept", 1), handler, lane},
		{"more tokens than anybody sends", request("GET /v1/db?key=a", "X-Vault-Token: 1", "X-Vault-Token: 2", "X-Vault-Token: 3", "X-Vault-Token: 4"), handler, lane},

		{"a body", request("GET /v1/db?key=a", "Content-Length: 3") + "abc", handler, handler},
		{"a chunked body", request("GET /v1/db?key=a", "Transfer-Encoding: chunked") + "0\r\n\r\n", handler, handler},
		{"a method that the lane does not know", request("DELETE /v1/db"), handler, handler},
		{"a name with an underscore", request("GET /v1/db?key=a", "X_Y: 1"), handler, handler},
		{"line breaks without CR", strings.ReplaceAll(get, "\r\n", "\n"), handler, handler},
		{"a control character", request("GET /v1/db?key=a", "Accept: a\tb"), lane, lane},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := laneHarness(t)
				p, asked := h.serveCounting(t)
				c := p.dial()
				defer c.Close()
				r := bufio.NewReader(c)
				send(t, c, tt.request)
				answer(t, r)
				synctest.Wait() // net/http waits no more for the client to go away
				if got := asked.Swap(0); got != tt.way {
					t.Errorf("the handler was asked %d times, want %d", got, tt.way)
				}
				send(t, c, get)
				wantAnswer(t, r, 200, "1")
				if got := asked.Load(); got != tt.after {
					t.Errorf("of the next hit the handler was asked %d times, want %d", got, tt.after)
				}
			})
		})
	}
}

func TestLaneReadsNoEscapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, u := laneHarness(t)
		u.put("d%62", "v1", cache.Text(`{"a":"of another"}`))
		h.get("/secretsmanager/get?secretId=d%2562")
		p, _ := h.serveCounting(t)
		c := p.dial()
		defer c.Close()
		send(t, c, request("GET /v1/d%62?key=a"))
		wantAnswer(t, bufio.NewReader(c), 200, "1")
	})
}

// A lane must never take for a request what is none: the body of another, or the
// second half of one.
func TestLaneKeepsToWholeRequests(t *testing.T) {
	inner := request("GET /v1/db?key=a")
	for _, tt := range []struct {
		name   string
		pieces []string
		bodies []string
	}{
		{"a body that is a request", []string{request("POST /refresh?secretId=db", "Content-Length: 1000"), inner, strings.Repeat("x", 1000-len(inner))}, []string{`{"versionId":"v1","changed":false}`}},
		{"a chunk that is a request", []string{request("POST /refresh?secretId=db", "Transfer-Encoding: chunked"), "3e8\r\n", inner, strings.Repeat("x", 1000-len(inner)) + "\r\n0\r\n\r\n"}, []string{`{"versionId":"v1","changed":false}`}},
		{"a header that goes on as a request", []string{"GET /ping HTTP/1.1\r\nX-Note: ", inner}, []string{"healthy"}},
		{"two requests at once, the second in halves", []string{request("GET /ping") + "GET /ping HTTP/1.1\r\nX-Note: ", inner}, []string{"healthy", "healthy"}},
		{"two requests at once", []string{request("GET /v1/db?key=a") + request("GET /v1/prod/a+b?key=z") + inner}, []string{"1", `{"__type":"NoJSONObject","message":"key: the value is not a JSON object"}`, "1"}},
		{"bytes one by one", strings.Split(inner, ""), []string{"1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, _ := laneHarness(t)
				p, _ := h.serveCounting(t)
				c := p.dial()
				defer c.Close()
				go func() {
					for _, piece := range tt.pieces {
						io.WriteString(c, piece)
						synctest.Wait()
					}
				}()
				r := bufio.NewReader(c)
				for _, body := range tt.bodies {
					if _, got := answer(t, r); got != body {
						t.Errorf("got %q, want %q", got, body)
					}
				}
				send(t, c, request("GET /ping"))
				wantAnswer(t, r, 200, "healthy")
			})
		})
	}
}

func TestLaneWithoutAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := laneHarness(t)
		p, _ := h.serveCounting(t)
		c := p.dial()
		defer c.Close()
		send(t, c, strings.Replace(request("GET /v1/db?key=a"), "Host", "Accept", 1))
		wantAnswer(t, bufio.NewReader(c), 400, "400 Bad Request: missing required Host header")
	})
}

// A hit that comes while another request is served waits for its turn.
func TestLaneWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, u := laneHarness(t)
		p, asked := h.serveCounting(t)
		c := p.dial()
		defer c.Close()
		block := make(chan struct{})
		u.mu.Lock()
		u.block = block
		u.mu.Unlock()
		send(t, c, request("GET /v1/cold"))
		synctest.Wait()
		go io.WriteString(c, request("GET /v1/db?key=a"))
		synctest.Wait()
		close(block)
		r := bufio.NewReader(c)
		if resp, _ := answer(t, r); resp.Header.Get("X-Secrets-Cache") != "miss" {
			t.Errorf("the first answer is a %s", resp.Header.Get("X-Secrets-Cache"))
		}
		wantAnswer(t, r, 200, "1")
		if asked.Load() != 2 {
			t.Errorf("the handler was asked %d times, want 2", asked.Load())
		}
		synctest.Wait()
		send(t, c, request("GET /v1/db?key=a"))
		wantAnswer(t, r, 200, "1")
		if asked.Load() != 2 {
			t.Error("the lane stayed closed")
		}
	})
}

func TestLaneDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := laneHarness(t)
		p, _ := h.serveCounting(t)
		c := p.dial()
		r := bufio.NewReader(c)
		for range 3 { // a connection that was used stays open, however long it is idle
			send(t, c, request("GET /v1/prod/a+b"))
			answer(t, r)
			time.Sleep(readHeaderTimeout + time.Second)
		}
		began := time.Now()
		send(t, c, "GET /v1/db HTTP/1.1\r\nHost: local")
		wantClosed(t, r)
		if took := time.Since(began); took != readHeaderTimeout {
			t.Errorf("half a request was waited for %v, want %v", took, readHeaderTimeout)
		}
	})
}

// The lane's answers are counted, touch what they use and expire as others do.
func TestLaneIsTheSameCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, u := laneHarness(t)
		p, asked := h.serveCounting(t)
		c := p.dial()
		defer c.Close()
		r := bufio.NewReader(c)
		before := h.o.Cache.Stats().Totals.Hits
		time.Sleep(7 * time.Second)
		send(t, c, request("GET /v1/db?key=a"))
		if resp, _ := answer(t, r); resp.Header.Get("Age") != "7" || resp.Header.Get("Etag") != `"v1"` {
			t.Errorf("headers: %v", resp.Header)
		}
		if got := h.o.Cache.Stats().Totals.Hits; got != before+1 {
			t.Errorf("%d hits, want %d", got, before+1)
		}
		time.Sleep(300 * time.Second)
		u.put("db", "v2", cache.Text(`{"a":"2"}`))
		send(t, c, request("GET /v1/db?key=a"))
		wantAnswer(t, r, 200, "2")
		if asked.Load() != 1 {
			t.Errorf("the handler was asked %d times after the TTL, want 1", asked.Load())
		}
	})
}
