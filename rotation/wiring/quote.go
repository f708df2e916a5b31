package wiring

import (
	"regexp"
	"strings"
)

var bare = regexp.MustCompile(`^[A-Za-z0-9_/.:@%+=,-]+$`)

// Quote makes one word of s for a POSIX shell.
func Quote(s string) string {
	if bare.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
