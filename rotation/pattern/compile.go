package pattern

import (
	"cmp"
	"maps"
	"slices"
)

// maxRules is how many combinations the branches of $or may have. A pattern of
// EventBridge's 2,048 characters could have billions.
const maxRules = 1000

const or = "$or"

// reserved are names that no field in a branch of $or may have, the ones of
// operators and those that AWS keeps for more of them.
var reserved = []string{
	"exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
	"=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case",
	"date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range",
	"ip-address-in-range", "ip-address-not-in-range",
}

// compiler collects the fields of a pattern: every rule gets every field, except
// those of a branch of $or.
type compiler struct {
	rules   []map[string]field
	plainOr bool // $or is a name like any other
}

// compile returns the rules of a pattern. Patterns are older than $or: one that is
// not valid with it may still be one with a field of that name.
func compile(root node) ([]rule, error) {
	if root.kind != object {
		return nil, root.errorf("Filter is not an object")
	}
	c := compiler{rules: []map[string]field{{}}}
	err := c.object("", root, false)
	if err != nil {
		plain := compiler{rules: []map[string]field{{}}, plainOr: true}
		if plain.object("", root, false) != nil {
			return nil, err
		}
		c = plain
	}
	rules := make([]rule, len(c.rules))
	for i, fields := range c.rules {
		rules[i] = slices.SortedFunc(maps.Values(fields), func(a, b field) int { return cmp.Compare(a.path, b.path) })
	}
	return rules, nil
}

func (c *compiler) object(path string, n node, inOr bool) error {
	if len(n.nodes) == 0 {
		return n.errorf("Empty objects are not allowed")
	}
	for i, name := range n.names {
		if err := c.member(path, name, n.nodes[i], inOr); err != nil {
			return err
		}
	}
	return nil
}

func (c *compiler) member(path, name string, n node, inOr bool) error {
	switch {
	case name == or && !c.plainOr:
		return c.branches(path, n)
	case inOr && slices.Contains(reserved, name):
		return n.errorf("%s is a reserved name which cannot be used inside %s", name, or)
	case n.kind == object:
		return c.object(join(path, name), n, inOr)
	case n.kind == array:
		return c.field(join(path, name), n)
	}
	return n.errorf("%q must be an object or an array", name)
}

// branches puts the fields of every branch of a $or with all rules there are.
func (c *compiler) branches(path string, n node) error {
	if n.kind != array || len(n.nodes) < 2 {
		return n.errorf("%s must be an array of at least 2 objects", or)
	}
	var all []map[string]field
	for _, branch := range n.nodes {
		if branch.kind != object {
			return branch.errorf("Only objects are allowed in the array of %s", or)
		}
		b := compiler{rules: make([]map[string]field, len(c.rules))}
		for i, r := range c.rules {
			b.rules[i] = maps.Clone(r)
		}
		if err := b.object(path, branch, true); err != nil {
			return err
		}
		if all = append(all, b.rules...); len(all) > maxRules {
			return n.errorf("The branches of %s have more than %d combinations", or, maxRules)
		}
	}
	c.rules = all
	return nil
}

func (c *compiler) field(path string, n node) error {
	f := field{path: path}
	for _, wanted := range n.nodes {
		switch {
		case wanted.kind == array:
			return wanted.errorf("Match value must be String, number, true, false, or null")
		case wanted.kind == leaf:
			f.values = append(f.values, literal(wanted.value))
		case slices.Equal(wanted.names, []string{"exists"}) && wanted.nodes[0].value == no:
			f.absent = true
		default:
			m, err := expression(wanted)
			if err != nil {
				return err
			}
			f.values = append(f.values, m)
		}
	}
	if len(n.nodes) == 0 {
		return n.errorf("Empty arrays are not allowed")
	}
	for _, r := range c.rules {
		if _, twice := r[path]; twice {
			return n.errorf("Path `%s` cannot be allowed multiple times", path)
		}
		r[path] = f
	}
	return nil
}

var yes, no = value{text: "true"}, value{text: "false"}
