package event

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// The scanner finds members of objects without reading what lies between them:
// encoding/json looks at every byte three times and copies most of them. It
// neither recurses nor allocates, so an event can be as large and as deep as it
// likes, and it takes some invalid JSON for valid, which Match makes up for.

// members yields the names of an object, as they are quoted, and their values. A
// value that is no object has none.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		rest, ok := enter(object, '{')
		for ok {
			var key, val []byte
			if key, rest, ok = value(rest); !ok {
				return
			}
			if rest, ok = enter(rest, ':'); !ok {
				return
			}
			if val, rest, ok = value(rest); !ok || !yield(key, val) {
				return
			}
			rest, ok = enter(rest, ',')
		}
	}
}

// elements yields the elements of an array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest, ok := enter(array, '[')
		for ok {
			var val []byte
			if val, rest, ok = value(rest); !ok || !yield(val) {
				return
			}
			rest, ok = enter(rest, ',')
		}
	}
}

// member returns the value that an object has under a name, nil if it has none.
// Of several the last one counts, as it does for encoding/json.
func member(object []byte, name string) (found []byte) {
	for key, value := range members(object) {
		if is(key, name) {
			found = value
		}
	}
	return found
}

// enter steps over one character of structure and the white space around it.
func enter(b []byte, c byte) (rest []byte, ok bool) {
	b = skipSpace(b)
	if len(b) == 0 || b[0] != c {
		return nil, false
	}
	return skipSpace(b[1:]), true
}

func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// value splits the value that b begins with from what follows.
func value(b []byte) (val, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	end := -1
	switch b[0] {
	case '"':
		end = stringEnd(b)
	case '{', '[':
		end = containerEnd(b)
	default:
		if end = bytes.IndexAny(b, ",]} \n\r\t"); end < 0 {
			end = len(b)
		}
	}
	if end <= 0 {
		return nil, nil, false
	}
	return b[:end], b[end:], true
}

// stringEnd returns the index after the closing quote of the string that b
// begins with, -1 if there is none.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		next := bytes.IndexByte(b[i:], '"')
		if next < 0 {
			return -1
		}
		i += next
		escapes := 0
		for b[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
}

// containerEnd returns the index after the object or array that b begins with, -1
// if it does not end.
func containerEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		if !structural[b[i]] {
			continue
		}
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// structural are the bytes that decide where an object or array ends.
var structural = [256]bool{'"': true, '{': true, '[': true, '}': true, ']': true}

// is reports whether value is the string s, however it is escaped.
func is(value []byte, s string) bool {
	if len(value) < 2 || value[0] != '"' {
		return false
	}
	raw := value[1 : len(value)-1]
	if string(raw) == s {
		return bytes.IndexByte(raw, '\\') < 0
	}
	// The longest escape takes six characters for a byte.
	if len(raw) > 6*len(s) || bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	t, ok := text(value)
	return ok && t == s
}

// text returns the string that value is.
func text(value []byte) (s string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	raw := value[1 : len(value)-1]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw), true
	}
	return s, json.Unmarshal(value, &s) == nil
}

// contains reports whether an array has the string s.
func contains(array []byte, s string) bool {
	for value := range elements(array) {
		if is(value, s) {
			return true
		}
	}
	return false
}

// absent reports whether a member is not there or null.
func absent(value []byte) bool {
	return value == nil || string(value) == "null"
}
