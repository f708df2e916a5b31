package localhttp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// pipes is a listener in memory, so that connections take part in fake time.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

// serve starts the harness's server on pipes. The returned func shuts it down.
func (h *harness) serve() (s *Server, p *pipes, shutdown func()) {
	s, p = NewServer(h.o), newPipes()
	done := make(chan error, 1)
	go func() { done <- s.Serve(p) }()
	return s, p, func() {
		h.t.Helper()
		if err := s.Shutdown(context.WithoutCancel(h.t.Context())); err != nil {
			h.t.Errorf("Shutdown: %v", err)
		}
		if err := <-done; err != nil {
			h.t.Errorf("Serve: %v", err)
		}
	}
}

func request(line string, headers ...string) string {
	return line + " HTTP/1.1\r\nHost: localhost:2773\r\nX-Vault-Token: " + token + "\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
}

// answer reads one answer.
func answer(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func wantAnswer(t *testing.T, r *bufio.Reader, status int, body string) {
	t.Helper()
	resp, got := answer(t, r)
	if resp.StatusCode != status || got != body {
		t.Errorf("got %d %q, want %d %q", resp.StatusCode, got, status, body)
	}
}

func wantClosed(t *testing.T, r io.Reader) {
	t.Helper()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v; want a closed connection", n, err)
	}
}

func send(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

func TestTenThousandIdleConnections(t *testing.T) {
	// The bubble does not end before every goroutine has: none may leak.
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, &upstream{}, "")
		s, p, shutdown := h.serve()
		var clients []net.Conn
		for i := range 10_000 {
			c := p.dial()
			clients = append(clients, c)
			if i >= 800 {
				go io.Copy(io.Discard, c) // a pipe has no buffer for an answer
			}
		}
		synctest.Wait()
		s.conns.mu.Lock()
		open, refused := s.conns.open, len(s.conns.refused)
		s.conns.mu.Unlock()
		if open != 800 || refused > maxRefused {
			t.Errorf("open %d and refused %d, want 800 and at most %d", open, refused, maxRefused)
		}

		send(t, clients[799], request("GET /ping"))
		wantAnswer(t, bufio.NewReader(clients[799]), 200, "healthy")
		time.Sleep(2 * refusalTime)
		c := p.dial()
		send(t, c, request("GET /ping"))
		r := bufio.NewReader(c)
		wantAnswer(t, r, 429, "Connection limit exceeded")
		wantClosed(t, r)

		for _, c := range clients {
			_ = c.Close()
		}
		synctest.Wait()
		s.conns.mu.Lock()
		open, silent := s.conns.open, len(s.conns.silent)
		s.conns.mu.Unlock()
		if open != 0 || silent != 0 {
			t.Errorf("after the clients went: open %d, silent %d, want 0", open, silent)
		}
		c = p.dial()
		send(t, c, request("GET /ping"))
		wantAnswer(t, bufio.NewReader(c), 200, "healthy")
		shutdown()
	})
}

func TestConnectionLimitOverTCP(t *testing.T) {
	h := newHarness(t, &upstream{}, "")
	h.o.MaxConns = 3
	s, l := NewServer(h.o), listen(t)
	go s.Serve(l)
	defer s.Shutdown(t.Context())

	var held []net.Conn
	for range 3 {
		c := dial(t, l)
		send(t, c, request("GET /ping"))
		wantAnswer(t, bufio.NewReader(c), 200, "healthy")
		held = append(held, c)
	}
	for i := range 300 { // more than wait for their request at once
		c := dial(t, l)
		if i%2 == 0 {
			send(t, c, request("GET /ping"))
		}
		if i < 2 {
			r := bufio.NewReader(c)
			wantAnswer(t, r, 429, "Connection limit exceeded")
			wantClosed(t, r)
		}
	}
	// net/http's client is one that an answer before its question confuses.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for range 10 {
		resp, err := (&http.Client{Transport: transport}).Get("http://" + l.Addr().String() + "/ping")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 429 {
			t.Errorf("status = %d, want 429", resp.StatusCode)
		}
	}
	c := dial(t, l)
	send(t, c, request("GET /ping", "X: "+strings.Repeat("x", 8<<20))) // who is still sending is heard out
	wantAnswer(t, bufio.NewReader(c), 429, "Connection limit exceeded")
	held[0].Close()
	for wait := time.Now().Add(5 * time.Second); ; {
		c := dial(t, l)
		send(t, c, request("GET /ping"))
		if resp, _ := answer(t, bufio.NewReader(c)); resp.StatusCode == 200 {
			break
		}
		if time.Now().After(wait) {
			t.Fatal("a connection that was closed still counts")
		}
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestServeOnlyOnLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(10*time.Second, func() { _ = l.Close() }).Stop() // ends a server that does serve
	err = NewServer(Options{}).Serve(l)
	if err == nil || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("Serve = %v, want an error", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

func TestIdleConnectionsStayOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, &upstream{}, "")
		_, p, shutdown := h.serve()
		c := p.dial()
		r := bufio.NewReader(c)
		for range 3 {
			send(t, c, request("GET /ping"))
			wantAnswer(t, r, 200, "healthy")
			time.Sleep(12 * time.Hour)
		}
		shutdown()
		wantClosed(t, r)
	})
}

