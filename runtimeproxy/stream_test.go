package runtimeproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Each piece of a streamed response must reach Lambda when the function has made
// it, and not when the next one comes.
func TestRequestsStream(t *testing.T) {
	pieces := make(chan string)
	trailer := make(chan string, 1)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				pieces <- string(buf[:n])
			}
			if err != nil {
				break
			}
		}
		trailer <- r.Trailer.Get("X-End")
		w.WriteHeader(http.StatusAccepted)
	}))
	body, write := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, "http://"+open(t, Options{API: addr})+"/2018-06-01/runtime/invocation/1/response", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Trailer = http.Header{"X-End": nil}
	answered := make(chan *http.Response, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
		}
		answered <- res
	}()
	for i := range 3 {
		piece := fmt.Sprintf("piece %d", i)
		if _, err := io.WriteString(write, piece); err != nil {
			t.Fatal(err)
		}
		if got := within(t, piece, pieces); got != piece {
			t.Errorf("got %q, want %q", got, piece)
		}
	}
	req.Trailer.Set("X-End", "over")
	_ = write.Close()
	if got := within(t, "trailer", trailer); got != "over" {
		t.Errorf("trailer %q", got)
	}
	if res := within(t, "answer", answered); res != nil {
		_ = res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("status %d", res.StatusCode)
		}
	}
}

func TestAnswersStream(t *testing.T) {
	pieces := make(chan string)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		for piece := range pieces {
			_, _ = io.WriteString(w, piece)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	res, err := http.Get("http://" + open(t, Options{API: addr}) + "/2020-08-15/logs")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 100)
	for i := range 3 {
		piece := fmt.Sprintf("piece %d", i)
		pieces <- piece
		n, err := res.Body.Read(buf)
		if got := string(buf[:n]); got != piece || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, piece)
		}
	}
	close(pieces)
	if rest, err := io.ReadAll(res.Body); len(rest) > 0 || err != nil {
		t.Errorf("at the end %q, %v", rest, err)
	}
}

// What breaks off on one side breaks off on the other: nothing that is cut short may
// look whole.
func TestTruncatedRequestStaysTruncated(t *testing.T) {
	got := make(chan error, 1)
	addr := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		got <- err
	}))
	for _, request := range []string{
		"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
		"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	} {
		conn, err := net.Dial("tcp", open(t, Options{API: addr}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // for it to get through
		_ = conn.Close()
		if err := within(t, "end of the body", got); err == nil {
			t.Errorf("%q came to its end", request)
		}
	}
}

func TestTruncatedAnswerStaysTruncated(t *testing.T) {
	for _, header := range []string{"Content-Length: 10\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"} {
		for _, path := range []string{"/a", nextPath} {
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 1\r\n"+header)
				_ = conn.Close()
			}()
			log, out := logTo()
			res, err := http.Get("http://" + open(t, Options{API: l.Addr().String(), Log: log}) + path)
			if err == nil {
				_, err = io.ReadAll(res.Body)
				_ = res.Body.Close()
			}
			if err == nil {
				t.Errorf("%s, %q: came to its end", path, header)
			}
			if !strings.Contains(out.String(), "broke off") {
				t.Errorf("%s, %q: the log does not tell of it: %s", path, header, out)
			}
			_ = l.Close()
		}
	}
}

func TestNoRuntimeAPI(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	addr := open(t, Options{API: l.Addr().String()})
	for _, path := range []string{"/a", nextPath} {
		res, err := http.Get("http://" + addr + path)
		if err == nil {
			t.Errorf("%s: status %d, want a connection that breaks as the API's own would", path, res.StatusCode)
			_ = res.Body.Close()
		}
	}
}

func TestOnlyLoopback(t *testing.T) {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(10*time.Second, func() { _ = l.Close() }).Stop() // ends a proxy that does serve
	if err := New(Options{}).Serve(l); err == nil || !strings.Contains(err.Error(), "not a loopback address") {
		t.Errorf("error %v", err)
	}
}
