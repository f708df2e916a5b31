package runtimeproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// message is a request as a peer understood it.
type message struct {
	Method, URI, Body string
	Header, Trailer   http.Header
}

// readStrictly reads one request and allows for nothing that two readers could
// understand in two ways: RFC 9112. What it refuses is an invitation to smuggle a
// request past a peer.
func readStrictly(r *bufio.Reader) (*message, error) {
	line, err := readLine(r)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(line, " ")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] != "HTTP/1.1" {
		return nil, fmt.Errorf("request line %q", line)
	}
	m := &message{Method: parts[0], URI: parts[1]}
	if m.Header, err = readFields(r); err != nil {
		return nil, err
	}
	if n := len(m.Header["Host"]); n != 1 {
		return nil, fmt.Errorf("%d Host headers", n)
	}
	lengths, codings := m.Header["Content-Length"], m.Header["Transfer-Encoding"]
	switch {
	case len(lengths) == 0 && len(codings) == 0:
	case len(lengths) == 1 && len(codings) == 0:
		n, err := strconv.ParseUint(lengths[0], 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != lengths[0] {
			return nil, fmt.Errorf("Content-Length %q", lengths[0])
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(r, body); err != nil {
			return nil, err
		}
		m.Body = string(body)
	case len(lengths) == 0 && len(codings) == 1 && codings[0] == "chunked":
		if err := m.readChunks(r); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("Content-Length %q and Transfer-Encoding %q", lengths, codings)
	}
	return m, nil
}

func (m *message) readChunks(r *bufio.Reader) error {
	var body strings.Builder
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return fmt.Errorf("size of a chunk %q", line)
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(&body, r, int64(n)); err != nil {
			return err
		}
		if end, err := readLine(r); err != nil || end != "" {
			return fmt.Errorf("end of a chunk %q, %w", end, err)
		}
	}
	m.Body = body.String()
	trailer, err := readFields(r)
	m.Trailer = trailer
	return err
}

// readFields reads headers, or trailers, to the empty line.
func readFields(r *bufio.Reader) (http.Header, error) {
	h := http.Header{}
	for {
		line, err := readLine(r)
		if err != nil || line == "" {
			return h, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || strings.ContainsFunc(value, isControl) {
			return nil, fmt.Errorf("header %q", line)
		}
		h.Add(name, strings.Trim(value, " \t"))
	}
}

// readLine reads to CRLF, the only end of a line.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok || strings.Contains(line, "\r") {
		return "", errors.New("a line that does not end in CRLF")
	}
	return line, nil
}

// isToken reports whether s is a name of a header in its canonical spelling.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != "" && textproto.CanonicalMIMEHeaderKey(s) == s
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// ofConnection takes out the headers that end at the next hop: those that Connection
// names, and those of RFC 2616, 13.5.1, and RFC 9110, 7.6.1 and 10.1.1.
func ofConnection(h http.Header) {
	for _, value := range h.Values("Connection") {
		for _, name := range strings.Split(value, ",") {
			h.Del(strings.Trim(name, " \t"))
		}
	}
	for _, name := range strings.Fields(`Connection Keep-Alive Proxy-Authenticate Proxy-Authorization Proxy-Connection
		TE Trailer Transfer-Encoding Upgrade Expect`) {
		h.Del(name)
	}
}
