package conformance

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"strings"
)

// secrets are values such as secrets have, and worse ones: the same in every run,
// so that a failure can be looked at again.
func secrets() []string {
	r := random{rand.New(rand.NewPCG(1, 2))}
	values := append([]string(nil), special...)
	for range 100 {
		values = append(values,
			r.of(printable, 32),              // what GetRandomPassword makes
			r.of("abcXYZ019_./:@%+,!?=", 40), // tokens and URLs
			r.of(nasty, 1+r.IntN(12)),
			r.of(nasty, 1+r.IntN(60)),
			r.of(unicode, 1+r.IntN(20)),
		)
	}
	for range 30 {
		values = append(values, r.pem("\n"), r.json(), r.of("ab$`\"\\ \n", 20), r.of("ab' \n$.", 20))
	}
	for _, alphabet := range []string{"a", printable, "x y", "ab'\n", "ab\"\n", "\\'", "é🔑"} {
		values = append(values, r.of(alphabet, 64<<10)[:64<<10-4])
	}
	for i, v := range values {
		values[i] = strings.ToValidUTF8(v, "")
	}
	return values
}

const (
	printable = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" +
		"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	nasty   = "ab1_A '\"\\$`#=\n\r{}()[]-:!~\t;&|<>*?\x01\x1b\x7fé"
	unicode = "aé€🔑日\u00a0\u0085\u2028\ufeff\u200d '\"$"
)

var special = []string{
	"", " ", "  both  ", "\t", "\n", "\n\n", "a\n", "\na", "#", "a #b", "a#b", "=", "a=b=", "==", "'", `"`, "`", "$", `\`,
	"''", `""`, `\\`, `a\`, `a\\`, `'\`, "a\n\\", `\'`, `\"`, `\n`, `'\n`, `'\\n`, `'\0`, `'\x41`, `\$x`, `'\$x`, "a\\\nb", "'a\\\nb",
	"$HOME", "${HOME}", "${A:-b}", "$(id)", "`id`", "'$HOME", "'${HOME}", "'$(id)", "'`id`", "'$$", "'$1", "'$'", "'$", "'$ ", `'"$"`,
	"'$% $& $) $, $. $/ $; $< $> $] $| $} $\t$\n$", "'$+x $=x $^x $~x $:x $[1]", `it's C:\Users`, `'\1\d\U\ \é`, "'<\\\x7fa", "a$", "$a", "a$b",
	"it's", `say "hi"`, `it's "x"`, "!!", "!x", "~", "~root", "a:~", "{a,b}", "*", "export A=b", "a;b", "a&b", "a|b", "<a>", "(a)", "[a]",
	"\r", "a\r", "a\r\nb", "'a\r\nb", "\r\n", "\x01", "\x7f", "\x1b[0m", "'\x01", "\v", "\f a \f", "\u00a0", "'\u0085", "\u2028", "\ufeff",
	"null", "true", "0", "-1", "a b", "SECRET_0001=x", "x\nSECRET_0002=y", "'x\nSECRET_0003=y", "\"x\nSECRET_0004=y",
}

type random struct{ *rand.Rand }

func (r random) of(alphabet string, n int) string {
	letters := []rune(alphabet)
	var b strings.Builder
	for range n {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

func (r random) pem(end string) string {
	key := make([]byte, 300)
	for i := range key {
		key[i] = byte(r.Uint32())
	}
	text := base64.StdEncoding.EncodeToString(key)
	lines := []string{"-----BEGIN PRIVATE KEY-----"}
	for len(text) > 64 {
		lines, text = append(lines, text[:64]), text[64:]
	}
	lines = append(lines, text, "-----END PRIVATE KEY-----", "")
	return strings.Join(lines[:len(lines)-r.IntN(2)], end)
}

func (r random) json() string {
	b, _ := json.MarshalIndent(map[string]string{"user": r.of("abc", 5), "password": r.of(printable, 16)}, "", strings.Repeat(" ", r.IntN(3)))
	return string(b)
}
