package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Current is the staging label of the version that readers get when they name
// neither a version nor a stage.
const Current = "AWSCURRENT"

// Query names one version of one secret. Without VersionID and Stage it means
// the version labelled AWSCURRENT.
type Query struct {
	ID        string // name, ARN or partial ARN
	VersionID string
	Stage     string
}

// Secret is one version of a secret as Secrets Manager returned it. It is
// immutable: a fetch makes a new one.
type Secret struct {
	ARN       string
	Name      string
	VersionID string
	Stages    []string
	Created   time.Time
	Value     Value

	rendering struct {
		once sync.Once
		b    []byte
	}
	object struct {
		once sync.Once
		m    map[string]string
		err  error
	}
}

// Format prints "[secret]" with every verb: what is made of the value is as secret.
func (s *Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// Rendering returns the bytes that render makes of s. They are made on the first
// call and shared by all later ones, which must pass the same render: the answer
// to a hit is then a copy of bytes and no work.
func (s *Secret) Rendering(render func(*Secret) []byte) []byte {
	s.rendering.once.Do(func() { s.rendering.b = render(s) })
	return s.rendering.b
}

// ErrNotObject says that a value is not a JSON object.
var ErrNotObject = errors.New("the value is not a JSON object")

// ErrBinary says that a value is binary where text was needed.
var ErrBinary = errors.New("the value is binary")

// Object returns the members of a value that is a JSON object, spelled as
// environment variables are: strings without quotes, numbers and booleans
// exactly as the JSON has them, null as the empty string, anything nested as
// compact JSON. The map is shared and must not be changed. The error is
// [ErrNotObject] or [ErrBinary].
func (s *Secret) Object() (map[string]string, error) {
	s.object.once.Do(func() { s.object.m, s.object.err = s.Value.object() })
	return s.object.m, s.object.err
}

// Value is the content of a secret: text or bytes. It prints as "[secret]" with
// every verb and refuses to be marshalled; only [Value.Reveal] gives it away.
type Value struct {
	data   string
	binary bool
}

// Text makes the value of a SecretString.
func Text(s string) Value { return Value{data: s} }

// Binary makes the value of a SecretBinary.
func Binary(b []byte) Value { return Value{data: string(b), binary: true} }

// Reveal returns the content.
func (v Value) Reveal() string { return v.data }

// IsBinary reports whether the content came as SecretBinary.
func (v Value) IsBinary() bool { return v.binary }

const redacted = "[secret]"

func (v Value) String() string             { return redacted }
func (v Value) GoString() string           { return redacted }
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

var errMarshal = errors.New("a secret value is not marshalled")

// LogValue keeps log/slog from printing the content.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (v Value) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText refuses.
func (v Value) MarshalText() ([]byte, error) { return nil, errMarshal }

// MarshalBinary refuses, and with it encoding/gob.
func (v Value) MarshalBinary() ([]byte, error) { return nil, errMarshal }

func (v Value) object() (map[string]string, error) {
	if v.binary {
		return nil, ErrBinary
	}
	var members map[string]json.RawMessage
	// The decoder's error quotes a part of the value, so it must not be wrapped.
	if json.Unmarshal([]byte(v.data), &members) != nil || members == nil {
		return nil, ErrNotObject
	}
	m := make(map[string]string, len(members))
	for name, raw := range members {
		m[name] = spell(raw)
	}
	return m, nil
}

// spell writes a valid JSON value the way an environment variable has it.
func spell(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		var s string
		_ = json.Unmarshal(raw, &s)
		return s
	case 'n':
		return ""
	case '{', '[':
		var b bytes.Buffer
		_ = json.Compact(&b, raw)
		return b.String()
	default:
		return string(raw)
	}
}
