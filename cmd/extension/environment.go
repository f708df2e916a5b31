package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// knownVariables are those with our prefixes, AWS's for parameters included: a
// function that moves over from AWS's extension may have them set.
var knownVariables = map[string]bool{
	"SECRETS_KEY": true, "SECRETS_DOTENV_PATH": true,
	"SECRETS_ROTATION_SOURCE": true, "SECRETS_ROTATION_DETAIL_TYPE": true, "SECRETS_ROTATION_DETAIL_KEY": true,
	"SECRETS_MANAGER_TTL": true, "SECRETS_MAX_STALE": true, "SECRETS_MANAGER_TIMEOUT_MILLIS": true,
	"SECRETS_INIT_TIMEOUT_MILLIS": true, "SECRETS_ON_INIT_ERROR": true,
	"SECRETS_RUNTIME_PROXY": true, "SECRETS_RUNTIME_PROXY_PORT": true,
	"SECRETS_ON_ROTATION": true, "SECRETS_NEXT_WRAPPER": true,
	"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT":       true,
	"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED":   true,
	"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE":      true,
	"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": true,
	"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL":       true,
}

// environment reads variables and collects what is wrong with them.
type environment struct {
	getenv   func(string) string
	readFile func(string) ([]byte, error)
	problems []error
	warnings []string
}

func (e *environment) problem(format string, args ...any) {
	e.problems = append(e.problems, fmt.Errorf(format, args...))
}

func (e *environment) warn(format string, args ...any) {
	e.warnings = append(e.warnings, fmt.Sprintf(format, args...))
}

// bad is the problem of a variable whose content may be printed.
func (e *environment) bad(name, want string) {
	e.problems = append(e.problems, errors.New(got(name, e.getenv(name), want)))
}

func got(name, value, want string) string {
	const most = 100
	if len(value) > most {
		value = value[:most] + "…"
	}
	return fmt.Sprintf("%s: got %q, want %s", name, value, want)
}

func (e *environment) number(name string, unset, least, most int) int {
	s := e.getenv(name)
	if s == "" {
		return unset
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most || !isWhole(s) {
		e.bad(name, fmt.Sprintf("a whole number from %d to %d", least, most))
		return unset
	}
	return n
}

// isWhole is strict where strconv is not: that takes signs, and does not read on when
// a number is too large.
func isWhole(s string) bool { return strings.Trim(s, "0123456789") == "" }

// forever is longer than any process lives, and short enough to be added to
// itself.
const forever = 100 * 365 * 24 * time.Hour

// duration reads a whole number of units. There is no upper limit.
func (e *environment) duration(name string, unit time.Duration, unset, least uint64) time.Duration {
	n := unset
	if s := e.getenv(name); s != "" {
		n, _ = strconv.ParseUint(s, 10, 64) // of one too large it is the largest
		if !isWhole(s) || n < least {
			e.bad(name, fmt.Sprintf("whole %s, %d or more", units[unit], least))
			n = unset
		}
	}
	if n > uint64(forever/unit) {
		return forever
	}
	return time.Duration(n) * unit
}

var units = map[time.Duration]string{time.Second: "seconds", time.Millisecond: "milliseconds"}

// choice reads one of some words, in any case; unset is the first of them.
func (e *environment) choice(name, unset string, others ...string) string {
	s := strings.ToLower(e.getenv(name))
	if s == "" || s == unset || slices.Contains(others, s) {
		return cmp.Or(s, unset)
	}
	var want []string
	for _, word := range append([]string{unset}, others...) {
		if word != "" {
			want = append(want, strconv.Quote(word))
		}
	}
	e.bad(name, strings.Join(want[:len(want)-1], ", ")+" or "+want[len(want)-1])
	return unset
}

func (e *environment) boolean(name string, unset bool) bool {
	word, other := strconv.FormatBool(unset), strconv.FormatBool(!unset)
	return e.choice(name, word, other) == "true"
}
