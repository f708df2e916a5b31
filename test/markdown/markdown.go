// Package markdown puts what was measured into the pages of docs.
package markdown

import (
	"fmt"
	"strings"
)

// Replace puts text between the marks begin and end of page, in the place of what is
// there.
func Replace(page, begin, end, text string) (string, error) {
	before, rest, ok := strings.Cut(page, begin)
	if !ok {
		return "", fmt.Errorf("the page has no %q", strings.TrimSpace(begin))
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("the page has no %q after %q", end, strings.TrimSpace(begin))
	}
	return before + begin + text + end + after, nil
}

// Whole writes n as a whole number, with commas between the thousands.
func Whole[N int | float64](n N) string {
	s := fmt.Sprintf("%.0f", float64(n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
