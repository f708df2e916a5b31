package policy

import (
	"fmt"
	"slices"
	"strings"
)

// principals is the element Principal, or NotPrincipal.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
type principals struct {
	except   bool     // NotPrincipal: everyone else
	everyone bool     // "*" or {"AWS":"*"}
	aws      []string // ARNs, account ids, unique ids
	services []string
	others   []string // Federated and CanonicalUser
}

func (p *principals) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		if string(b) != `"*"` {
			return fmt.Errorf("got the Principal %s, want \"*\" or an object", b)
		}
		p.everyone = true
		return nil
	}
	var raw struct{ AWS, Service, Federated, CanonicalUser list[string] }
	if err := decode(b, &raw); err != nil {
		return fmt.Errorf("in Principal: %w", err)
	}
	for _, id := range raw.AWS {
		if id == "*" {
			p.everyone = true
		}
	}
	p.aws, p.services = raw.AWS, raw.Service
	p.others = append(raw.Federated, raw.CanonicalUser...)
	return nil
}

func (p *principals) matches(principal string) verdict {
	if p == nil {
		return certain(true)
	}
	v := certain(p.everyone)
	for _, s := range p.services {
		v = v.or(certain(s == principal || s == "*" && isService(principal)))
	}
	for _, id := range p.aws {
		v = v.or(matchesAWS(id, principal))
	}
	for _, id := range p.others {
		v = v.or(certain(id == principal))
	}
	if p.except {
		return v.not()
	}
	return v
}

// withoutAccounts is p less the accounts that it names.
func (p *principals) withoutAccounts() *principals {
	if p == nil || p.except {
		return p
	}
	q := *p
	q.aws = slices.DeleteFunc(slices.Clone(p.aws), func(id string) bool {
		return isAccount(id) || strings.HasSuffix(id, ":root")
	})
	return &q
}

// matchesAWS tells whether the id that a policy names stands for the principal: an
// account for everyone in it, a role for its sessions.
func matchesAWS(id, principal string) verdict {
	if id == principal {
		return certain(true)
	}
	who, ok := parseARN(principal)
	if !ok {
		return certain(false)
	}
	if isAccount(id) {
		return certain(id == who.account)
	}
	named, ok := parseARN(id)
	if !ok || named.partition != who.partition || named.account != who.account {
		return certain(false)
	}
	if named.resource == "root" {
		return certain(true)
	}
	// Role names are unique in an account, whatever the path.
	role, session := roleOf(named)
	whose, current := roleOf(who)
	switch {
	case role == "" || role != whose:
		return certain(false)
	case session == "":
		return certain(current != "") // a role that is not itself named has another path
	case current == "":
		return undecided("the session's name")
	}
	return certain(false)
}

// roleOf returns the name of the role that an ARN is about, "" for no role, and
// the name of its session, "" for the role itself.
func roleOf(a arn) (role, session string) {
	switch {
	case a.service == "iam" && strings.HasPrefix(a.resource, "role/"):
		return a.resource[strings.LastIndex(a.resource, "/")+1:], ""
	case a.service == "sts" && strings.HasPrefix(a.resource, "assumed-role/"):
		role, session, _ = strings.Cut(strings.TrimPrefix(a.resource, "assumed-role/"), "/")
	}
	return role, session
}

type arn struct{ partition, service, account, resource string }

func parseARN(s string) (arn, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" {
		return arn{}, false
	}
	return arn{partition: p[1], service: p[2], account: p[4], resource: p[5]}, true
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isService tells a service principal, events.amazonaws.com say.
func isService(principal string) bool {
	return !strings.Contains(principal, ":") && strings.Contains(principal, ".amazonaws.com")
}
