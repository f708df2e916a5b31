package dotenv

import "strings"

// quote climbs the ladder of quoting: the first rung that fits is the one that most
// readers get right. What each reader makes of each rung is measured in
// test/conformance. A value that is not portable is still exact in shells.
func quote(v string) (quoted string, portable bool) {
	portable = !hasNoncharacter(v)
	has := func(chars string) bool { return strings.ContainsAny(v, chars) }
	// A backslash before the closing quote takes it away in python-dotenv and in
	// docker compose, which then lose the variables that follow, too.
	endsOpen := strings.HasSuffix(v, `\`)
	switch {
	case isBare(v): // 1
		return v, portable
	case !has("'\r\n") && !endsOpen: // 2
		return "'" + v + "'", portable
	case !has("\"`\r") && harmless(v, '$') && !has(`\`): // 3
		return `"` + v + `"`, portable
	case !has("'\r") && !endsOpen: // 4
		return "'" + v + "'", portable
	case !has("\"`\r") && harmless(v, '$') && harmless(v, '\\'): // 5, for most
		// An escaped backslash is two for node, a bare one is none for ruby and an
		// error for phpdotenv.
		return `"` + v + `"`, false
	}
	return `"` + escape(v) + `"`, false // 5
}

// bare are the characters, besides letters and digits, that no reader takes for
// anything but themselves.
const bare = "_./:@%+,!?*^{}[]-"

func isBare(v string) bool {
	if strings.Contains(v, ":=") {
		return false // zsh looks for a command after it
	}
	for i, c := range []byte(v) {
		if !isLetter(c) && !isDigit(c) && strings.IndexByte(bare, c) < 0 && (c != '=' || i == 0) {
			return false
		}
	}
	return true
}

// harmless reports whether special stands for itself between double quotes,
// everywhere in v.
func harmless(v string, special byte) bool {
	for i := range len(v) {
		if v[i] == special && !harmlessAt(v, i) {
			return false
		}
	}
	return true
}

// harmlessAt reports whether no reader sees more in the $ or backslash at v[i] than
// this character.
func harmlessAt(v string, i int) bool {
	if i+1 == len(v) {
		return v[i] == '$'
	}
	next := v[i+1]
	if v[i] == '$' {
		// Letters, digits and { begin a variable, others are one in some shell.
		return strings.IndexByte(" \t\n'%&),./;<>]|}", next) >= 0
	}
	// Bash 5.2 loses a DEL that follows a backslash where there is a < too.
	return strings.IndexByte("abfnrtvc0\"$`\\'\n\x7f", next) < 0
}

// escape escapes what would not stand for itself between double quotes. A $ that
// would is left alone, for python-dotenv keeps the backslash.
func escape(v string) string {
	var b strings.Builder
	for i := range len(v) {
		switch c := v[i]; {
		case c == '$' && harmlessAt(v, i):
		case c == '\\' || c == '"' || c == '$' || c == '`':
			b.WriteByte('\\')
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// hasNoncharacter reports whether v has one of the 66 code points that Unicode will
// never assign. They are valid UTF-8, but systemd refuses a file that has one.
func hasNoncharacter(v string) bool {
	for _, r := range v {
		if 0xFDD0 <= r && r <= 0xFDEF || r&0xFFFE == 0xFFFE {
			return true
		}
	}
	return false
}
