package pattern

import (
	"math"
	"strings"
)

// numeric takes ["=", n], or one bound, or a lower and an upper one:
// [">", n, "<=", m].
func numeric(n node) (matcher, error) {
	if n.kind != array {
		return nil, n.errorf("Value of numeric must be an array.")
	}
	if len(n.nodes) == 0 || !n.nodes[0].value.isString {
		return nil, n.errorf("Invalid member in numeric match")
	}
	first := n.nodes[0].value.text
	if !strings.Contains(" = < <= > >= ", " "+first+" ") {
		return nil, n.errorf("Unrecognized numeric range operator: %s", first)
	}
	bottom, err := bound(n, 0)
	if err != nil {
		return nil, err
	}
	if first == "=" {
		return equal(value{number: bottom, comparable: true}), tooMany(n, 2)
	}
	if first[0] == '<' {
		return within(-math.MaxFloat64, ">=", bottom, first), tooMany(n, 2)
	}
	if len(n.nodes) == 2 {
		return within(bottom, first, math.MaxFloat64, "<="), nil
	}
	second := n.nodes[2].value
	if !second.isString || second.text != "<" && second.text != "<=" {
		return nil, n.nodes[2].errorf("Bad numeric range operator: %s", second.text)
	}
	top, err := bound(n, 2)
	if err != nil {
		return nil, err
	}
	if bottom >= top {
		return nil, n.errorf("Bottom must be less than top")
	}
	return within(bottom, first, top, second.text), tooMany(n, 4)
}

func tooMany(n node, most int) error {
	if len(n.nodes) > most {
		return n.errorf("Too many elements in numeric expression")
	}
	return nil
}

// bound returns the number after the operator at i.
func bound(n node, i int) (float64, error) {
	if len(n.nodes) < i+2 || !n.nodes[i+1].value.isNumber {
		return 0, n.errorf("Value of %s must be numeric", n.nodes[i].value.text)
	}
	v := n.nodes[i+1].value
	if !v.comparable {
		return 0, n.nodes[i+1].errorf("Cannot compare number : %s", v.text)
	}
	return v.number, nil
}

func within(bottom float64, lower string, top float64, upper string) matcher {
	return func(v value) bool {
		return v.comparable &&
			(v.number > bottom || v.number == bottom && lower == ">=") &&
			(v.number < top || v.number == top && upper == "<=")
	}
}
