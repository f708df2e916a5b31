package pattern_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

// Any two texts: an error of Parse that says where, or a verdict on every JSON
// object, the same one however the two are written. A pattern of one of the event's
// own values matches.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{
		`{"source":["aws.secretsmanager"],"detail":{"name":[{"prefix":"prod/"},{"suffix":{"equals-ignore-case":"é"}}]}}`,
		`{"$or":[{"a":[{"numeric":[">",0,"<=",5e1]}]},{"b":[{"anything-but":{"wildcard":["*a\\*"]}}]}]}`,
		`{"a":[{"cidr":"2001:db8::/32"},{"exists":false},{"anything-but":[1,2]},"10.0.0.1",null,1e400]}`,
		`{"a":{"b":[1],"c":[{"wildcard":"a*b*c"}]}}`, `{"$or":["a"]}`, `{`,
	} {
		f.Add(p, labelUpdated)
		f.Add(p, `{"a":[{"b":1},{"c":["abc","10.0.0.1",2]}],"a.b":-0}`)
	}
	f.Fuzz(func(t *testing.T, text, event string) {
		p, err := pattern.Parse([]byte(text))
		if err != nil {
			if e, is := errors.AsType[*pattern.Error](err); !is || e.Line < 1 || e.Column < 1 || e.Reason == "" {
				t.Fatalf("Parse: got %#v", err)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatal("Parse accepted what is not JSON")
		}
		got, err := p.Match([]byte(event))
		if err != nil && got {
			t.Fatalf("Match: got a match and %v", err)
		}
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(event))
		d.UseNumber()
		if !json.Valid([]byte(event)) || d.Decode(&object) != nil || object == nil {
			if err == nil {
				t.Fatalf("Match: no error for %q", event)
			}
			return
		}
		if err != nil {
			return // too deep, or a number too large
		}
		if respelled, err := pattern.Parse(indented(t, text)); err != nil {
			t.Errorf("indented: %v", err)
		} else if again, err := respelled.Match(indented(t, event)); err != nil || again != got {
			t.Errorf("Match: got %v, and indented %v, %v", got, again, err)
		}
		checkOwnPattern(t, object, event)
	})
}

func checkOwnPattern(t *testing.T, object map[string]any, event string) {
	t.Helper()
	own, ok := ownPattern(object)
	if !ok || !utf8.ValidString(event) {
		return
	}
	b, err := json.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pattern.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	if matches, err := p.Match([]byte(event)); !matches || err != nil {
		t.Errorf("%s does not match, %v", b, err)
	}
}

func indented(t *testing.T, text string) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "\r", " \t"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ownPattern wants the first text, truth or null that an event has.
func ownPattern(object map[string]any) (wanted map[string]any, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if strings.HasPrefix(name, "$") || name == "" || strings.Contains(name, ".") {
			continue // not a name, or a path
		}
		switch v := object[name].(type) {
		case string, bool, nil:
			return map[string]any{name: []any{v}}, true
		case map[string]any:
			if inner, ok := ownPattern(v); ok {
				return map[string]any{name: inner}, true
			}
		}
	}
	return nil, false
}
