package localhttp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// defaultMaxConns leaves some of Lambda's 1,024 descriptors for everything else.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const defaultMaxConns = 800

const readHeaderTimeout = 10 * time.Second

// Server serves the endpoint on a listener. Make one with [NewServer].
type Server struct {
	http    http.Server
	handler *handler
	conns   conns
}

// NewServer returns a server that does nothing until [Server.Serve].
func NewServer(o Options) *Server {
	s := &Server{handler: newHandler(o)}
	s.conns.max = o.MaxConns
	if s.conns.max == 0 {
		s.conns.max = defaultMaxConns
	}
	s.http = http.Server{
		Handler:   s.handler,
		ConnState: s.conns.observe,

		// There is no IdleTimeout, nor the ReadTimeout that would stand in for it:
		// in a sandbox that freezes, an idle deadline fires at the thaw, just when
		// the function sends its next request on that connection. A WriteTimeout
		// would cut off a read that waits for Secrets Manager.
		ReadHeaderTimeout: readHeaderTimeout,

		// A secret id of 10 kB gets its 400, not a 431.
		MaxHeaderBytes: 64 << 10,

		// Else net/http answers "OPTIONS *" itself, without any of our checks.
		DisableGeneralOptionsHandler: true,
	}
	if o.Log != nil {
		s.http.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	} else {
		s.http.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelWarn)
	}
	return s
}

// Serve answers what comes to l until [Server.Shutdown], and returns nil then.
// It closes l. A TCP listener must be on a loopback address: the token is no
// match for a network.
func (s *Server) Serve(l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		_ = l.Close()
		return fmt.Errorf("serve the endpoint on %s: not a loopback address", a)
	}
	err := s.http.Serve(&limited{l, &s.conns, s.handler})
	if err == http.ErrServerClosed {
		return nil
	}
	return fmt.Errorf("serve the endpoint: %w", err)
}

// Shutdown accepts no more connections, closes those that are idle, and waits for
// the requests under way. When ctx ends first it cuts them off and returns ctx's
// error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.conns.shutdown()
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	s.conns.refusals.Wait()
	return err
}
