package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator writes JSON as text: numbers have many spellings, and names may come
// twice. The words of one case are few, so that its pattern and its event meet.
type generator struct {
	*rand.Rand
	names, words, ips, numbers []string

	odd   bool // write $or in ways that make it a plain name, and only the oldest forms of anything-but
	folds bool // match without regard to case, not by wildcards, and every field by one matcher only
}

var (
	allNames   = []string{"a", "b", "c", "a.b", "source", "détail"}
	allWords   = []string{"", "a", "ab", "aba", "ABA", "prod/db", "Prod/DB", "prod/", "db", "*", `\`, `a*b`, "k", "\u212a", "É", "é", "🙂", "true", "null", "1"}
	allIPs     = []string{"10.0.0.1", "10.0.0.15", "10.0.1.1", "10.0.0.256", "10.0.0", "2001:db8::1", "2001:DB8:0:0::1", "2001:db8:1::", "::1", "::", ":", "a:b", "::ffff:a00:1"}
	allNumbers = []string{
		"0", "-0", "0.0", "1", "1.0", "10e-1", "1E0", "-1", "3.14", "0.1", "300", "3e2", "3.00e+2", "1e400", "1e-400",
		"7.12345678901234567890", "123456789012", "9007199254740993", "-1.5", "2.5e-300", "1.5e300",
	}
	wildcards = []string{"*", "a*", "*a", "a*a", "*b*", "prod/*", `\*`, `a\*b`, `\\`, "*db", "p*d*b", "**", `\a`, `a\`, "", "aba", "a*ba*a", "🙂*", "é*", "a\\**"}
	networks  = []string{"10.0.0.0/24", "10.0.0.8/29", "10.0.0.0/8", "10.0.0.0/9", "2001:db8::/32", "2001:db8::/127", "10.0.0.0/32", "::/128", "10.0.0.0", "10.0.0.0/-1", "10.0.0/8", "/8", "x/8", "10.0.0.0/a", "10.0.0.0/+8"}
)

func (g generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g generator, of []T) T { return of[g.IntN(len(of))] }

// few returns n of the words, some of them perhaps twice.
func few(g generator, n int, of []string) []string {
	some := make([]string, n)
	for i := range some {
		some[i] = pick(g, of)
	}
	return some
}

func quote(s string) string {
	b, _ := json.Marshal(s) // of a string it cannot fail
	return string(b)
}

func (g generator) testCase() testCase {
	g.odd, g.folds = g.chance(0.1), g.chance(0.5)
	g.Shuffle(len(allNames), func(i, j int) { allNames[i], allNames[j] = allNames[j], allNames[i] })
	g.names, g.words, g.ips, g.numbers = allNames[:4], few(g, 4, allWords), few(g, 3, allIPs), few(g, 4, allNumbers)
	p := g.pattern(0)
	if g.chance(0.01) {
		p = pick(g, []string{"[]", `"a"`, "{", p[:len(p)-1], strings.Replace(p, ":", "", 1)})
	}
	return testCase{Pattern: p, Event: g.object(0)}
}

func (g generator) list(open, end string, most int, item func() string) string {
	items := make([]string, g.IntN(most+1))
	for i := range items {
		items[i] = item()
	}
	return open + strings.Join(items, ",") + end
}

func (g generator) object(depth int) string {
	return g.list("{", "}", 7, func() string { return quote(pick(g, g.names)) + ":" + g.eventValue(depth+1) })
}

func (g generator) eventValue(depth int) string {
	switch {
	case depth < 4 && g.chance(0.25):
		return g.object(depth)
	case depth < 5 && g.chance(0.4):
		return g.list("[", "]", 4, func() string { return g.eventValue(depth + 1) })
	}
	return g.scalar()
}

func (g generator) scalar() string {
	switch g.IntN(8) {
	case 0:
		return pick(g, []string{"true", "false", "null"})
	case 1, 2, 3:
		return pick(g, g.numbers)
	case 4:
		return quote(pick(g, g.ips))
	default:
		return quote(pick(g, g.words))
	}
}

// pattern is mostly valid: every part has a small chance to be odd.
func (g generator) pattern(depth int) string {
	var members, used []string
	for range 1 + g.IntN(2) {
		name := pick(g, g.names)
		switch {
		case g.chance(0.15) && len(g.names) > 1:
			members = append(members, `"$or":`+g.or(depth+1))
			continue
		case g.odd && g.chance(0.1):
			name = pick(g, []string{"prefix", "numeric", "regex", "="})
		case slices.Contains(used, name) && g.chance(0.9):
			continue
		}
		used = append(used, name)
		members = append(members, quote(name)+":"+g.patternValue(depth+1))
	}
	if g.chance(0.01) {
		members = nil
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (g generator) or(depth int) string {
	if g.odd && g.chance(0.5) {
		return pick(g, []string{`["a"]`, `[{"a":[1]}]`, "[]", `{"a":[1]}`, `[{"a":[1]},"b"]`, "1", `[{"exists":true},{"exists":false}]`})
	}
	left, right := g, g // no name is in both
	left.names, right.names = g.names[:len(g.names)/2], g.names[len(g.names)/2:]
	return "[" + left.pattern(depth) + "," + right.pattern(depth) + "]"
}

func (g generator) patternValue(depth int) string {
	switch {
	case depth < 3 && g.chance(0.2):
		return g.pattern(depth)
	case g.chance(0.01):
		return g.scalar()
	case g.chance(0.01):
		return "[]"
	}
	var wanted []string
	most := 3
	if g.folds {
		most = 1
	}
	for range 1 + g.IntN(most) {
		wanted = append(wanted, g.wanted())
	}
	return "[" + strings.Join(wanted, ",") + "]"
}

func (g generator) wanted() string {
	if g.chance(0.01) {
		return pick(g, []string{"[]", "{}", `{"a":1}`, `{"prefix":"a","suffix":"b"}`, `{"prefix":"a","prefix":"a"}`})
	}
	if g.chance(0.35) {
		return g.scalar()
	}
	name := pick(g, []string{"prefix", "suffix", "case", "anything-but", "anything-but", "numeric", "numeric", "cidr", "exists", "exists", "exactly"})
	if name == "case" {
		name = "wildcard"
		if g.folds {
			name = "equals-ignore-case"
		}
	}
	operand := g.operand(name)
	if g.chance(0.02) {
		operand = pick(g, []string{g.scalar(), "[" + g.scalar() + "]", "{}", "[]", `{"prefix":"a"}`})
	}
	return fmt.Sprintf(`{%q:%s}`, name, operand)
}

func (g generator) operand(name string) string {
	switch name {
	case "numeric":
		return g.numeric()
	case "cidr":
		return quote(networks[g.IntN(7+g.IntN(len(networks)-6))]) // the odd ones less often
	case "exists":
		return pick(g, []string{"true", "false"})
	case "wildcard":
		return quote(pick(g, wildcards))
	case "anything-but":
		return g.anythingBut()
	}
	if g.folds && name != "exactly" && name != "equals-ignore-case" && g.chance(0.3) {
		return `{"equals-ignore-case":` + quote(g.folded()) + "}"
	}
	return quote(g.folded())
}

// folded is a word that may be matched without regard to case.
func (g generator) folded() string {
	if w := pick(g, g.words); w != "🙂" {
		return w
	}
	return "é"
}

func (g generator) numeric() string {
	switch g.IntN(5) {
	case 0:
		return `["=",` + pick(g, g.numbers) + "]"
	case 1:
		return fmt.Sprintf("[%q,%s]", pick(g, []string{"<", "<=", ">", ">="}), pick(g, g.numbers))
	case 2:
		return fmt.Sprintf("[%q,%s,%q,%s]", pick(g, []string{">", ">=", "<"}), g.scalar(), pick(g, []string{"<", "<=", "="}), g.scalar())
	}
	return fmt.Sprintf("[%q,%d,%q,%d]", pick(g, []string{">", ">="}), g.IntN(4)-2, pick(g, []string{"<", "<="}), 1+g.IntN(400))
}

func (g generator) anythingBut() string {
	one := func() string { return quote(pick(g, g.words)) }
	forms := 6
	if g.odd {
		forms = 3
	}
	switch g.IntN(forms) {
	case 0:
		return g.scalar()
	case 1:
		one = func() string { return pick(g, allNumbers[:12]) }
	case 3:
		if !g.folds {
			return fmt.Sprintf(`{"wildcard":%s}`, g.some(func() string { return quote(pick(g, wildcards[:11])) }))
		}
		return fmt.Sprintf(`{"equals-ignore-case":%s}`, g.some(func() string { return quote(g.folded()) }))
	case 4:
		return fmt.Sprintf(`{%q:%s}`, pick(g, []string{"prefix", "suffix"}), g.some(func() string { return quote(pick(g, allWords[1:])) }))
	case 5:
		one = g.scalar
	}
	return g.some(one)
}

// some is one, or a list of at least one.
func (g generator) some(one func() string) string {
	if g.chance(0.4) {
		return one()
	}
	list := []string{one()}
	for g.chance(0.5) {
		list = append(list, one())
	}
	return "[" + strings.Join(list, ",") + "]"
}
