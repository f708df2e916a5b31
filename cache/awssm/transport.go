package awssm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// idleTimeout keeps connections from before a freeze from being used after it.
// Their peer has gone away without the sandbox hearing of it, so a request on
// one hangs. No timer runs in a frozen sandbox, and the monotonic clock may stand
// still; but when net/http takes a connection from its pool it compares the time
// since it was last used by the wall clock alone (Transport.queueForIdleConn),
// and drops one that is older than this.
const idleTimeout = 4 * time.Second

const (
	dialTimeout      = 2 * time.Second // leaves time for a second attempt in the default 3 s of a fetch
	handshakeTimeout = 3 * time.Second
	defaultMaxConns  = 8
)

// newTransport makes the connection pool of one client. There is no time-out of
// a whole call but the one of its context.
func newTransport(o Options, dial dialFunc) (*http.Transport, error) {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Connections are short-lived (idleTimeout): resuming a session saves most
		// of a handshake, which is the dear part on a small function.
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if o.CABundle != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(o.CABundle) {
			return nil, errors.New("the file that AWS_CA_BUNDLE names holds no PEM certificate")
		}
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	// HTTP/1.1 only: with HTTP/2 one dead connection would be everybody's.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	maxConns := cmp.Or(o.MaxConns, defaultMaxConns)
	return &http.Transport{
		Proxy:                  o.Proxy,
		OnProxyConnectResponse: refusedByProxy,
		DialContext:            dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    handshakeTimeout,
		Protocols:              protocols,
		DisableCompression:     true, // Secrets Manager does not compress
		MaxConnsPerHost:        maxConns,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        idleTimeout,
	}, nil
}

// proxyError is the status with which a proxy refused to connect us.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused to connect, status %d %s", int(e), http.StatusText(int(e)))
}

// refusedByProxy keeps the status, of which net/http would leave only the text.
func refusedByProxy(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return proxyError(resp.StatusCode)
}

// maxAnswer is more than the largest answer: 64 KiB of which every byte is
// escaped with six.
const maxAnswer = 1 << 20

// httpClient is what the SDK sends its requests with.
type httpClient struct{ http.Client }

// Do keeps an answer without end out of memory, and the connection in the pool:
// the SDK closes the body of its request when Do returns, and where net/http has
// not yet looked for the end of it by then, it gives the connection up. That is
// so for one call in twenty, each of which costs the next one a handshake. With
// GetBody net/http also replaces a pooled connection that turns out to be closed.
func (c *httpClient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.WithContext(r.Context()) // a copy
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
		r.Body, _ = r.GetBody()
	}
	resp, err := c.Client.Do(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, answerBody{resp.Body}, maxAnswer)
	}
	return resp, err
}

// answerBody marks errors of the connection, so that they can be told from those
// of the content.
type answerBody struct{ io.ReadCloser }

func (b answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}

type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// noRedirect makes a redirect the answer: Secrets Manager sends none, and whoever
// does must not be told by us who asks for which secret elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
