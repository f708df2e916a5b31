package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// Request is who wants to do what to what.
type Request struct {
	Principal string // an ARN or a service, events.amazonaws.com; identity policies do without
	Action    string // lambda:InvokeFunction
	Resource  string // ARN

	// Context holds condition keys, aws:SourceArn say, with their one value each. The
	// case of a key does not matter. Keys that follow from Principal and Resource
	// (aws:PrincipalAccount, aws:PrincipalArn, aws:PrincipalIsAWSService,
	// aws:PrincipalServiceName, aws:ResourceAccount) may be left out.
	Context map[string]string

	// Absent are keys that the request certainly does not have, with wildcards:
	// "aws:PrincipalTag/*". Every other key that Context lacks is unknown.
	Absent []string
}

// Outcome is how a decision fell.
type Outcome int

// The outcomes. Where the policies at hand are not all there are (service control
// policies, permissions boundaries, the other side's account), Allowed is only
// what these say.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
const (
	NotAllowed Outcome = iota // no statement allows it
	Denied                    // a statement denies it: nothing can allow it
	Allowed
	Unknown // it depends on condition keys that the request does not tell
)

func (o Outcome) String() string {
	return [...]string{"not allowed", "denied", "allowed", "undecided"}[o]
}

// Decision is an outcome and its reason.
type Decision struct {
	Outcome Outcome

	// The statement that decided: its document's index in the arguments, its own
	// index there and its Sid. Document and Statement are -1 for NotAllowed.
	Document, Statement int
	Sid                 string

	// Unknown are the condition keys and policy variables that are missing, sorted;
	// nil unless Outcome is Unknown.
	Unknown []string
}

// String is the decision in words, for a message.
func (d Decision) String() string {
	s := d.Outcome.String()
	if d.Outcome == Unknown {
		s += " without " + strings.Join(d.Unknown, ", ")
	}
	if d.Statement >= 0 {
		s += fmt.Sprintf(", by %s of policy %d", name(d.Sid, d.Statement), d.Document)
	}
	return s
}

// Evaluate decides by all documents together, as one account does: a statement
// that denies wins, else one that allows. A statement without a principal, from an
// identity policy, is taken to belong to the one of r. A resource policy that names
// the account of both leaves it to the identity policies there, and allows nothing
// by itself. Nil documents are skipped.
func Evaluate(docs []*Document, r Request) Decision {
	in := newValues(r)
	result := Decision{Document: -1, Statement: -1}
	var allow, mayDeny, mayAllow *Decision
	var keys []string
	for i, d := range docs {
		if d == nil {
			continue
		}
		for j, s := range d.statements {
			v := s.applies(r, in)
			here := &Decision{Document: i, Statement: j, Sid: s.sid}
			switch {
			case v.is == no:
			case v.is == yes && s.deny:
				here.Outcome = Denied
				return *here
			case v.is == yes:
				allow = cmp.Or(allow, here)
			case s.deny:
				mayDeny, keys = cmp.Or(mayDeny, here), union(keys, v.keys)
			default:
				mayAllow = cmp.Or(mayAllow, here)
				mayAllow.Unknown = union(mayAllow.Unknown, v.keys)
			}
		}
	}
	switch {
	case allow != nil && mayDeny == nil:
		result = *allow
		result.Outcome = Allowed
	case allow != nil:
		result = *mayDeny
		result.Outcome, result.Unknown = Unknown, keys
	case mayAllow != nil:
		result = *mayAllow
		result.Outcome, result.Unknown = Unknown, union(keys, mayAllow.Unknown)
	}
	return result
}

func (s statement) applies(r Request, in *values) verdict {
	who := s.principals
	if !s.deny && in.sameAccount {
		who = who.withoutAccounts()
	}
	v := who.matches(r.Principal)
	v = v.and(s.actions.matches(strings.ToLower(r.Action), in))
	if s.resources.patterns != nil {
		v = v.and(s.resources.matches(r.Resource, in))
	}
	for _, c := range s.conditions {
		v = v.and(c.holds(in))
	}
	return v
}

func (s set) matches(text string, in *values) verdict {
	return matchAny(s.patterns, text, in, glob, s.except)
}
