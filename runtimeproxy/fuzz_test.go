package runtimeproxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzForward sends any bytes to the proxy, and any bytes back. A peer that reads
// strictly gets from the proxy what a server of net/http makes of the same bytes
// without it, in one reading and with nothing after it, and the client gets what
// net/http makes of the answer. What breaks off never looks whole.
func FuzzForward(f *testing.F) {
	const (
		host     = " HTTP/1.1\r\nHost: x\r\n"
		response = "POST /2018-06-01/runtime/invocation/1/response" + host
		accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
		streamed = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"
	)
	for _, request := range []string{
		response + "Content-Length: 3\r\n\r\nabc", response + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		response + "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n\r\n" +
			"a;x=y\r\n0123456789\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\nX-Late: 1\r\n\r\n",
		response + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", response + "Content-Length: 3, 3\r\n\r\nabc",
		response + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", response + "Content-Length: +3\r\n\r\nabc",
		response + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled" + host + "\r\n",
		response + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", response + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
		response + "Content-Length: 9\r\n\r\nabc", response + "Connection: Content-Length, X-A\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc",
		"GET " + nextPath + host + "\r\n", "GET " + nextPath + host + "Content-Length: 1\r\n\r\na", "HEAD /a" + host + "\r\n", "GET http://y:1/a%2f?b#c" + host + "\r\n",
		"OPTIONS *" + host + "\r\n", "GET /a HTTP/1.0\r\n\r\n", "GET /a HTTP/1.1\nHost: x\nX: a\n b\n\n", "GET /a" + host + "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
	} {
		for _, answer := range []string{accepted, streamed, "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n\r\n{}", accepted[:len(accepted)-1], streamed[:len(streamed)-9]} {
			f.Add([]byte(request), []byte(answer))
		}
	}
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 304 \r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: X-A\r\nX-A: 1\r\nDate: x\r\nContent-Type:\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + accepted, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nabc", "HTTP/1.1 999 ?\r\n\r\n", "",
	} {
		f.Add([]byte("GET "+nextPath+host+"\r\n"), []byte(answer))
		f.Add([]byte("GET /2020-01-01/extension/event/next"+host+"\r\n"), []byte(answer))
	}
	log.SetOutput(io.Discard) // net/http complains of answers that nobody asked for
	f.Cleanup(func() { log.SetOutput(os.Stderr) })
	f.Fuzz(func(t *testing.T, request, response []byte) {
		synctest.Test(t, func(t *testing.T) { checkForward(t, request, response) })
	})
}

func checkForward(t *testing.T, request, response []byte) {
	want, old := serveDirectly(request)
	got := serveByProxy(t, request, response)
	switch {
	case got.err != nil:
		t.Fatalf("the peer cannot read what the proxy sends: %v\n%q", got.err, got.raw)
	case want == nil && got.message == nil:
		return
	case want == nil:
		t.Fatalf("the peer got %q, which is no request", got.raw)
	case got.message == nil && slices.ContainsFunc(slices.Collect(keys(want.Trailer)), func(name string) bool { return !isToken(name) }):
		return // it announced a trailer that nobody can send
	case got.message == nil:
		t.Fatalf("the peer got %q instead of %+v", got.raw, want)
	case got.rest != "":
		t.Fatalf("after the request the peer got %q", got.rest)
	}
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer"} {
		got.message.Header.Del(name) // of the connection, and read by now
	}
	if diff := cmp.Diff(want, got.message, sameFields); diff != "" {
		t.Errorf("request: -without the proxy +with\n%s", diff)
	}
	if !old {
		checkAnswer(t, want.Method, response, got.answer)
	}
}

// sameFields takes no headers for no map of headers, and a trailer that was announced
// and did not come for none. White space around a value is none of it. It leaves out
// what can be no header: net/http reads names with spaces, and does not write them.
var sameFields = cmp.Transformer("fields", func(h http.Header) map[string][]string {
	m := map[string][]string{}
	for name, values := range h {
		if !isToken(http.CanonicalHeaderKey(name)) {
			continue
		}
		for _, v := range values {
			m[name] = append(m[name], strings.Trim(v, " \t"))
		}
	}
	return m
})

