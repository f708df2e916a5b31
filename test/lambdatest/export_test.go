package lambdatest

import "strings"

// Missing says what the init still waits for.
func (l *Lambda) Missing() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.missing(), "\n")
}
