package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// condition is one key of one operator.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
type condition struct {
	name     string // the operator as the document has it, for a fixed order
	key      string
	op       operator
	ifExists bool
	set      setOperator
	values   []pattern
}

// setOperator is for keys with several values. A [Request] has one per key at
// most, so that what remains of it is what a key without values means.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
type setOperator int8

const (
	oneValue setOperator = iota
	anyValue
	allValues
)

// operator compares a value of the policy with the one of the request.
type operator struct {
	syntax  syntax
	negated bool
	null    bool // tells whether the key is there instead
	match   func(want []rune, got string) bool
}

var operators = map[string]operator{
	"stringequals":              {syntax: syntax{variables: true}, match: equal},
	"stringnotequals":           {syntax: syntax{variables: true}, match: equal, negated: true},
	"stringequalsignorecase":    {syntax: syntax{variables: true}, match: equalFold},
	"stringnotequalsignorecase": {syntax: syntax{variables: true}, match: equalFold, negated: true},
	"stringlike":                {syntax: syntax{variables: true, wildcards: true}, match: glob},
	"stringnotlike":             {syntax: syntax{variables: true, wildcards: true}, match: glob, negated: true},
	"arnequals":                 {syntax: syntax{variables: true, wildcards: true}, match: matchARN},
	"arnlike":                   {syntax: syntax{variables: true, wildcards: true}, match: matchARN},
	"arnnotequals":              {syntax: syntax{variables: true, wildcards: true}, match: matchARN, negated: true},
	"arnnotlike":                {syntax: syntax{variables: true, wildcards: true}, match: matchARN, negated: true},
	"numericequals":             {match: compared(number, (*big.Rat).Cmp, 0)},
	"numericnotequals":          {match: compared(number, (*big.Rat).Cmp, 0), negated: true},
	"numericlessthan":           {match: compared(number, (*big.Rat).Cmp, -1)},
	"numericlessthanequals":     {match: compared(number, (*big.Rat).Cmp, -1, 0)},
	"numericgreaterthan":        {match: compared(number, (*big.Rat).Cmp, 1)},
	"numericgreaterthanequals":  {match: compared(number, (*big.Rat).Cmp, 1, 0)},
	"dateequals":                {match: compared(date, time.Time.Compare, 0)},
	"datenotequals":             {match: compared(date, time.Time.Compare, 0), negated: true},
	"datelessthan":              {match: compared(date, time.Time.Compare, -1)},
	"datelessthanequals":        {match: compared(date, time.Time.Compare, -1, 0)},
	"dategreaterthan":           {match: compared(date, time.Time.Compare, 1)},
	"dategreaterthanequals":     {match: compared(date, time.Time.Compare, 1, 0)},
	"bool":                      {match: equalFold},
	"binaryequals":              {match: compared(binary, bytes.Compare, 0)},
	"ipaddress":                 {match: matchIP},
	"notipaddress":              {match: matchIP, negated: true},
	"null":                      {match: equalFold, null: true},
}

func newCondition(name, key string, texts []scalar, variables bool) (condition, error) {
	c := condition{name: name, key: key}
	base := strings.ToLower(name)
	switch set, rest, _ := strings.Cut(base, ":"); set {
	case "foranyvalue":
		c.set, base = anyValue, rest
	case "forallvalues":
		c.set, base = allValues, rest
	}
	base, c.ifExists = strings.CutSuffix(base, "ifexists")
	op, ok := operators[base]
	if !ok || op.null && c.ifExists {
		return c, fmt.Errorf("unknown operator %q in Condition", name)
	}
	op.syntax.variables = op.syntax.variables && variables
	c.op = op
	for _, t := range texts {
		c.values = append(c.values, compile(string(t), op.syntax))
	}
	return c, nil
}

// compare gives the conditions an order that does not change from run to run.
func (c condition) compare(d condition) int {
	return cmp.Or(cmp.Compare(c.name, d.name), cmp.Compare(c.key, d.key))
}

func (c condition) holds(in *values) verdict {
	got, state := in.lookup(c.key)
	switch {
	case state == unknown:
		return undecided(c.key)
	case c.op.null:
		got = fmt.Sprint(state == absent)
	case state == absent:
		return certain(c.holdsWithoutKey())
	}
	return matchAny(c.values, got, in, c.op.match, c.op.negated)
}

func (c condition) holdsWithoutKey() bool {
	switch {
	case c.ifExists:
		return true
	case c.set != oneValue:
		return c.set == allValues
	}
	return c.op.negated
}

func equalFold(want []rune, got string) bool { return strings.EqualFold(string(want), got) }

// matchARN checks each of the six parts of an ARN for itself. A shorter pattern
// that ends in an asterisk stands for any rest.
func matchARN(want []rune, got string) bool {
	parts := strings.SplitN(got, ":", 6)
	if len(parts) != 6 {
		return false
	}
	for i, part := range parts {
		colon := slices.Index(want, ':')
		if i == 5 || colon < 0 {
			rest := len(want) > 0 && want[len(want)-1] == anyRun
			return (i == 5 || rest) && glob(want, strings.Join(parts[i:], ":"))
		}
		if !glob(want[:colon], part) {
			return false
		}
		want = want[colon+1:]
	}
	return false
}

// compared makes an operator of an order. What cannot be parsed matches nothing.
func compared[T any](parse func(string) (T, bool), order func(a, b T) int, wanted ...int) func([]rune, string) bool {
	return func(want []rune, got string) bool {
		w, wantOK := parse(string(want))
		g, gotOK := parse(got)
		return wantOK && gotOK && slices.Contains(wanted, order(g, w))
	}
}

func number(s string) (*big.Rat, bool) {
	if len(s) > 64 || strings.Trim(s, "+-.0123456789") != "" { // no fractions and no huge exponents
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func binary(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

// date reads the ISO 8601 forms of the W3C and seconds since 1970.
func date(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	n, ok := number(s)
	if !ok || !n.IsInt() || !n.Num().IsInt64() {
		return time.Time{}, false
	}
	return time.Unix(n.Num().Int64(), 0), true
}

func matchIP(want []rune, got string) bool {
	addr, err := netip.ParseAddr(got)
	if err != nil {
		return false
	}
	if one, err := netip.ParseAddr(string(want)); err == nil {
		return one == addr
	}
	network, err := netip.ParsePrefix(string(want))
	return err == nil && network.Contains(addr)
}
