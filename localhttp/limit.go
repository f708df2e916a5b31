package localhttp

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// conns counts the connections of a server. It learns of their beginning and end
// from the ConnState hook.
type conns struct {
	max int

	mu      sync.Mutex
	open    int                   // accepted, not closed, not refused
	silent  map[net.Conn]struct{} // those of open that have not sent a request yet
	refused []net.Conn            // those that are told why and closed, the oldest first
	closed  bool

	refusals sync.WaitGroup
}

// observe is the server's ConnState hook. It is called with StateNew before the
// next Accept of the same listener: two listeners may be one over the limit.
func (c *conns) observe(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open++
		if c.silent == nil {
			c.silent = make(map[net.Conn]struct{})
		}
		c.silent[conn] = struct{}{}
		if c.closed {
			_ = conn.Close()
		}
	case http.StateActive:
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.silent, conn)
	case http.StateClosed, http.StateHijacked:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.open--
		delete(c.silent, conn)
	}
}

// shutdown closes the connections that net/http would wait for although nothing
// came over them: it gives them five seconds, all of Lambda's shutdown is two.
func (c *conns) shutdown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for conn := range c.silent {
		_ = conn.Close()
	}
	for _, conn := range c.refused {
		_ = conn.Close()
	}
}

// limited is a listener that refuses connections beyond the limit, and opens the
// lane on the others.
type limited struct {
	net.Listener
	conns   *conns
	handler *handler
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.conns.admits() {
			return &laneConn{Conn: conn, h: l.handler}, nil
		}
		l.conns.refuse(conn)
	}
}

func (c *conns) admits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open < c.max
}

const (
	// maxRefused bounds how many refused connections wait for their request, in
	// descriptors and goroutines. For one more the oldest gives way.
	maxRefused = 64

	// refusalTime is how long they wait at most.
	refusalTime = time.Second
)

const refusal = "HTTP/1.1 429 Too Many Requests\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n" +
	"Content-Length: 25\r\n" +
	"Connection: close\r\n" +
	"\r\n" +
	"Connection limit exceeded"

// refuse answers 429 and closes. It waits a moment for the request, because some
// clients take an answer before they asked for a protocol error, and for the
// client to have read the answer, because closing a socket with unread bytes
// takes back what was written.
func (c *conns) refuse(conn net.Conn) {
	if !c.addRefused(conn) {
		_ = conn.Close()
		return
	}
	go func() {
		defer c.dropRefused(conn)
		buf := make([]byte, 4<<10)
		_, _ = conn.Read(buf)
		_ = conn.SetWriteDeadline(time.Now().Add(refusalTime / 10))
		if _, err := io.WriteString(conn, refusal); err != nil {
			return
		}
		half, ok := conn.(interface{ CloseWrite() error })
		if !ok || half.CloseWrite() != nil {
			return
		}
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
		}
	}()
}

// addRefused ends the wait of the oldest by its deadline, if there are too many.
func (c *conns) addRefused(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if len(c.refused) == maxRefused {
		_ = c.refused[0].SetReadDeadline(time.Unix(1, 0))
		c.refused = slices.Delete(c.refused, 0, 1)
	}
	_ = conn.SetReadDeadline(time.Now().Add(refusalTime))
	c.refused = append(c.refused, conn)
	c.refusals.Add(1) // under the lock, and so before the Wait that follows shutdown
	return true
}

func (c *conns) dropRefused(conn net.Conn) {
	_ = conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.refused, conn); i >= 0 {
		c.refused = slices.Delete(c.refused, i, i+1)
	}
	c.refusals.Done()
}
