package event

import (
	"bytes"
	"cmp"
	"strings"
)

// mayMatch is the cheap look that ordinary events of megabytes do not get past: a
// rotation event has certain words in it however it is wrapped, indented and
// escaped.
func (m Matcher) mayMatch(payload []byte) bool {
	return contains(payload, "aws.secretsmanager") || contains(payload, "secretsmanager.amazonaws.com") ||
		contains(payload, plainPart(cmp.Or(m.Source, DefaultSource))) &&
			contains(payload, plainPart(cmp.Or(m.DetailType, DefaultDetailType)))
}

func contains(payload []byte, word string) bool { return bytes.Contains(payload, []byte(word)) }

// plainPart returns the longest part of s that every JSON writer writes as it is.
// Others may escape the rest: & and <, /, letters outside ASCII.
func plainPart(s string) string {
	longest := ""
	for part := range strings.FieldsFuncSeq(s, mayBeEscaped) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

func mayBeEscaped(r rune) bool {
	plain := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" ._-:", r)
	return !plain
}
