package pattern

import (
	"slices"
	"strings"
)

// expression is a matcher such as {"prefix": "prod/"}.
func expression(n node) (matcher, error) {
	if len(n.nodes) == 0 {
		return nil, n.errorf("Match expression name not found")
	}
	name, operand := n.names[0], n.nodes[0]
	parse, known := operators[name]
	if !known {
		return nil, n.errorf("Unrecognized match type %s", name)
	}
	m, err := parse(operand)
	if err != nil {
		return nil, err
	}
	if len(n.nodes) > 1 {
		return nil, n.errorf("Only one key allowed in match expression")
	}
	return m, nil
}

var operators = map[string]func(node) (matcher, error){
	"exactly":            of("exact match", exactly),
	"prefix":             foldable("prefix", prefix, foldedPrefix),
	"suffix":             foldable("suffix", suffix, foldedSuffix),
	"equals-ignore-case": of("equals-ignore-case match", foldedEqual),
	"wildcard":           wildcardOperator,
	"numeric":            numeric,
	"anything-but":       anythingBut,
	"cidr":               cidr,
	"exists":             exists,
}

// of is an operator on one string; what is its name in an error.
func of(what string, matching func(string) matcher) func(node) (matcher, error) {
	return func(n node) (matcher, error) {
		if !n.value.isString {
			return nil, n.errorf("%s pattern must be a string", what)
		}
		return matching(n.value.text), nil
	}
}

// foldable is an operator on a string, or on {"equals-ignore-case": string}.
func foldable(name string, plain, folded func(string) matcher) func(node) (matcher, error) {
	return func(n node) (matcher, error) {
		if n.kind != object {
			return of(name+" match", plain)(n)
		}
		if !slices.Equal(n.names, []string{"equals-ignore-case"}) {
			return nil, n.errorf("Unsupported %s pattern: %s", name, strings.Join(n.names, ", "))
		}
		return of("equals-ignore-case match", folded)(n.nodes[0])
	}
}

// exists is {"exists": true}, for the field of which any value will do. The
// absence of values is no value, and is not dealt with here.
func exists(n node) (matcher, error) {
	if n.value != yes && n.value != no {
		return nil, n.errorf("exists match pattern must be either true or false.")
	}
	return func(value) bool { return true }, nil
}

func wildcardOperator(n node) (matcher, error) {
	if !n.value.isString {
		return nil, n.errorf("wildcard match pattern must be a string")
	}
	m, wrong := wildcard(n.value.text)
	if wrong != "" {
		return nil, n.errorf("%s", wrong)
	}
	return m, nil
}

// anythingBut takes a value or a list of them, or of the operands of another
// operator. It matches every value that none of them matches, of every type.
func anythingBut(n node) (matcher, error) {
	if n.kind != object {
		return anythingButValues(n)
	}
	if len(n.nodes) == 0 {
		return nil, n.errorf("Anything-But expression name not found")
	}
	parse, known := negatable[n.names[0]]
	if !known {
		return nil, n.errorf("Unsupported anything-but pattern: %s", n.names[0])
	}
	if len(n.nodes) > 1 {
		return nil, n.errorf("Only one key allowed in match expression")
	}
	operand := n.nodes[0]
	operands := []node{operand}
	if operand.kind == array {
		if operands = operand.nodes; len(operands) == 0 {
			return nil, operand.errorf("Empty arrays are not allowed")
		}
	}
	var not []matcher
	for _, o := range operands {
		m, err := parse(o)
		if err != nil {
			return nil, err
		}
		not = append(not, m)
	}
	return none(not), nil
}

var negatable = map[string]func(node) (matcher, error){
	"prefix":             nonempty(of("prefix/suffix match", prefix)),
	"suffix":             nonempty(of("prefix/suffix match", suffix)),
	"equals-ignore-case": of("equals-ignore-case match", foldedEqual),
	"wildcard":           wildcardOperator,
}

func nonempty(parse func(node) (matcher, error)) func(node) (matcher, error) {
	return func(n node) (matcher, error) {
		if n.value == (value{isString: true}) {
			return nil, n.errorf("Null prefix/suffix not allowed")
		}
		return parse(n)
	}
}

func anythingButValues(n node) (matcher, error) {
	operands := []node{n}
	if n.kind == array {
		operands = n.nodes
	}
	var not []matcher
	strings, numbers := false, false
	for _, o := range operands {
		switch v := o.value; {
		case v.isString:
			strings = true
			not = append(not, exactly(v.text))
		case v.isNumber && !v.comparable:
			return nil, o.errorf("Cannot compare number : %s", v.text)
		case v.isNumber:
			numbers = true
			not = append(not, equal(v))
		default:
			return nil, o.errorf("Inside anything but list, start|null|boolean is not supported.")
		}
	}
	if strings == numbers {
		return nil, n.errorf("Inside anything but list, either all values are number or string, mixed type is not supported")
	}
	return none(not), nil
}

func none(not []matcher) matcher {
	return func(v value) bool {
		return !slices.ContainsFunc(not, func(m matcher) bool { return m(v) })
	}
}
