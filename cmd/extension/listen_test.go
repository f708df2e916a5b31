package main

import (
	"net"
	"strings"
	"testing"
)

// Whoever resolves localhost to [::1] would send its token to the other process.
func TestPortThatIsTakenOnIPv6(t *testing.T) {
	other, err := net.Listen("tcp6", "[::1]:0")
	if err != nil { // there is no IPv6, and nothing to fear
		listeners, err := (&agent{}).listen()
		if err != nil || len(listeners) != 1 {
			t.Fatalf("%d listeners, %v; want that of 127.0.0.1", len(listeners), err)
		}
		_ = listeners[0].Close()
		return
	}
	defer other.Close()
	port := other.Addr().(*net.TCPAddr).Port
	a := &agent{cfg: config{Port: port}}
	listeners, err := a.listen()
	for _, l := range listeners {
		l.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "is taken by another process: set PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") {
		t.Errorf("%d listeners, error %v; want it to say that the port is taken", len(listeners), err)
	}
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatalf("127.0.0.1 is held after the error: %v", err)
	}
	l.Close()
}
