//go:build linux

package faults

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// host is where the extension finds Secrets Manager; see patches for its end.
const host = "secretsmanager.onion"

// What the file of hosts may say.
const (
	up      = "127.0.0.1"
	nobody  = "127.0.0.2" // an address of this machine on which nothing listens
	unknown = ""
)

// world is what surrounds one sandbox and does not change by itself.
type world struct {
	t     testing.TB
	state *os.File // how far the wall clock is ahead, in seconds; 1 for a full disk; what the monotonic clock is ahead, in ns
	hosts string

	mu     sync.Mutex
	around time.Duration // what the clock of Lambda and Secrets Manager is ahead
	wall   time.Duration // the sandbox's own
	passed time.Duration // its monotonic one
}

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := &world{t: t, hosts: filepath.Join(dir, "hosts")}
	var err error
	if w.state, err = os.Create(filepath.Join(dir, "world")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.state.Close() })
	for place := range int64(3) {
		w.set(place, 0)
	}
	w.resolve(up)
	return w
}

func (w *world) env() []string {
	return []string{worldVariable + "=" + w.state.Name(), hostsVariable + "=" + w.hosts}
}

func (w *world) set(place int64, value int64) {
	w.t.Helper()
	if _, err := w.state.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(value)), 8*place); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets time pass for everybody.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.around, w.wall, w.passed = w.around+d, w.wall+d, w.passed+d
	w.tell()
}

// sleep lets time pass for everybody but the sandbox, which finds its wall clock put
// right when it wakes up.
func (w *world) sleep(d time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.around, w.wall = w.around+d, w.wall+d
	w.tell()
}

// step puts the sandbox's wall clock forward, or back, and no other.
func (w *world) step(d time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall += d
	w.tell()
}

// tell moves both clocks; mu is held.
func (w *world) tell() {
	w.t.Helper()
	w.set(0, int64(w.wall/time.Second))
	w.set(2, int64(w.passed))
}

// ahead is what the right time is ahead of this machine's.
func (w *world) ahead() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.around
}

// now is the right time.
func (w *world) now() time.Time { return time.Now().Add(w.ahead()) }

func (w *world) full(is bool) {
	w.t.Helper()
	value := int64(0)
	if is {
		value = 1
	}
	w.set(1, value)
}

// resolve says what the name of Secrets Manager means from now on.
func (w *world) resolve(address string) {
	w.t.Helper()
	line := "# nobody is known\n"
	if address != unknown {
		line = net.ParseIP(address).String() + " " + host + "\n"
	}
	if err := os.WriteFile(w.hosts, []byte(line), 0o644); err != nil {
		w.t.Fatal(err)
	}
}
