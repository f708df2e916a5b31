package variables

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

// Reference names a secret and the variables it becomes: [NAME=]id[#key].
//
//	MySecret                      every key of the JSON object
//	DB_*=prod/db                  every key, prefixed with DB_
//	API_KEY=prod/api-key          the whole value
//	DB_PASSWORD=prod/db#password  one key
//	prod/db#password              one key, which is the variable's name too
type Reference struct {
	Name   string // the variable; where Prefix is set the prefix, without its *
	Prefix bool
	ID     string // name, ARN or partial ARN of the secret
	Key    string // a key of the JSON object, where HasKey is set
	HasKey bool
}

// String returns the reference as [Parse] reads it.
func (r Reference) String() string {
	s := r.ID
	if r.HasKey {
		s += "#" + r.Key
	}
	switch {
	case r.Prefix:
		return r.Name + "*=" + s
	case r.Name != "":
		return r.Name + "=" + s
	}
	return s
}

// maxID is the length of the longest secret id that GetSecretValue takes.
const maxID = 2048

// Parse reads references that commas or white space separate. Its error joins
// one problem for each reference that is none; the others are returned all the
// same.
//
// What stands before the first "=" is a name only if it is a variable name, or
// one followed by "*": names of secrets may hold "=" too.
func Parse(s string) ([]Reference, error) {
	var (
		refs     []Reference
		problems []error
		seen     = make(map[Reference]bool)
	)
	for word := range strings.FieldsFuncSeq(s, isSeparator) {
		r := split(word)
		err := r.check()
		if err == nil && seen[r] {
			err = errors.New("stands there twice")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("reference %q: %w", shorten(word), err))
			continue
		}
		seen[r] = true
		refs = append(refs, r)
	}
	return refs, errors.Join(problems...)
}

// IDs returns the distinct ids of refs in their order. One id is one fetch,
// however many references name it.
func IDs(refs []Reference) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, r := range refs {
		if !seen[r.ID] {
			seen[r.ID] = true
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func isSeparator(r rune) bool { return r == ',' || unicode.IsSpace(r) }

func split(word string) Reference {
	var r Reference
	if before, after, ok := strings.Cut(word, "="); ok {
		name, prefix := strings.CutSuffix(before, "*")
		if dotenv.IsName(name) {
			r.Name, r.Prefix, word = name, prefix, after
		}
	}
	// No id holds a "#", so the first one starts the key.
	r.ID, r.Key, r.HasKey = strings.Cut(word, "#")
	return r
}

func (r Reference) check() error {
	if r.ID == "" {
		return errors.New("has no secret id; want [NAME=]id[#key]")
	}
	if i := strings.IndexFunc(r.ID, notInID); i >= 0 {
		c, _ := utf8.DecodeRuneInString(r.ID[i:])
		return fmt.Errorf("the secret id holds %q; want ASCII letters, digits and /_+=.@-!: only", c)
	}
	if len(r.ID) > maxID {
		return fmt.Errorf("the secret id has %d characters; want %d at most", len(r.ID), maxID)
	}
	if r.HasKey && r.Key == "" {
		return errors.New("has no key after #; want id#key, or id alone for all keys")
	}
	if r.Prefix && r.HasKey {
		return fmt.Errorf("a prefix is for all keys; want %s*=%s, or a NAME for one key", r.Name, r.ID)
	}
	if r.Prefix && reservedFamily(r.Name) {
		return fmt.Errorf("variables %s… are reserved; want another prefix", r.Name)
	}
	if name := r.variable(); name != "" {
		if !dotenv.IsName(name) {
			return fmt.Errorf("the key %q is no variable name; want a NAME for it", shorten(name))
		}
		if reserved(name) {
			return fmt.Errorf("%s is reserved, because it changes how a process runs; want another NAME", name)
		}
	}
	return nil
}

// variable returns the one variable that the reference stands for; "" when it
// stands for all keys. A key without a name is its own name.
func (r Reference) variable() string {
	switch {
	case r.Prefix:
		return ""
	case r.Name == "" && r.HasKey:
		return r.Key
	}
	return r.Name
}

// notInID reports characters that no secret id has: beside those that a name
// may hold there is the ":" of ARNs, and the "!" in the names of secrets that
// other AWS services manage (rds!db-…).
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
func notInID(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return false
	}
	return !strings.ContainsRune("/_+=.@-!:", c)
}

// shorten keeps a message readable, and a hostile key out of the log.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
