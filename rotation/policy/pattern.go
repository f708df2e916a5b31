package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a text with wildcards and policy variables. A glyph is a character,
// one of the wildcards below, or, from there down, the index of a variable.
type pattern struct {
	glyphs    []rune
	variables []variable
}

const (
	anyRun        rune = -1 - iota // any characters, none too
	anyOne                         // one character
	segmentRun                     // as anyRun, but no colon
	segmentOne                     // as anyOne, but no colon
	firstVariable                  // the variable 0; below it, the others
)

// variable is ${key} or ${key, 'fallback'}.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
type variable struct {
	key         string
	fallback    string
	hasFallback bool
}

// What a pattern is made of, besides characters.
type syntax struct{ wildcards, variables bool }

func compile(text string, s syntax) pattern {
	var p pattern
	for text != "" {
		if s.variables && strings.HasPrefix(text, "${") {
			if inner, rest, closed := strings.Cut(text[2:], "}"); closed {
				p.variable(inner)
				text = rest
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		switch {
		case s.wildcards && r == '*':
			p.glyphs = append(p.glyphs, anyRun)
		case s.wildcards && r == '?':
			p.glyphs = append(p.glyphs, anyOne)
		default:
			p.glyphs = append(p.glyphs, r)
		}
	}
	return p
}

// variable adds what stands between ${ and }. Of these ${*}, ${?} and ${$} are
// the characters themselves.
func (p *pattern) variable(inner string) {
	switch inner {
	case "*", "?", "$":
		p.glyphs = append(p.glyphs, rune(inner[0]))
		return
	}
	key, fallback, _ := strings.Cut(inner, ",")
	v := variable{key: strings.TrimSpace(key)}
	fallback = strings.TrimSpace(fallback)
	if len(fallback) >= 2 && fallback[0] == '\'' && fallback[len(fallback)-1] == '\'' {
		v.fallback, v.hasFallback = fallback[1:len(fallback)-1], true
	}
	p.glyphs = append(p.glyphs, firstVariable-rune(len(p.variables)))
	p.variables = append(p.variables, v)
}

// compileAction: actions are matched without regard to case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func compileAction(text string) pattern {
	return compile(strings.ToLower(text), syntax{wildcards: true})
}

// compileResource: a wildcard stays within its segment of the ARN; only an
// asterisk at the end of a segment matches beyond the colon. Variables stand only
// after the fifth colon.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func compileResource(text string, variables bool) pattern {
	resource := text
	if parts := strings.SplitN(text, ":", 6); len(parts) == 6 {
		resource = parts[5]
	}
	p := compile(strings.TrimSuffix(text, resource), syntax{wildcards: true})
	rest := compile(resource, syntax{wildcards: true, variables: variables})
	p.glyphs, p.variables = append(p.glyphs, rest.glyphs...), rest.variables
	for i, g := range p.glyphs {
		last := i == len(p.glyphs)-1 || p.glyphs[i+1] == ':'
		switch {
		case g == anyRun && !last:
			p.glyphs[i] = segmentRun
		case g == anyOne:
			p.glyphs[i] = segmentOne
		}
	}
	return p
}

// resolve puts the values of the variables in, as plain characters. The verdict is
// whether all have one; in place of one that has none stands anyRun.
func (p pattern) resolve(in *values) ([]rune, verdict) {
	if p.variables == nil {
		return p.glyphs, certain(true)
	}
	var glyphs []rune
	v := certain(true)
	for _, g := range p.glyphs {
		if g > firstVariable {
			glyphs = append(glyphs, g)
			continue
		}
		wanted := p.variables[firstVariable-g]
		switch value, state := in.lookup(wanted.key); {
		case state == present:
			glyphs = append(glyphs, []rune(value)...)
		case state == absent && wanted.hasFallback:
			glyphs = append(glyphs, []rune(wanted.fallback)...)
		case state == absent:
			v = v.and(certain(false))
			glyphs = append(glyphs, anyRun)
		default:
			v = v.and(undecided(wanted.key))
			glyphs = append(glyphs, anyRun)
		}
	}
	return glyphs, v
}

// matchAny is the verdict on a text that one of the patterns must match, or, negated,
// none. There a variable without a value must not stand for everything else: IAM
// takes the statement for invalid.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func matchAny(patterns []pattern, text string, in *values, match func(glyphs []rune, text string) bool, negated bool) verdict {
	v, all := certain(false), certain(true)
	for _, p := range patterns {
		glyphs, resolved := p.resolve(in)
		switch {
		case resolved.is == yes:
			v = v.or(certain(match(glyphs, text)))
		case mayMatch(glyphs, text):
			v, all = v.or(resolved), all.and(resolved)
		}
	}
	if negated {
		return v.not().and(all)
	}
	return v
}

// mayMatch reports whether there are values for the variables, now anyRun, with
// which an operator could take the text for a match, the ones without regard to case
// too.
func mayMatch(glyphs []rune, text string) bool {
	folded := make([]rune, len(glyphs))
	for i, g := range glyphs {
		folded[i] = fold(g)
	}
	return glob(folded, strings.Map(fold, text))
}

// fold makes characters that differ in case alone the same.
func fold(r rune) rune {
	if r < 0 {
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// glob reports whether the text matches. It follows all ways to match at once, so
// that no pattern is slow.
func glob(glyphs []rune, text string) bool {
	at := make([]bool, len(glyphs)+1) // positions in glyphs that the text so far leads to
	at[0] = true
	skipRuns(glyphs, at)
	next := make([]bool, len(at))
	for _, r := range text {
		clear(next)
		for i, g := range glyphs {
			if !at[i] || r == ':' && (g == segmentRun || g == segmentOne) {
				continue
			}
			switch g {
			case anyRun, segmentRun:
				next[i] = true
			case anyOne, segmentOne, r:
				next[i+1] = true
			}
		}
		at, next = next, at
		skipRuns(glyphs, at)
	}
	return at[len(glyphs)]
}

// skipRuns lets each run match nothing.
func skipRuns(glyphs []rune, at []bool) {
	for i, g := range glyphs {
		if at[i] && (g == anyRun || g == segmentRun) {
			at[i+1] = true
		}
	}
}

// equal reports whether the text is the pattern, which has no wildcards.
func equal(glyphs []rune, text string) bool { return slices.Equal(glyphs, []rune(text)) }
