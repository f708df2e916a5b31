package awssm

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"

	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// pipes is a network inside the process, for tests in synctest bubbles: a
// listener, and the dialer that reaches it.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}

	mu    sync.Mutex
	conns []*pipeConn
}

// serve runs h behind pipes until the test ends.
func serve(t *testing.T, h http.Handler) *pipes {
	p := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: h}
	go s.Serve(p)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.conns {
			c.Conn.Close()
		}
		s.Close()
	})
	return p
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.accept <- far:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c := &pipeConn{Conn: near, dead: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
	return c, nil
}

func (p *pipes) dials() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// blackhole makes the connections there are go silent.
func (p *pipes) blackhole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		close(c.dead)
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

type pipeConn struct {
	net.Conn
	dead chan struct{}
}

func (c *pipeConn) Write(b []byte) (int, error) {
	select {
	case <-c.dead:
		return len(b), nil
	default:
		return c.Conn.Write(b)
	}
}

var static = sdkcredentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, awstest.SessionToken)

// connect returns a client of a fake that p serves.
func connect(t *testing.T, p *pipes, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Region: awstest.Region, Endpoint: "http://secretsmanager.test", Credentials: static}
	for _, f := range change {
		f(&o)
	}
	c, err := newClient(o, p.dial)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clientOf returns a client of a fake that listens.
func clientOf(t *testing.T, url string, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{Region: awstest.Region, Endpoint: url, Credentials: static}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