func TestHalfARequest(t *testing.T) {
	for _, tt := range []struct{ name, half, answer string }{
		{"headers", "GET /ping HTTP/1.1\r\nHost: local", ""},
		{"body", request("POST /rotation", "Content-Length: 100") + `{"a":`, "HTTP/1.1 400 Bad Request"},
		{"chunked body", request("POST /rotation", "Transfer-Encoding: chunked") + "5\r\n{\"a\"", "HTTP/1.1 400 Bad Request"},
		{"body that nobody reads", request("POST /refresh?secretId=none", "Content-Length: 100") + "x", "HTTP/1.1 400 Bad Request"},
		{"body of a GET", request("GET /ping", "Content-Length: 100") + "x", "HTTP/1.1 200 OK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, &upstream{}, "")
				s, p, shutdown := h.serve()
				c := p.dial()
				began := time.Now()
				send(t, c, tt.half)
				got, _ := io.ReadAll(c)
				if !strings.HasPrefix(string(got), tt.answer) || tt.answer == "" && len(got) > 0 {
					t.Errorf("got %q, want %q", got, tt.answer)
				}
				if took := time.Since(began); took < bodyTimeout || took > bodyTimeout+time.Second {
					t.Errorf("closed after %v, want %v", took, bodyTimeout)
				}
				synctest.Wait()
				s.conns.mu.Lock()
				defer s.conns.mu.Unlock()
				if s.conns.open != 0 {
					t.Errorf("open = %d, want 0", s.conns.open)
				}
				go shutdown()
			})
		})
	}
}

func TestLongRotationOutlivesTheBodyTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text("x"))
		h := newHarness(t, u, "")
		h.get("/v1/db")
		h.deadline = time.Now().Add(time.Minute)
		_, p, shutdown := h.serve()
		c := p.dial()
		event := customEvent("db", "v2")
		send(t, c, request("POST /rotation", fmt.Sprintf("Content-Length: %d", len(event)))+event)
		time.Sleep(2 * bodyTimeout)
		u.put("db", "v2", cache.Text("y"))
		wantAnswer(t, bufio.NewReader(c), 200, `{"rotated":true,"secretId":"db","versionId":"v2","changed":true}`)
		shutdown()
	})
}

func TestContentLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		h := newHarness(t, u, "")
		_, p, shutdown := h.serve()
		c := p.dial()
		r := bufio.NewReader(c)
		for _, size := range []int{0, 1, 1500, smallBody - 1, smallBody, smallBody + 1, 65_000} {
			u.put("db", "v1", cache.Text(`{"a":"`+strings.Repeat("x", size)+`"}`))
			for _, query := range []string{"?refreshNow=1", "?refreshNow=1&key=a"} {
				send(t, c, request("GET /v1/db"+query))
				resp, body := answer(t, r)
				if resp.ContentLength != int64(len(body)) || len(body) < size {
					t.Errorf("%s of %d: Content-Length %d for a body of %d", query, size, resp.ContentLength, len(body))
				}
			}
		}
		shutdown()
	})
}

func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text(strings.Repeat("x", 65_536)))
		h := newHarness(t, u, "")
		_, p, shutdown := h.serve()
		c := p.dial()
		send(t, c, request("GET /v1/db"))
		_, body := answer(t, bufio.NewReaderSize(slow{c}, 16))
		if len(body) < 65_536 {
			t.Errorf("got %d bytes", len(body))
		}
		shutdown()
	})
}

// slow reads a little each minute.
type slow struct{ io.Reader }

func (s slow) Read(p []byte) (int, error) {
	time.Sleep(time.Minute)
	return s.Reader.Read(p[:min(len(p), 4<<10)])
}

