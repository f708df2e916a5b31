// Package event recognises rotation events.
//
// [Matcher.Match] tells which secrets have a new current version, whatever way
// the news came: Secrets Manager's own event, a custom one, or CloudTrail's,
// straight from EventBridge or through SNS, SQS or both. Every other payload is
// the handler's, and is turned down at the speed of memory, so every event of a
// function may pass through it:
//
//	var matcher event.Matcher
//	if rotations := matcher.Match(payload); rotations != nil {
//		// renew these secrets
//	}
package event

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"
)

// The custom event where a [Matcher] does not say otherwise.
const (
	DefaultSource     = "secretsmanager"
	DefaultDetailType = "Secret Rotation"
	DefaultDetailKey  = "secretId"

	// VersionKey is where the detail of a custom event may name the new version.
	VersionKey = "versionId"
)

// Matcher recognises rotation events. Its fields describe the custom event
//
//	{"source": Source, "detail-type": DetailType, "detail": {DetailKey: "name or ARN"}}
//
// which may name the new version in detail.versionId. An empty field has its
// default. The events of AWS are recognised whatever the fields say.
type Matcher struct {
	Source, DetailType, DetailKey string
}

// Rotation is one secret whose current version changed, as an event told it.
type Rotation struct {
	SecretID  string    // the ARN where the event has one, else as the event spells it
	Name      string    // another id of the same secret in the event; "" if there is none
	VersionID string    // of the new current version; "" when the event names none
	Time      time.Time // of the event, in whole seconds; zero when it has none
}

// Match returns the rotations that payload tells of, in order and without
// duplicates (the same id and version). It returns nil for any other payload,
// invalid JSON included.
//
// A batch of SNS or SQS records is a rotation event only if every record is one.
// Whoever matches it answers in place of the handler, and a message that the
// handler never saw would be lost; a rotation that is only seen by the handler is
// made up for by the TTL.
func (m Matcher) Match(payload []byte) []Rotation {
	m = Matcher{
		Source:     cmp.Or(m.Source, DefaultSource),
		DetailType: cmp.Or(m.DetailType, DefaultDetailType),
		DetailKey:  cmp.Or(m.DetailKey, DefaultDetailKey),
	}
	if !m.mayMatch(payload) {
		return nil
	}
	var records []byte
	for key, value := range members(payload) {
		if is(key, "Records") {
			records = value
		}
	}
	var rotations []Rotation
	if records != nil {
		rotations = m.batch(records)
	} else if r, ok := m.one(payload); ok {
		rotations = []Rotation{r}
	}
	// Only now: the scanner looks at what it needs and skips the rest unread.
	if rotations == nil || !json.Valid(payload) {
		return nil
	}
	return rotations
}

// batch returns the rotations of a list of records, if all of them are.
func (m Matcher) batch(records []byte) []Rotation {
	type version struct{ secretID, versionID string }
	seen := map[version]bool{}
	var rotations []Rotation
	for record := range elements(records) {
		r, ok := m.record(record)
		if !ok {
			return nil
		}
		if v := (version{r.SecretID, r.VersionID}); !seen[v] {
			seen[v] = true
			rotations = append(rotations, r)
		}
	}
	return rotations
}

// record looks into one record of SNS (Sns.Message) or SQS (body). What SQS got
// from SNS is the event itself with raw message delivery, and else a notification
// that has it as Message.
func (m Matcher) record(record []byte) (Rotation, bool) {
	message, ok := m.inner(member(member(record, "Sns"), "Message"))
	if !ok {
		if message, ok = m.inner(member(record, "body")); !ok {
			return Rotation{}, false
		}
		if notified, ok := m.inner(member(message, "Message")); ok {
			if !json.Valid(message) {
				return Rotation{}, false
			}
			message = notified
		}
	}
	r, ok := m.one(message)
	return r, ok && json.Valid(message)
}

// inner returns the JSON that a string holds, unless it is surely no rotation's.
func (m Matcher) inner(str []byte) ([]byte, bool) {
	if !m.mayMatch(str) {
		return nil, false
	}
	s, ok := text(str)
	return []byte(s), ok
}

// mayMatch reports whether b has the words without which no event is a rotation.
// It is the whole cost of ordinary events, so it looks at bytes and not at JSON.
//
// Letters and the hyphen stay what they are however deep the JSON is wrapped in
// strings, unless a writer spells them \u00xx: then nothing can be said.
func (m Matcher) mayMatch(b []byte) bool {
	hasSource := func() bool {
		return bytes.Contains(b, []byte("secretsmanager")) || !plain(m.Source) || bytes.Contains(b, []byte(m.Source))
	}
	return hasDetailType(b) && hasSource() || escapesASCII(b)
}

// hasDetailType looks for the name that every event of EventBridge has a member of.
// It looks for the hyphen, which is rarer than letters: bytes.Contains is ten times
// slower where the first letter is everywhere.
func hasDetailType(b []byte) bool {
	const before, after = "detail", "type"
	for i := 0; ; i++ {
		next := bytes.IndexByte(b[i:], '-')
		if next < 0 {
			return false
		}
		i += next
		if i >= len(before) && string(b[i-len(before):i]) == before && bytes.HasPrefix(b[i+1:], []byte(after)) {
			return true
		}
	}
}

// plain reports whether JSON writers leave s alone, or escape it as \u00xx. They
// have other ways for quotes, backslashes, slashes and what is not ASCII.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '/' {
			return false
		}
	}
	return true
}

// escapesASCII reports whether b has a \u escape of a printable ASCII character.
func escapesASCII(b []byte) bool {
	prefix := []byte(`\u00`)
	for {
		i := bytes.Index(b, prefix)
		if i < 0 || i+len(prefix) == len(b) {
			return false
		}
		b = b[i+len(prefix):]
		if '2' <= b[0] && b[0] <= '7' {
			return true
		}
	}
}
