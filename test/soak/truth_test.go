//go:build linux

package soak

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// version is one value of a secret. Its number counts the rotations before it.
type version struct {
	secret string
	number int
}

// value is what a version holds: enough to tell it from every other.
func (v version) value() string {
	return fmt.Sprintf(`{"secret":%q,"n":%d,"password":%q}`, v.secret, v.number, v.password())
}

func (v version) password() string {
	return fmt.Sprintf("made-up-%s-%d-%s", v.secret, v.number, strings.Repeat("p", 100))
}

// truth is what is known of all secrets, and of what answers have shown of them.
type truth struct {
	mu       sync.Mutex
	versions map[string]version // by version id
	newest   map[string]version
	ids      map[string][]string  // version ids of a secret, oldest first
	shown    map[string]int       // the newest number that an answer had
	broken   map[string]time.Time // until when something was or is wrong with a secret
	wrong    []string
	wrongs   int
}

func newTruth() *truth {
	return &truth{
		versions: map[string]version{}, newest: map[string]version{}, ids: map[string][]string{},
		shown: map[string]int{}, broken: map[string]time.Time{},
	}
}

// put makes a version current with put, and knows of it as soon as anybody can
// read it.
func (t *truth) put(secret string, put func(name, value string) (arn, versionID string)) (v version, arn, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v = version{secret, len(t.ids[secret])}
	arn, id = put(secret, v.value())
	t.versions[id], t.newest[secret] = v, v
	t.ids[secret] = append(t.ids[secret], id)
	return v, arn, id
}

// known is what may be read of a secret from now on.
type known struct {
	shown  int // no current value may be older
	newest int // nor a value that is fetched for the asking
	at     time.Time
}

func (t *truth) now(secret string) known {
	t.mu.Lock()
	defer t.mu.Unlock()
	return known{t.shown[secret], t.newest[secret].number, time.Now()}
}

// saw notes that an answer has shown a version as the current one.
func (t *truth) saw(v version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shown[v.secret] = max(t.shown[v.secret], v.number)
}

// version returns the one with that id, if it is the secret's.
func (t *truth) version(secret, id string) (version, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok := t.versions[id]
	switch {
	case !ok:
		return v, fmt.Errorf("the version %q is none that there was", id)
	case v.secret != secret:
		return v, fmt.Errorf("the version %q is one of %s", id, v.secret)
	}
	return v, nil
}

// anyID returns the id of some version; pick draws from that many.
func (t *truth) anyID(secret string, pick func(int) int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := t.ids[secret]
	return ids[pick(len(ids))]
}

// breaks says that something is wrong with the secret until then.
func (t *truth) breaks(secret string, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken[secret] = until
}

// mayFail reports whether something was wrong with the secret after since, or so
// shortly before that a read may get an error of that type.
func (t *truth) mayFail(secret, errorType string, since time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	since = since.Add(-grace)
	if errorType == cache.TypeTimeout {
		since = since.Add(-fetchTimeout)
	}
	return t.broken[secret].After(since)
}

// complain keeps the first things that are wrong, and counts all.
func (t *truth) complain(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wrongs++; len(t.wrong) < 20 {
		t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	}
}
