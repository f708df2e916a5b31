// Package process runs programs for tests: it finds them ports, collects what they
// print, starts the layer's binary as the local agent, and tells go test of the
// sources that they are built of.
//
//	a, err := process.StartAgent(t, binary, "SECRET=prod/db")
//	resp, err := http.Get(a.URL + "/ping")
package process

import (
	"bytes"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Output collects what processes print. The zero value is empty and ready for use
// by several goroutines.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String is all that was written so far and not taken.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Take returns what String does and forgets it.
func (o *Output) Take() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.b.Reset()
	return o.b.String()
}

// The ports that [FreePorts] chooses from. Linux takes those for outgoing connections
// from 32768 on (ip_local_port_range), and every test makes some all the time.
const firstPort, lastPort = 20_000, 32_000

// FreePorts returns n different ports of 127.0.0.1 that nobody listens on. Somebody
// may take one before it is used, which is not likely; the test fails then.
func FreePorts(n int) (ports []string, err error) {
	for range 100 * n {
		if len(ports) == n {
			break
		}
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort))
		l, busy := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port))
		if busy != nil {
			err = busy
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	if len(ports) < n {
		return nil, err
	}
	return ports, nil
}

// FreePort is one of [FreePorts].
func FreePort() (string, error) {
	ports, err := FreePorts(1)
	if err != nil {
		return "", err
	}
	return ports[0], nil
}

// Ports is [FreePorts] for the goroutine of a test.
func Ports(t testing.TB, n int) []string {
	t.Helper()
	ports, err := FreePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return ports
}

// Port is one of [Ports].
func Port(t testing.TB) string {
	t.Helper()
	return Ports(t, 1)[0]
}
