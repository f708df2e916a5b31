package runtimeproxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seen is what an API sees of a request.
type seen struct {
	Method, URI, Body string
	Header, Trailer   http.Header
	Length            int64
	Chunked           bool
}

// mirror answers with what it saw, and with headers and trailers of its own.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s := seen{r.Method, r.RequestURI, string(body), r.Header, r.Trailer, r.ContentLength, len(r.TransferEncoding) > 0}
	h := w.Header()
	h["X-Many"] = []string{"1", "2"}
	h.Set("Lambda-Extension-Identifier", "id")
	h.Set("Keep-Alive", "timeout=5")
	switch r.Header.Get("X-Want") {
	case "no type, no date":
		h["Content-Type"], h["Date"] = nil, nil
	case "trailers":
		h.Set("Trailer", "X-Sum")
		defer h.Set("X-Sum", "7")
		defer h.Set(http.TrailerPrefix+"X-Late", "8")
	case "nothing":
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
	}
	w.WriteHeader(299)
	if r.Header.Get("X-Want") == "trailers" {
		_ = http.NewResponseController(w).Flush()
	}
	_ = json.NewEncoder(w).Encode(s)
}

// exchange sends a request as it is spelled and returns the answer's parts.
func exchange(t *testing.T, addr, request string) (status int, header, trailer http.Header, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, res.Trailer, string(b)
}

func TestEverythingPassesAsItIs(t *testing.T) {
	addr := serve(t, http.HandlerFunc(mirror))
	proxy := open(t, Options{API: addr})
	const h = "Host: x\r\n"
	large := strings.Repeat("e", 1<<20)
	for name, request := range map[string]string{
		"next with a version to come": "GET /2099-01-01/runtime/invocation/next HTTP/1.1\r\n" + h + "\r\n",
		"an extension within":         "POST /2020-01-01/extension/register HTTP/1.1\r\n" + h + "Lambda-Extension-Name: x\r\nContent-Length: 2\r\n\r\n{}",
		"restore":                     "GET /2018-06-01/runtime/restore/next HTTP/1.1\r\n" + h + "\r\n",
		"init error":                  "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n" + h + "Content-Length: 3\r\n\r\n{ }",
		"odd path and query":          "GET //a%2Fb/../c;d?x=%zz&&y HTTP/1.1\r\n" + h + "\r\n",
		"empty query":                 "GET /a? HTTP/1.1\r\n" + h + "\r\n",
		"odd method":                  "PROPFIND /a HTTP/1.1\r\n" + h + "\r\n",
		"put":                         "PUT /2022-07-01/telemetry HTTP/1.1\r\n" + h + "Content-Length: 2\r\n\r\n{}",
		"head":                        "HEAD /a HTTP/1.1\r\n" + h + "\r\n",
		"no agent":                    "POST /a HTTP/1.1\r\n" + h + "Content-Length: 0\r\n\r\n",
		"agent, several values":       "GET /a HTTP/1.1\r\n" + h + "User-Agent: ric/1\r\nX-A: 1\r\nX-A: 2\r\nX-Empty:\r\n\r\n",
		"hop by hop":                  "GET /a HTTP/1.1\r\n" + h + "Connection: X-Mine, close\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n\r\n",
		"large header":                "POST /a HTTP/1.1\r\n" + h + "X-Cause: " + large[:900<<10] + "\r\nContent-Length: 1\r\n\r\n1",
		"large body":                  fmt.Sprintf("POST /a HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", h, len(large), large),
		"encoding":                    "GET /a HTTP/1.1\r\n" + h + "Accept-Encoding: gzip\r\n\r\n",
		"chunks":                      "POST /a HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"trailers": "POST /a HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type, X-B\r\n\r\n" +
			"3\r\nabc\r\n0\r\nLambda-Runtime-Function-Error-Type: E.X\r\nX-B: 2\r\n\r\n",
		"trailers nobody announced": "POST /a HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-B: 2\r\n\r\n",
		"answer without type":       "GET /a HTTP/1.1\r\n" + h + "X-Want: no type, no date\r\n\r\n",
		"answer with trailers":      "GET /a HTTP/1.1\r\n" + h + "X-Want: trailers\r\n\r\n",
		"answer without a body":     "GET /a HTTP/1.1\r\n" + h + "X-Want: nothing\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			status1, header1, trailer1, body1 := exchange(t, addr, request)
			status2, header2, trailer2, body2 := exchange(t, proxy, request)
			delete(header1, "Keep-Alive") // of the connection
			for _, header := range []http.Header{header1, header2} {
				delete(header, "Content-Length") // of what the mirror saw, which is compared below
				if header.Get("Date") != "" {
					header.Set("Date", "there is one")
				}
			}
			if status1 != status2 || !cmp.Equal(header1, header2) || !cmp.Equal(trailer1, trailer2) {
				t.Errorf("status %d, want %d; headers and trailers -want +got\n%s%s", status2, status1, cmp.Diff(header1, header2), cmp.Diff(trailer1, trailer2))
			}
			var direct, proxied seen
			if body1+body2 == "" {
				return // what has no body
			}
			if json.Unmarshal([]byte(body1), &direct) != nil || json.Unmarshal([]byte(body2), &proxied) != nil {
				t.Fatalf("got %q, want %q", body2, body1)
			}
			for _, name := range []string{"Connection", "X-Mine", "Keep-Alive"} {
				if proxied.Header.Get(name) != "" {
					t.Errorf("%s went on, which is of one connection", name)
				}
				delete(direct.Header, name)
			}
			if diff := cmp.Diff(direct, proxied); diff != "" {
				t.Errorf("-direct +proxied\n%s", diff)
			}
		})
	}
}
