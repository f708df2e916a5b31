// Package policy evaluates IAM policy documents.
//
// It answers whether the policies at hand let a principal do one thing to one
// resource, and says so when that depends on what the caller did not tell:
//
//	doc, err := policy.Parse(document)
//	decision := policy.Evaluate([]*policy.Document{doc}, policy.Request{
//		Principal: "events.amazonaws.com",
//		Action:    "lambda:InvokeFunction",
//		Resource:  functionARN,
//		Context:   map[string]string{"aws:SourceArn": ruleARN},
//	})
//	if decision.Outcome != policy.Allowed {
//		fmt.Println(decision) // undecided without aws:SourceAccount, by statement "events" …
//	}
//
// The grammar is that of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html.
package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Document is a policy document that was parsed. It never changes.
type Document struct {
	statements []statement
}

type statement struct {
	sid        string
	deny       bool
	principals *principals // nil in an identity policy: it belongs to its principal
	actions    set
	resources  set // no patterns in the trust policy of a role: it belongs to its resource
	conditions []condition
}

// set is what an element or its Not form names.
type set struct {
	patterns []pattern
	except   bool // the Not form: everything else
}

// list is a value or a list of values; nil when the element is absent or null.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case 'n':
		return nil
	case '[':
		*l = list[T]{} // an empty list is not an absent one
		return decode(b, (*[]T)(l))
	}
	*l = make(list[T], 1)
	return decode(b, &(*l)[0])
}

// scalar is a value of a condition: IAM takes numbers and booleans for strings.
type scalar string

func (s *scalar) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '{', '[', 'n':
		return fmt.Errorf("got %s, want a string, a number or a boolean", b)
	case '"':
		return json.Unmarshal(b, (*string)(s))
	}
	*s = scalar(b)
	return nil
}

type rawDocument struct {
	Version   string
	ID        string `json:"Id"`
	Statement list[rawStatement]
}

type rawStatement struct {
	Sid          string
	Effect       string
	Principal    *principals
	NotPrincipal *principals
	Action       list[string]
	NotAction    list[string]
	Resource     list[string]
	NotResource  list[string]
	Condition    map[string]map[string]list[scalar]
}

// decode refuses elements that the target does not have: a policy with one that
// is not understood must not be judged without it.
func decode(b []byte, target any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	return d.Decode(target)
}

// Parse reads a policy document in JSON. What the IAM API returns is URL-encoded:
// decode it first. The error names every statement that is wrong and why.
func Parse(document []byte) (*Document, error) {
	if !json.Valid(document) {
		return nil, errors.New("parse policy: no valid JSON")
	}
	var raw rawDocument
	if err := decode(document, &raw); err != nil {
		return nil, fmt.Errorf("parse policy: %w", err)
	}
	// The older version, which is also the default, takes ${…} literally.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
	variables := false
	switch raw.Version {
	case "2012-10-17":
		variables = true
	case "2008-10-17", "":
	default:
		return nil, fmt.Errorf("parse policy: Version is %q, want 2012-10-17 or 2008-10-17", raw.Version)
	}
	d := &Document{}
	var errs []error
	for i, r := range raw.Statement {
		s, err := r.compile(variables)
		if err != nil {
			errs = append(errs, fmt.Errorf("parse policy: %s: %w", name(r.Sid, i), err))
		}
		d.statements = append(d.statements, s)
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

// name is what messages call a statement.
func name(sid string, index int) string {
	if sid != "" {
		return fmt.Sprintf("statement %q", sid)
	}
	return fmt.Sprintf("statement %d", index)
}

func (r rawStatement) compile(variables bool) (statement, error) {
	s := statement{sid: r.Sid, deny: r.Effect == "Deny"}
	var errs []error
	if r.Effect != "Allow" && r.Effect != "Deny" {
		errs = append(errs, fmt.Errorf("got the Effect %q, want Allow or Deny", r.Effect))
	}
	if r.Principal != nil && r.NotPrincipal != nil {
		errs = append(errs, errors.New("got both Principal and NotPrincipal"))
	}
	s.principals = cmp.Or(r.Principal, r.NotPrincipal)
	if r.NotPrincipal != nil {
		s.principals.except = true
	}
	var err error
	s.actions, err = newSet("Action", r.Action, r.NotAction, compileAction)
	errs = append(errs, err)
	if s.actions.patterns == nil && err == nil {
		errs = append(errs, errors.New("got neither Action nor NotAction"))
	}
	s.resources, err = newSet("Resource", r.Resource, r.NotResource, func(text string) pattern {
		return compileResource(text, variables)
	})
	errs = append(errs, err)
	for op, keys := range r.Condition {
		for key, values := range keys {
			c, err := newCondition(op, key, values, variables)
			errs = append(errs, err)
			s.conditions = append(s.conditions, c)
		}
	}
	slices.SortFunc(s.conditions, condition.compare)
	return s, errors.Join(errs...)
}

func newSet(element string, yes, not list[string], compile func(string) pattern) (set, error) {
	if yes != nil && not != nil {
		return set{}, fmt.Errorf("got both %s and Not%[1]s", element)
	}
	s := set{except: not != nil}
	texts := yes
	if s.except {
		texts = not
	}
	if texts != nil && len(texts) == 0 {
		return set{}, fmt.Errorf("%s is an empty list", element)
	}
	for _, t := range texts {
		s.patterns = append(s.patterns, compile(t))
	}
	return s, nil
}
