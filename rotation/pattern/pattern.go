// Package pattern evaluates event patterns of Amazon EventBridge.
//
//	p, err := pattern.Parse([]byte(`{"source":["aws.secretsmanager"],"detail":{"name":[{"prefix":"prod/"}]}}`))
//	…
//	matches, err := p.Match(event)
//
// All operators of
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
// are there, with the verdicts of AWS's open-source engine,
// https://github.com/aws/event-ruler. Where that page is silent, what the engine
// does holds: a number matches by its value and not by its spelling, a string that
// is an IP address matches every spelling of the address, anything-but matches
// values of every other type, a path in a pattern is the same whether its names
// are nested or joined by dots.
//
// Limits that belong to a call of the service are not checked here: the length of
// a pattern, and how many wildcards it may have.
package pattern

import (
	"bytes"
	"errors"
	"fmt"
)

// Pattern is a parsed event pattern. It does not change and may be used from many
// goroutines at once. The zero value matches nothing.
type Pattern struct{ rules []rule }

// rule is one choice of branches of every $or. An event matches a pattern if it
// matches one of its rules.
type rule []field

// field is what is wanted of the values at one path.
type field struct {
	path   string // the names joined by dots
	values []matcher
	absent bool // no value at all will do too
}

// matcher reports whether a value is one that a pattern wants.
type matcher func(value) bool

// Error says why something is no event pattern. Reason is in the words of
// EventBridge's InvalidEventPatternException where those are known.
type Error struct {
	Reason       string
	Line, Column int // where reading stopped, both from 1; the column counts bytes
}

func (e *Error) Error() string {
	return fmt.Sprintf("event pattern: %s at line %d, column %d", e.Reason, e.Line, e.Column)
}

// Parse reads an event pattern. An error is an [*Error].
func Parse(pattern []byte) (*Pattern, error) {
	root, err := read(pattern)
	if err != nil {
		return nil, locate(pattern, err)
	}
	rules, err := compile(root)
	if err != nil {
		return nil, locate(pattern, err)
	}
	return &Pattern{rules}, nil
}

// Match reports whether an event matches. It is an error if the event is not a
// JSON object.
func (p *Pattern) Match(event []byte) (bool, error) {
	root, err := read(event)
	if err != nil {
		return false, fmt.Errorf("event: %w", err)
	}
	if root.kind != object {
		return false, errors.New("event: not a JSON object")
	}
	values := flatten(root)
	for _, r := range p.rules {
		if r.match(values, place{}) {
			return true, nil
		}
	}
	return false, nil
}

// locate turns the offset of a problem into a line and a column.
func locate(text []byte, err error) *Error {
	e := &Error{Reason: err.Error()}
	offset := len(text)
	if p, is := errors.AsType[*problem](err); is {
		offset = min(int(p.offset), len(text))
	}
	before := text[:offset]
	e.Line = 1 + bytes.Count(before, []byte("\n"))
	e.Column = 1 + len(before) - (1 + bytes.LastIndexByte(before, '\n'))
	return e
}
