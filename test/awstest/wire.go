package awstest

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// Wire is a TCP forwarder whose connections can go silent. A Lambda function
// that thaws after minutes finds its pooled connections like that: the peer has
// long forgotten them, and nobody ever said so.
type Wire struct {
	target   string
	listener net.Listener

	mu       sync.Mutex
	links    map[*link]bool
	accepted int
	closed   bool
}

// link is one forwarded connection.
type link struct {
	client, server net.Conn
	dead           atomic.Bool // swallow everything, answer nothing, close nothing
}

// NewWire starts a forwarder on a port of 127.0.0.1 to target, which is an http
// URL or host:port. The caller must Close it.
func NewWire(target string) *Wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic("awstest: " + err.Error())
	}
	_, rest, isURL := strings.Cut(target, "://")
	if isURL {
		target, _, _ = strings.Cut(rest, "/")
	}
	w := &Wire{target: target, listener: l, links: make(map[*link]bool)}
	go w.accept()
	return w
}

// Addr returns host:port of the near end.
func (w *Wire) Addr() string { return w.listener.Addr().String() }

// URL returns the near end as an http URL.
func (w *Wire) URL() string { return "http://" + w.Addr() }

// Accepted returns how many connections were made so far.
func (w *Wire) Accepted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.accepted
}

// Blackhole makes the connections there are now go silent: what is sent is
// swallowed, nothing comes back and nothing is closed. New connections work.
func (w *Wire) Blackhole() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		l.dead.Store(true)
	}
}

// Cut resets the connections there are now. New connections work.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		l.close()
		delete(w.links, l)
	}
}

// Close stops the forwarder and cuts all connections.
func (w *Wire) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	_ = w.listener.Close()
	w.Cut()
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.add(&link{client: client, server: server})
	}
}

func (w *Wire) add(l *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		l.close()
		return
	}
	w.accepted++
	w.links[l] = true
	go w.pipe(l, l.client, l.server)
	go w.pipe(l, l.server, l.client)
}

// pipe copies one direction until it ends; a dead link is kept open then.
func (w *Wire) pipe(l *link, from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !l.dead.Load() {
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err == nil {
			continue
		}
		if l.dead.Load() && (from == l.server || err != io.EOF) {
			return // the far end is gone: the near end must not notice
		}
		l.close()
		w.mu.Lock()
		delete(w.links, l)
		w.mu.Unlock()
		return
	}
}

func (l *link) close() {
	if t, isTCP := l.client.(*net.TCPConn); isTCP {
		_ = t.SetLinger(0)
	}
	_ = l.client.Close()
	_ = l.server.Close()
}
