package policy

import (
	"slices"
	"strings"
)

// verdict is yes, no, or undecided for want of the keys.
type verdict struct {
	is   truth
	keys []string // sorted, when undecided
}

type truth int8

const (
	no truth = iota
	maybe
	yes
)

func certain(b bool) verdict {
	if b {
		return verdict{is: yes}
	}
	return verdict{is: no}
}

func undecided(key string) verdict { return verdict{maybe, []string{key}} }

func (v verdict) and(w verdict) verdict {
	switch {
	case v.is == no || w.is == yes:
		return v
	case w.is == no || v.is == yes:
		return w
	}
	return verdict{maybe, union(v.keys, w.keys)}
}

func (v verdict) or(w verdict) verdict { return v.not().and(w.not()).not() }

func (v verdict) not() verdict { return verdict{yes - v.is, v.keys} }

func union(a, b []string) []string {
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}

// values are the condition keys of a request.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
type values struct {
	known  map[string]string // by lower-case key
	absent []pattern         // of lower-case keys

	sameAccount bool // of the principal and the resource
}

type state int8

const (
	unknown state = iota
	absent
	present
)

func (c *values) lookup(key string) (string, state) {
	key = strings.ToLower(key)
	if v, ok := c.known[key]; ok {
		return v, present
	}
	for _, p := range c.absent {
		if glob(p.glyphs, key) {
			return "", absent
		}
	}
	return "", unknown
}

// newValues adds what follows from the principal and the resource of r, unless its
// Context says otherwise.
func newValues(r Request) *values {
	c := &values{known: make(map[string]string)}
	for k, v := range r.Context {
		c.known[strings.ToLower(k)] = v
	}
	imply := func(key, value string) {
		if _, told := c.known[key]; !told && value != "" {
			c.known[key] = value
		}
	}
	resource, _ := parseARN(r.Resource)
	imply("aws:resourceaccount", resource.account)
	for _, k := range r.Absent {
		c.absent = append(c.absent, compileAction(k))
	}
	if a, ok := parseARN(r.Principal); ok {
		c.sameAccount = a.account != "" && a.account == resource.account
		imply("aws:principalaccount", a.account)
		imply("aws:principalisawsservice", "false")
		if a.service == "iam" { // the ARN of a session has lost the path of its role
			imply("aws:principalarn", r.Principal)
		}
	}
	if isService(r.Principal) {
		imply("aws:principalisawsservice", "true")
		imply("aws:principalservicename", r.Principal)
		// A service that calls for itself has none of these.
		for _, k := range []string{"aws:principalarn", "aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:principaltag/*", "aws:username"} {
			c.absent = append(c.absent, compileAction(k))
		}
	}
	return c
}