// checkAnswer holds what came to the client to what the peer sent.
func checkAnswer(t *testing.T, method string, sent, got []byte) {
	want := readAnswer(method, sent)
	have := readAnswer(method, got)
	if want.status == http.StatusSwitchingProtocols {
		return // the Runtime API has nothing to switch to
	}
	if diff := cmp.Diff(want.text(), have.text()); diff != "" {
		t.Errorf("answer: -sent +received\n%s\nsent %q\ngot  %q", diff, sent, got)
	}
	if want.whole {
		for _, h := range []http.Header{want.header, have.header} {
			ofConnection(h)
			h.Del("Content-Length") // of the body, which is the same
		}
		if diff := cmp.Diff(want.header, have.header, sameFields); diff != "" {
			t.Errorf("headers: -sent +received\n%s", diff)
		}
		if diff := cmp.Diff(want.trailer, have.trailer, sameFields); diff != "" {
			t.Errorf("trailers: -sent +received\n%s", diff)
		}
	}
}

// reading is what a client makes of an answer.
type reading struct {
	status          int
	header, trailer http.Header
	body            string
	whole           bool
}

// text is what of an answer counts; of one that breaks off, only that it does.
func (r reading) text() []any {
	if !r.whole {
		return []any{"broken off"}
	}
	return []any{r.status, r.body}
}

func readAnswer(method string, raw []byte) reading {
	b := bufio.NewReader(bytes.NewReader(raw))
	for {
		res, err := http.ReadResponse(b, &http.Request{Method: method})
		if err != nil {
			return reading{}
		}
		if res.StatusCode < 100 {
			return reading{} // no status that anybody can hand on
		}
		if res.StatusCode < 200 && res.StatusCode != http.StatusSwitchingProtocols {
			continue // the answer itself follows
		}
		body, err := io.ReadAll(res.Body)
		return reading{res.StatusCode, res.Header, res.Trailer, string(body), err == nil}
	}
}

// serveDirectly returns the request that a server of net/http makes of raw, nil for
// none or one that is cut short. To an old one, of HTTP/1.0, no answer can have
// trailers, or be seen to break off.
func serveDirectly(raw []byte) (m *message, old bool) {
	s := &http.Server{DisableGeneralOptionsHandler: true, MaxHeaderBytes: maxHeader, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		if m != nil {
			return // the next one
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		ofConnection(r.Header)
		r.Header.Del("Content-Length")
		m, old = &message{r.Method, r.URL.RequestURI(), string(body), r.Header, r.Trailer}, !r.ProtoAtLeast(1, 1)
	})}
	exchangeBytes(s, raw)
	return m, old
}

// passed is what came of a request behind the proxy.
type passed struct {
	*message        // nil: the peer got no request, or the beginning of one
	err      error  // the peer got something that is no request
	raw      string // all that the peer got
	rest     string // what of it came after the request
	answer   []byte // what the client got
}

// serveByProxy sends raw to a proxy whose peer answers with response and hangs up.
func serveByProxy(t *testing.T, raw, response []byte) (got passed) {
	var in bytes.Buffer
	p := New(Options{API: "lambda", Rotate: func(context.Context, []byte, time.Time) ([]byte, error) { return nil, nil }})
	peers := 0
	done := make(chan struct{})
	p.upstream.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if peers++; peers > 1 {
			return nil, errors.New("one is enough")
		}
		near, far := net.Pipe()
		go func() {
			defer close(done)
			defer far.Close()
			r := bufio.NewReader(io.TeeReader(far, &in))
			m, err := readStrictly(r)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					got.err = err
				}
				return
			}
			got.message = m
			_, _ = far.Write(response)
			rest, _ := r.Peek(r.Buffered())
			got.rest = string(rest)
		}()
		return near, nil
	}
	got.answer = exchangeBytes(&p.server, raw)
	p.upstream.CloseIdleConnections()
	if peers > 0 {
		<-done
	}
	got.raw = in.String()
	return got
}

// exchangeBytes returns what s answers to a client that sends raw, and then waits
// until nothing moves any more.
func exchangeBytes(s *http.Server, raw []byte) []byte {
	near, far := net.Pipe()
	l := &once{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- far
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(l) }()
	go func() { _, _ = near.Write(raw) }()
	var out bytes.Buffer
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(&out, near) }()
	synctest.Wait()
	_ = near.Close()
	<-read
	_ = s.Close()
	<-served
	return out.Bytes()
}

// once is a listener for one connection.
type once struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	select {
	case c := <-o.conn:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

func (o *once) Close() error {
	select {
	case <-o.closed:
	default:
		close(o.closed)
	}
	return nil
}

func (o *once) Addr() net.Addr { return &net.UnixAddr{Name: "once", Net: "unix"} }