func TestPipelining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text(`{"a":"1","b":"2"}`))
		h := newHarness(t, u, "")
		_, p, shutdown := h.serve()
		c := p.dial()
		go io.WriteString(c, request("GET /v1/db?key=a")+request("GET /v1/db?key=none")+request("GET /v1/db?key=b"))
		r := bufio.NewReader(c)
		wantAnswer(t, r, 200, "1")
		if resp, _ := answer(t, r); resp.StatusCode != 404 {
			t.Errorf("status = %d, want 404", resp.StatusCode)
		}
		wantAnswer(t, r, 200, "2")
		shutdown()
	})
}

func TestChunkedRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{}
		u.put("db", "v1", cache.Text("x"))
		h := newHarness(t, u, "")
		h.get("/v1/db")
		u.put("db", "v2", cache.Text("y"))
		_, p, shutdown := h.serve()
		c := p.dial()
		event := customEvent("db", "v2")
		send(t, c, request("POST /rotation", "Transfer-Encoding: chunked")+
			fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 10, event[:10], len(event)-10, event[10:]))
		r := bufio.NewReader(c)
		wantAnswer(t, r, 200, `{"rotated":true,"secretId":"db","versionId":"v2","changed":true}`)
		send(t, c, request("GET /ping"))
		wantAnswer(t, r, 200, "healthy")
		shutdown()
	})
}

func TestOnTheWire(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
		body          string
	}{
		{"no path at all", request("OPTIONS *"), 405, "Not allowed"},
		{"no path and no token", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 403, "Bad Token"},
		{"two slashes", request("GET //ping"), 404, "Not found"},
		{"dots", request("GET /x/../ping"), 404, "Not found"},
		{"a whole URL", request("GET http://127.0.0.1:1/ping"), 200, "healthy"},
		{"a whole URL of elsewhere", request("GET http://evil.example/v1/db"), 403, "Forbidden host"},
		{"a whole URL whose name is longer", request("GET http://localhost.evil.example/v1/db"), 403, "Forbidden host"},
		{"two hosts", request("GET /v1/db", "Host: localhost"), 400, "400 Bad Request"},
		{"an empty host", "GET /v1/db HTTP/1.1\r\nHost:\r\nX-Vault-Token: " + token + "\r\n\r\n", 403, "Forbidden host"},
		{"no host", "GET /v1/db HTTP/1.1\r\nX-Vault-Token: " + token + "\r\n\r\n", 400, "400 Bad Request: missing required Host header"},
		{"forwarded, in small letters", request("GET /v1/db", "x-forwarded-for: 10.0.0.1"), 400, "Forwarded"},
		{"forwarded, before a space", request("GET /v1/db", "X-Forwarded-For : 10.0.0.1"), 400, "400 Bad Request: invalid header name"},
		{"forwarded, and the token twice", request("GET /v1/db", "X-Vault-Token: "+token, "X-FORWARDED-FOR: "), 400, "Forwarded"},
		{"a token with an underscore", "GET /v1/db HTTP/1.1\r\nHost: localhost\r\nX_Vault_Token: " + token + "\r\n\r\n", 403, "Bad Token"},
		{"a token over two lines", "GET /v1/db HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token:\r\n x\r\n\r\n", 403, "Bad Token"},
		{"two wrong tokens", "GET /v1/db HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: the-\r\nX-Vault-Token: token\r\n\r\n", 403, "Bad Token"},
		{"a list with the token", "GET /v1/db HTTP/1.1\r\nHost: localhost\r\nX-Vault-Token: x, " + token + "\r\n\r\n", 403, "Bad Token"},
		{"a user in the URL", request("GET http://localhost@evil.example/v1/db"), 403, "Forbidden host"},
		{"HTTP/1.0 without a host", "GET /v1/db HTTP/1.0\r\nX-Vault-Token: " + token + "\r\n\r\n", 403, "Forbidden host"},
		{"id of 10 kB", request("GET /v1/" + strings.Repeat("a", 10_000)), 400, `{"__type":"InvalidParameterException","message":"secretId: got 10000 characters, want at most 2048"}`},
		{"a fragment is a part of nothing", request("GET /v1/#db"), 400, `{"__type":"ResourceNotFoundException","message":"Secrets Manager can't find the specified secret."}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, &upstream{}, "")
				_, p, shutdown := h.serve()
				c := p.dial()
				go io.WriteString(c, tt.request)
				wantAnswer(t, bufio.NewReader(c), tt.status, tt.body)
				c.Close()
				synctest.Wait()
				shutdown()
			})
		})
	}
}

func TestTooMuchHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, &upstream{}, "")
		_, p, shutdown := h.serve()
		c := p.dial()
		go io.WriteString(c, request("GET /v1/"+strings.Repeat("a", 80<<10)))
		if resp, _ := answer(t, bufio.NewReader(c)); resp.StatusCode != 431 {
			t.Errorf("status = %d, want 431", resp.StatusCode)
		}
		c.Close()
		time.Sleep(time.Second)
		shutdown()
	})
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{block: make(chan struct{})}
		u.put("db", "v1", cache.Text(`{"a":"1"}`))
		h := newHarness(t, u, "")
		_, p, shutdown := h.serve()
		busy, idle, silent := p.dial(), p.dial(), p.dial()
		send(t, idle, request("GET /ping"))
		wantAnswer(t, bufio.NewReader(idle), 200, "healthy")
		send(t, busy, request("GET /v1/db?key=a"))
		synctest.Wait()

		began, done := time.Now(), make(chan struct{})
		go func() { defer close(done); shutdown() }()
		wantClosed(t, idle)
		wantClosed(t, silent)
		time.Sleep(time.Second)
		close(u.block)
		wantAnswer(t, bufio.NewReader(busy), 200, "1")
		<-done
		// net/http looks for silent connections for five seconds.
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Shutdown took %v", took)
		}
	})
}

func TestShutdownEndsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, &upstream{}, "")
		h.o.MaxConns = 1
		s, p, shutdown := h.serve()
		p.dial()
		refused := p.dial()
		synctest.Wait()
		began := time.Now()
		shutdown()
		if took := time.Since(began); took >= refusalTime/2 {
			t.Errorf("Shutdown took %v", took)
		}
		s.conns.mu.Lock()
		defer s.conns.mu.Unlock()
		if n := len(s.conns.refused); n != 0 {
			t.Errorf("%d connections are still being refused", n)
		}
		wantClosed(t, refused)
	})
}

func TestShutdownWaitsForRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Options{})
		ours, theirs := net.Pipe()
		defer ours.Close()
		s.conns.refuse(late{theirs})
		synctest.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		s.conns.mu.Lock()
		defer s.conns.mu.Unlock()
		if len(s.conns.refused) != 0 {
			t.Error("Shutdown returned before its goroutines did")
		}
	})
}

// late takes its time to see that it is closed.
type late struct{ net.Conn }

func (l late) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	time.Sleep(100 * time.Millisecond)
	return n, err
}

func TestConnectionThatComesDuringShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a read that nothing ends fails at once
		var c conns
		c.shutdown()
		ours, theirs := net.Pipe()
		c.observe(theirs, http.StateNew)
		wantClosed(t, ours)
		ours, theirs = net.Pipe()
		c.refuse(theirs)
		wantClosed(t, ours)
	})
}

func TestShutdownCutsOffWhatLastsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{block: make(chan struct{})}
		defer close(u.block)
		h := newHarness(t, u, "")
		s, p, _ := h.serve()
		c := p.dial()
		send(t, c, request("GET /v1/db"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown = %v, want %v", err, context.DeadlineExceeded)
		}
		wantClosed(t, c)
	})
}

func TestClientThatGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &upstream{block: make(chan struct{})}
		u.put("db", "v1", cache.Text("x"))
		h := newHarness(t, u, "")
		s, p, shutdown := h.serve()
		c := p.dial()
		send(t, c, request("GET /v1/db"))
		synctest.Wait()
		c.Close()
		synctest.Wait()
		s.conns.mu.Lock()
		if s.conns.open != 0 {
			t.Errorf("open = %d, want 0: the request still waits", s.conns.open)
		}
		s.conns.mu.Unlock()
		close(u.block)
		shutdown()
		if got := h.log.String(); strings.Contains(got, "panic") {
			t.Errorf("log = %s", got)
		}
	})
}

func TestPanicTellsNoValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, &upstream{}, "")
		h.o.Deadline = func() time.Time { panic("value " + canary) }
		_, p, shutdown := h.serve()
		c := p.dial()
		send(t, c, request("POST /rotation?secretId=db"))
		wantClosed(t, c)
		shutdown()
		got := h.log.String()
		if strings.Contains(got, "c4n4ry") || !strings.Contains(got, "panic=string") || !strings.Contains(got, "server_test.go") {
			t.Errorf("log = %s\nwant where it was and of which type, not what it said", got)
		}
	})
}
