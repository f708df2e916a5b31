package pattern

import (
	"fmt"
	"strings"
)

// literal matches the value itself.
func literal(want value) matcher {
	switch {
	case want.isString:
		if ip, is := address(want.text); is {
			return func(v value) bool { return v.isString && sameAddress(v.text, ip) }
		}
		return exactly(want.text)
	default:
		return equal(want)
	}
}

// equal matches numbers, true, false and null.
func equal(want value) matcher {
	return func(v value) bool {
		if want.comparable && v.comparable {
			return want.number == v.number
		}
		return !v.isString && v.text == want.text
	}
}

func exactly(want string) matcher {
	return func(v value) bool { return v.isString && v.text == want }
}

func prefix(want string) matcher {
	return func(v value) bool { return v.isString && strings.HasPrefix(v.text, want) }
}

func suffix(want string) matcher {
	return func(v value) bool { return v.isString && strings.HasSuffix(v.text, want) }
}

// letter is what a character of a pattern matches when case is ignored: its lower
// and its upper case, and not what else has the same lower case, so that a pattern
// with the Kelvin sign matches k but not the other way round.
type letter [2]string

func letters(s string) []letter {
	var l []letter
	for _, r := range s {
		l = append(l, letter{strings.ToLower(string(r)), strings.ToUpper(string(r))})
	}
	return l
}

// foldPrefix takes the letters from the beginning of s.
func foldPrefix(s string, l []letter) (rest string, ok bool) {
	for _, c := range l {
		if rest, ok = strings.CutPrefix(s, c[0]); !ok {
			rest, ok = strings.CutPrefix(s, c[1])
		}
		if !ok {
			return "", false
		}
		s = rest
	}
	return s, true
}

func foldedEqual(want string) matcher {
	l := letters(want)
	return func(v value) bool {
		rest, ok := foldPrefix(v.text, l)
		return v.isString && ok && rest == ""
	}
}

func foldedPrefix(want string) matcher {
	l := letters(want)
	return func(v value) bool {
		_, ok := foldPrefix(v.text, l)
		return v.isString && ok
	}
}

func foldedSuffix(want string) matcher {
	l := letters(want)
	return func(v value) bool {
		s, ok := v.text, v.isString
		for i := len(l) - 1; i >= 0 && ok; i-- {
			var rest string
			if rest, ok = strings.CutSuffix(s, l[i][0]); !ok {
				rest, ok = strings.CutSuffix(s, l[i][1])
			}
			s = rest
		}
		return ok
	}
}

// wildcard matches * to any characters, none too. \* and \\ are these characters
// themselves, no other escape exists. What is wrong is empty if nothing is.
func wildcard(want string) (m matcher, wrong string) {
	var parts []string // between the asterisks
	var part []byte
	for i := 0; i < len(want); i++ {
		switch want[i] {
		case '*':
			if strings.HasPrefix(want[i+1:], "*") {
				return nil, fmt.Sprintf("Consecutive wildcard characters at pos %d", i)
			}
			parts = append(parts, string(part))
			part = nil
			continue
		case '\\':
			if i++; i == len(want) || want[i] != '*' && want[i] != '\\' {
				return nil, fmt.Sprintf("Invalid escape character at pos %d", i-1)
			}
		}
		part = append(part, want[i])
	}
	parts = append(parts, string(part))
	return func(v value) bool { return v.isString && fits(v.text, parts) }, ""
}

// fits reports whether s is the parts with anything between them.
func fits(s string, parts []string) bool {
	last := len(parts) - 1
	s, ok := strings.CutPrefix(s, parts[0])
	if last == 0 || !ok {
		return ok && s == ""
	}
	for _, part := range parts[1:last] { // each as early as it can be: that leaves most
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, parts[last])
}
