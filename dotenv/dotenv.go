// Package dotenv writes environment variables to a file that shells and dotenv
// readers of all languages read alike.
//
// Encode makes the content, WriteFile replaces the file at once:
//
//	data, report := dotenv.Encode(map[string]string{"DB_PASSWORD": "it's 100 $"})
//	err := dotenv.WriteFile("/tmp/secrets.env", data)
//	log.Print("not written: ", report.Refused)
//
// A raw value in such a file is executed by the shell that sources it, so every
// value is quoted by what it contains, and what no reader can get back is refused.
package dotenv

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Report names the variables that need a word. It has no values.
type Report struct {
	Refused     []string // left out: no variable name, a NUL in the value, or bytes that are no UTF-8
	NotPortable []string // written, but exact only for shells, ruby and systemd
}

// Encode returns one line, or for values with line breaks several, for each
// variable, sorted by name: NAME=value with the lightest quoting that keeps it.
func Encode(vars map[string]string) ([]byte, Report) {
	return encode(vars, func(b *strings.Builder, value string) (portable bool) {
		quoted, portable := quote(value)
		b.WriteString(quoted)
		return portable
	}, utf8.ValidString)
}

// Shell returns an assignment for each variable, sorted by name, that every POSIX
// shell reads exactly, whatever bytes the value has.
func Shell(vars map[string]string) ([]byte, Report) {
	return encode(vars, func(b *strings.Builder, value string) (portable bool) {
		b.WriteString("'" + strings.ReplaceAll(value, "'", `'\''`) + "'")
		return true
	}, func(string) bool { return true })
}

func encode(vars map[string]string, write func(*strings.Builder, string) bool, accept func(string) bool) ([]byte, Report) {
	var b strings.Builder
	var r Report
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := vars[name]
		if !isName(name) || strings.ContainsRune(value, 0) || !accept(value) {
			r.Refused = append(r.Refused, name)
			continue
		}
		b.WriteString(name)
		b.WriteByte('=')
		if !write(&b, value) {
			r.NotPortable = append(r.NotPortable, name)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String()), r
}

// bare are the characters, besides letters and digits, that no reader takes for
// anything but themselves.
const bare = "_./:@%+,!?*^{}[]-"

var doubleQuoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")

// quote climbs the ladder: the first way of writing that fits is the one that most
// readers get right. They were measured: see test/conformance.
func quote(v string) (quoted string, portable bool) {
	has := func(chars string) bool { return strings.ContainsAny(v, chars) }
	switch {
	case isBare(v):
		return v, true
	case !has("'\n\r") && !strings.HasSuffix(v, `\`):
		return "'" + v + "'", true
	case !has("\"\\$`\r"):
		return `"` + v + `"`, true
	case !has("'\r"):
		return "'" + v + "'", true
	}
	return `"` + doubleQuoted.Replace(v) + `"`, false
}

func isBare(v string) bool {
	for i, c := range []byte(v) {
		if !isAlphanumeric(c) && !strings.ContainsRune(bare, rune(c)) && (c != '=' || i == 0) {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (!isAlphanumeric(c) || i == 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}
