// Package dotenv writes environment variables to a file that shells and dotenv
// readers of all languages read alike.
//
// [Encode] makes the content, [WriteFile] replaces the file at once:
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

// Report names the variables that need a word, sorted. It never has a value.
type Report struct {
	Refused     []string // left out: no variable name, a NUL in the value, or bytes that are not UTF-8
	NotPortable []string // written, and exact in shells, but not in every other reader
}

// Encode returns NAME=value lines for dotenv readers, sorted by name, each value
// with the lightest quotes that keep it. A value with line breaks takes several
// lines.
func Encode(vars map[string]string) ([]byte, Report) {
	var b strings.Builder
	var r Report
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := vars[name]
		if !IsName(name) || strings.IndexByte(value, 0) >= 0 || !utf8.ValidString(value) {
			r.Refused = append(r.Refused, name)
			continue
		}
		quoted, portable := quote(value)
		if !portable {
			r.NotPortable = append(r.NotPortable, name)
		}
		writeLine(&b, name, quoted)
	}
	return []byte(b.String()), r
}

// Shell returns NAME='value' lines, sorted by name, that every POSIX shell reads
// exactly. A value may have any bytes but NUL, which no variable can hold. What is
// no variable name is refused too: the shell would run the line as a command.
func Shell(vars map[string]string) ([]byte, Report) {
	var b strings.Builder
	var r Report
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := vars[name]
		if !IsName(name) || strings.IndexByte(value, 0) >= 0 {
			r.Refused = append(r.Refused, name)
			continue
		}
		writeLine(&b, name, "'"+strings.ReplaceAll(value, "'", `'\''`)+"'")
	}
	return []byte(b.String()), r
}

func writeLine(b *strings.Builder, name, value string) {
	b.WriteString(name)
	b.WriteByte('=')
	b.WriteString(value)
	b.WriteByte('\n')
}

// IsName reports whether s is the name of a variable: one that shells can assign to.
func IsName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && !isLetter(c) && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
