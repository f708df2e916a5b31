package localhttp

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// laneConn is a connection on which hits take the short way. net/http waits for the
// next request in Read; a request that is plain and whole, and asks for a secret
// that is held, is answered right there, and Read goes on waiting. Everything else
// is handed to net/http as it came, which costs a hit more than all of our own work:
// a goroutine that watches for the client's end, a header map, three buffers.
//
// To be sure of where a request begins, the lane is open only while all that was
// handed on were whole requests without a body: net/http has nothing left of them
// then when it reads again. Whatever else comes closes it for this connection.
//
// It is no HTTP server. It knows the few forms that clients send all day, refuses
// nothing, and leaves what it does not know to net/http.
type laneConn struct {
	net.Conn
	h        *handler
	closed   bool   // for good
	answered bool   // and so net/http's deadline for the first header is gone
	early    []byte // the byte of the next request that net/http has already
	out      []byte // kept for the next answer
}

// laneAnswer bounds a body, so that an answer goes to the socket in one piece. It is
// what Linux gives a TCP socket at least to send from (tcp_wmem).
const laneAnswer = 16 << 10

func (c *laneConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if c.closed || n == 0 || err != nil {
			return n, err
		}
		in, whole := c.parse(p, n)
		if whole && in.plain && c.h.hit(&in, &c.out) {
			if err := c.send(); err != nil {
				return 0, err
			}
			continue
		}
		c.closed = !whole
		if c.answered {
			c.answered = false
			_ = c.SetReadDeadline(time.Now().Add(readHeaderTimeout))
		}
		return n, nil
	}
}

// parse looks at the n bytes that were read for net/http. While it serves a request
// it waits for one byte more, to see the client go away; if that is the first one of
// the next request, it has it already and must get the rest.
func (c *laneConn) parse(p []byte, n int) (in incoming, whole bool) {
	switch {
	case len(p) == 1:
		c.early = append(c.early, p[0])
		return in, len(c.early) == 1
	case len(c.early) > 0:
		in, whole = parseRequest(append(c.early, p[:n]...))
		c.early, in.plain = nil, false
		return in, whole
	}
	return parseRequest(p[:n])
}

// send writes the answer. The first one lifts the deadline that net/http has set
// for the first header of the connection.
func (c *laneConn) send() error {
	if !c.answered {
		c.answered = true
		_ = c.SetReadDeadline(time.Time{})
	}
	_, err := c.Conn.Write(c.out)
	return err
}

// CloseWrite is what net/http ends a connection softly with.
func (c *laneConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// hit makes the answer to in, if it is a hit that may have one.
func (h *handler) hit(in *incoming, out *[]byte) bool {
	defer h.recover()
	if !in.hosted || !carries(h.token, in.tokens[:in.carried]) {
		return false
	}
	path, rawQuery, _ := bytes.Cut(in.target, []byte("?"))
	rt := lookUp(string(path))
	if rt != routeGet && rt != routePath {
		return false
	}
	q, problem := parseQuery(string(rawQuery), rt.params)
	if problem != "" || q.refreshNow {
		return false
	}
	if rt == routePath {
		q.secretID = string(path[len(pathPrefix):])
	}
	asked := cache.Query{ID: q.secretID, VersionID: q.versionID, Stage: q.versionStage}
	s, ok := h.cache.Held(asked)
	if !ok {
		return false
	}
	body, contentType, ok := laneBody(s, &q)
	if !ok || len(body) > laneAnswer {
		return false
	}
	a, ok := h.cache.Hit(asked)
	if !ok || a.Secret != s {
		return false
	}
	*out = appendAnswer((*out)[:0], a, contentType, body)
	return true
}

func laneBody(s *cache.Secret, q *query) (body []byte, contentType string, ok bool) {
	if q.has&paramKey == 0 {
		return s.Rendering(render), typeJSON[0], true
	}
	object, err := s.Object()
	if err != nil {
		return nil, "", false
	}
	value, ok := object[q.key]
	return []byte(value), typeText[0], ok
}

// appendAnswer spells what net/http would for the same answer of the handler.
func appendAnswer(b []byte, a cache.Answer, contentType string, body []byte) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nAge: "...)
	b = strconv.AppendInt(b, max(0, int64(a.Age/time.Second)), 10)
	b = append(append(b, "\r\nContent-Type: "...), contentType...)
	if a.Secret.VersionID != "" {
		b = append(append(append(b, "\r\nEtag: \""...), a.Secret.VersionID...), '"')
	}
	b = append(append(b, "\r\nX-Secrets-Cache: "...), a.Mark...)
	b = append(b, "\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}
