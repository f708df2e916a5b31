package localhttp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// FuzzLane holds a connection with the lane to one without: whatever comes over
// them, in two pieces, both answer the same, but for the order of headers, and end
// the same.
func FuzzLane(f *testing.F) {
	hit := request("GET /v1/db?key=a")
	for _, s := range []string{
		hit, hit + hit, request("GET /secretsmanager/get?secretId=db"), request("GET /v1/db", `If-None-Match: "v1"`),
		request("POST /refresh?secretId=db", "Content-Length: 0") + hit, request("GET /v1/db", "Content-Length: 4") + "abcd" + hit,
		request("POST /rotation", "Transfer-Encoding: chunked") + "1\r\n{\r\n0\r\n\r\n" + hit, request("GET /v1/db", "Connection: close") + hit,
		request("GET /v1/db", "Accept: a", " b") + hit, strings.ReplaceAll(hit, "\r\n", "\n"), "GET /v1/db HTTP/1.1\r\nHost: evil\r\n\r\n" + hit,
		request("GET /v1/db", "Host: localhost"), request("GET /v1/d%62"), request("GET /v1/db?key=%61"), request("HEAD /v1/db"), "\r\n" + hit,
		request("GET /v1/db", "Content-Length: 0, 0"), request("GET /v1/db", "Upgrade: h2c", "Connection: Upgrade"), request("GET /env") + hit,
	} {
		f.Add([]byte(s), len(s)/2)
		f.Add([]byte(s), len(hit))
		f.Add([]byte(s), len(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte, cut int) {
		// Of a second request's first three bytes and the end, net/http makes a 400 if it
		// has served nothing yet, and nothing if it has.
		if cut < 0 || cut > len(sent)-4 {
			cut = len(sent)
		}
		if bytes.Contains(bytes.ToLower(sent), []byte("/stats")) {
			return // tells the time
		}
		if slices.ContainsFunc(bytes.Split(sent, []byte("\n")), func(line []byte) bool { return len(line) >= 4095 }) {
			return // net/http has room for one byte then, and asks for that: see script
		}
		with, without := exchange(t, sent, cut, true), exchange(t, sent, cut, false)
		got, want := spell(t, with), spell(t, without)
		if got != want {
			t.Errorf("with the lane:\n%s\nwithout:\n%s", got, want)
		}
	})
}

// exchange returns what a new server answers to a connection over which sent comes,
// and then nothing more.
func exchange(t *testing.T, sent []byte, cut int, lane bool) []byte {
	u := &upstream{}
	u.put("db", "v1", cache.Text(`{"a":"1"}`))
	c := cache.New(u.fetch, cache.Options{TTL: time.Hour, Size: 10})
	if _, err := c.Get(t.Context(), cache.Query{ID: "db"}); err != nil {
		t.Fatal(err)
	}
	s := NewServer(Options{Cache: c, Token: token})
	conn := newScript(sent[:cut], sent[cut:])
	l := newPipes()
	serve := s.Serve
	if !lane {
		serve = s.http.Serve
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = serve(l)
	}()
	l.conns <- conn
	select {
	case <-conn.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the server neither answered nor closed")
	}
	_ = s.http.Close()
	<-done
	return conn.written()
}

// spell makes two equal answers equal strings.
func spell(t *testing.T, answers []byte) string {
	var b strings.Builder
	r := bufio.NewReader(bytes.NewReader(answers))
	for {
		if _, err := r.Peek(1); err != nil {
			return b.String()
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			rest, _ := io.ReadAll(r)
			return b.String() + err.Error() + string(rest)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Header.Del("Date")
		resp.Header.Del("Age") // may differ by the second that has just begun
		b.WriteString(resp.Status + "\n")
		_ = resp.Header.Write(&b)
		b.Write(body)
		if err != nil { // the answer to a HEAD has a length and no body
			b.WriteString(err.Error())
		}
	}
}

// script is a connection over which two pieces come. Then it is at its end, but for
// who waits for one byte while a request is served: to him it is silent, so that the
// client does not seem to have gone.
type script struct {
	mu     sync.Mutex
	wake   *sync.Cond
	pieces [][]byte
	out    bytes.Buffer
	past   bool // the read deadline is
	ended  chan struct{}
	closed bool
}

func newScript(pieces ...[]byte) *script {
	s := &script{pieces: pieces, ended: make(chan struct{})}
	s.wake = sync.NewCond(&s.mu)
	return s
}

func (s *script) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(p) == 1 && !s.past && !s.closed {
		s.wake.Wait()
	}
	if len(p) == 1 {
		return 0, os.ErrDeadlineExceeded
	}
	for len(s.pieces) > 0 && len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.pieces[0])
	s.pieces[0] = s.pieces[0][n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, net.ErrClosed
	}
	return s.out.Write(p)
}

func (s *script) written() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.out.Bytes())
}

func (s *script) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = !t.IsZero() && t.Before(time.Now())
	s.wake.Broadcast()
	return nil
}

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("closed twice")
	}
	s.closed = true
	s.wake.Broadcast()
	close(s.ended)
	return nil
}

func (s *script) SetDeadline(t time.Time) error    { return s.SetReadDeadline(t) }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "script", Net: "unix"} }
func (s *script) RemoteAddr() net.Addr             { return s.LocalAddr() }
