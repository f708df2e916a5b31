package endpoint

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestOneConnection(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start()
		conn := a.dial()
		r := bufio.NewReader(conn)
		next := func(what, line string, status int, body string) {
			t.Helper()
			if _, err := io.WriteString(conn, line); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			want(t, what, replyOf(t, resp), status, body)
		}
		read := request("GET /v1/" + v.name + "?key=a")
		next("cold", read, 200, canary)
		next("held", read, 200, canary)
		next("an error between", request("GET /nowhere"), 404, "Not found")
		next("held, after an error", read, 200, canary)
		next("a refusal between", bare("GET /v1/"+v.name, host), 403, "Bad Token")
		next("held, after a refusal", read, 200, canary)
	})
}

// Requests that come together, in pieces, with a body and after one are told apart.
func TestRequestsOneAfterTheOther(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start()
		read := request("GET /v1/" + v.name + "?key=a")
		event := request("POST /rotation", "Content-Length: 2") + "{}"
		for _, stream := range []string{
			read + read + read, event + read + event + read, read + event + event + read,
			request("GET /v1/"+v.name+"?key=a", "Content-Length: 5") + "GET /" + read,
			request("POST /rotation", "Transfer-Encoding: chunked") + "2\r\n{}\r\n0\r\n\r\n" + read,
		} {
			for _, size := range []int{1, 7, 64, len(stream)} {
				checkStream(t, a, stream, size)
			}
		}
	})
}

// checkStream sends a stream in pieces, and wants one answer for each request.
func checkStream(t *testing.T, a *agent, stream string, size int) {
	t.Helper()
	conn := a.dial()
	defer conn.Close()
	go func() {
		for rest := stream; rest != ""; {
			n := min(size, len(rest))
			if _, err := io.WriteString(conn, rest[:n]); err != nil {
				return // the reader sees it too
			}
			rest = rest[n:]
		}
	}()
	r := bufio.NewReader(conn)
	for i := range strings.Count(stream, " HTTP/1.1\r\n") {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("answer %d to pieces of %d bytes of %q: %v", i, size, stream, err)
			return
		}
		if got := replyOf(t, resp); got.status != 200 || got.body != canary && got.body != notRotated {
			t.Errorf("answer %d to pieces of %d bytes of %q: %d %s", i, size, stream, got.status, short(got.body))
		}
	}
}

func TestOldHTTP(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start()
		conn := a.dial()
		line := strings.Replace(request("GET /v1/"+v.name+"?key=a"), "HTTP/1.1", "HTTP/1.0", 1)
		if _, err := io.WriteString(conn, line); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(conn) // which ends
		if err != nil || !strings.HasPrefix(string(b), "HTTP/1.0 200 OK\r\n") || !strings.HasSuffix(string(b), "\r\n\r\n"+canary) {
			t.Errorf("got %q, %v", b, err)
		}
		for _, garbage := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno header\r\n\r\n"} {
			conn := a.dial()
			if _, err := io.WriteString(conn, garbage+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(conn) // a reset is as good as an end
			if strings.HasPrefix(string(b), "HTTP/1.1 200") {
				t.Errorf("%q: got %q", garbage, b)
			}
		}
		if r := a.raw(request("GET /v1/"+v.name, "X-Large: "+strings.Repeat("x", 80<<10))); r.status != 431 {
			t.Errorf("headers of 80 KiB: got %d %s, want 431", r.status, short(r.body))
		}
	})
}

// 800 connections are served, more are told so, and a place that is free is taken.
func TestConnectionLimit(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		a := u.start()
		read := request("GET /v1/" + v.name + "?key=a")
		var conns []net.Conn
		for range 800 {
			conn := a.dial()
			if _, err := io.WriteString(conn, read); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns { // all of them are open when the last one is answered
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			want(t, "one of 800", replyOf(t, resp), 200, canary)
		}
		for _, line := range []string{read, bare("GET /ping", host), request("POST /rotation", "Content-Length: 2") + "{}"} {
			r := a.raw(line)
			want(t, "one more", r, 429, "Connection limit exceeded")
			wantHeader(t, "one more", r, "Content-Type", "text/plain; charset=utf-8")
		}
		conns[17].Close()
		for end := time.Now().Add(patience); ; { // until the endpoint has seen that
			r := a.raw(read)
			if r.status == 200 {
				break
			}
			if r.status != 429 || time.Now().After(end) {
				t.Fatalf("a place is free: got %d %s", r.status, r.body)
			}
		}
		wantCalls(t, "800 readers", u, 1)
	})
}
