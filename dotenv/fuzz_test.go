package dotenv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzEncode reads back with the rules of POSIX shells what was written. A value
// that is said to be portable stands there as it is, within quotes or without.
func FuzzEncode(f *testing.F) {
	for _, v := range []string{"", "a", "it's", `"`, `\`, "$x", "$", "`", "\n", "\r", "a\\\n'", "é", "\x00", "\xff", `'\"$` + "`", "'\\\x7fa"} {
		f.Add("NAME", v, "x")
		f.Add("a", "x", v)
	}
	f.Fuzz(func(t *testing.T, name, value, other string) {
		vars := map[string]string{name: value, "OTHER": other}
		for format, encode := range map[string]func(map[string]string) ([]byte, Report){"dotenv": Encode, "shell": Shell} {
			data, r := encode(vars)
			got, err := source(string(data))
			if err != nil {
				t.Fatalf("%s: %v in %q", format, err, data)
			}
			for name, want := range vars {
				v, written := got[name]
				refused := slices.Contains(r.Refused, name)
				if refused == written {
					t.Errorf("%s: %q is written: %v, refused: %v", format, name, written, refused)
				}
				if written && v != want {
					t.Errorf("%s: got %q, want %q", format, v, want)
				}
				if written && format == "dotenv" && !slices.Contains(r.NotPortable, name) && !standsAsItIs(string(data), name, want) {
					t.Errorf("%q is said to be portable in %q", want, data)
				}
				bad := !IsName(name) || strings.Contains(want, "\x00") || format == "dotenv" && !utf8.ValidString(want)
				if refused != bad {
					t.Errorf("%s: %q=%q is refused: %v, want %v", format, name, want, refused, bad)
				}
			}
			if n := len(vars) - len(r.Refused); len(got) != n {
				t.Errorf("%s: got %d variables, want %d", format, len(got), n)
			}
		}
	})
}

// standsAsItIs reports whether readers that know no escapes get value.
func standsAsItIs(file, name, value string) bool {
	for _, quote := range []string{"", "'", `"`} {
		if strings.Contains("\n"+file, "\n"+name+"="+quote+value+quote+"\n") && (quote == "" || !strings.Contains(value, quote)) {
			return true
		}
	}
	return false
}

var errExpands = errors.New("a shell would expand or run something")

// source reads assignments as a shell does and fails where a shell would do
// anything else than assign.
func source(s string) (map[string]string, error) {
	vars := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, "=")
		if !ok || !IsName(name) {
			return nil, fmt.Errorf("no assignment: %q", s)
		}
		value, rest, err := word(rest)
		if err != nil {
			return nil, err
		}
		vars[name], s = value, rest
	}
	return vars, nil
}

// word reads a word and the line break that ends it.
func word(s string) (value, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && c == '\n':
			return b.String(), s[i+1:], nil
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote == '"' && i+1 < len(s) && s[i+1] == 0x7f:
			return "", "", errors.New("bash may lose what follows the backslash")
		case c == '\\' && quote == 0:
			i++
			b.WriteByte(s[i])
		case c == '\\' && quote == '"' && i+1 < len(s) && strings.IndexByte("$`\"\\\n", s[i+1]) >= 0:
			if i++; s[i] != '\n' {
				b.WriteByte(s[i])
			}
		case c == '`' && quote != '\'', quote == 0 && strings.IndexByte(" \t\r#~&|;<>()$", c) >= 0:
			return "", "", errExpands
		case c == '$' && quote == '"' && s[i+1] != '"' && strings.IndexByte("{([$@*#?!-", s[i+1]) >= 0,
			c == '$' && quote == '"' && (isLetter(s[i+1]) || isDigit(s[i+1]) || s[i+1] == '_'):
			return "", "", errExpands
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("the file ends within a value")
}
