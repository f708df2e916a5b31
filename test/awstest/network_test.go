package awstest_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func TestWire(t *testing.T) {
	fake, _ := start(t)
	fake.Put("db", "one")
	wire := awstest.NewWire(fake.URL())
	defer wire.Close()
	client := clientOf(wire.URL(), awstest.AccessKeyID)
	if got := read(t.Context(), client, get{id: "db"}); got != "one" {
		t.Errorf("got %q", got)
	}
	wire.Cut()

	dial := func() net.Conn {
		c, err := net.Dial("tcp", wire.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	answered := func(c net.Conn) error {
		_ = c.SetDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		_, err := c.Read(make([]byte, 1))
		return err
	}
	silent := dial()
	if err := answered(silent); err != nil {
		t.Fatal(err)
	}
	wire.Blackhole()
	_, _ = silent.Read(make([]byte, 1<<16)) // what was on its way before
	if err := answered(silent); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("a silent connection: got %v, want a time-out", err)
	}
	fake.Close() // the far end goes away, and the near end does not notice
	if err := answered(silent); err == nil || !err.(net.Error).Timeout() {
		t.Errorf("after the far end closed: got %v, want a time-out", err)
	}
}

func TestCredentials(t *testing.T) {
	c := awstest.NewCredentials(time.Hour)
	defer c.Close()
	get := func(token string) int {
		req, _ := http.NewRequest(http.MethodGet, c.URL(), nil)
		req.Header.Set("Authorization", token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := get(c.Token()); got != 200 {
		t.Errorf("got %d", got)
	}
	if got := get("wrong"); got != 401 {
		t.Errorf("a wrong token: got %d", got)
	}
	c.Fail(500)
	if got := get(c.Token()); got != 500 {
		t.Errorf("told to fail: got %d", got)
	}
	if all, denied := c.Calls(); all != 3 || denied != 1 {
		t.Errorf("got %d calls, %d denied", all, denied)
	}
}

// The fake served over a pipe inside a bubble: latency costs no time.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := awstest.NewHandler()
		fake.Put("db", "one")
		fake.SetLatency(time.Hour)
		near, far := net.Pipe()
		server := &http.Server{Handler: fake}
		l := &oneConn{c: make(chan net.Conn, 1)}
		l.c <- far
		go server.Serve(l)
		start := time.Now()
		go io.WriteString(near, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
		if _, err := near.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d != time.Hour {
			t.Errorf("answered after %v, want 1 h", d)
		}
		near.Close()
		server.Close()
	})
}

type oneConn struct{ c chan net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	c, open := <-l.c
	if !open {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l *oneConn) Close() error   { close(l.c); return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }
