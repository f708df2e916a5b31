package wiring

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// ids are the secrets to look at: those asked for, else those that the function
// holds, else those that rules of ours are there for.
func (r *report) ids(routes []*route) []string {
	if len(r.v.Secrets) > 0 {
		return r.v.Secrets
	}
	refs, err := r.function.references()
	ids := variables.IDs(refs)
	if len(ids) > 0 {
		return ids
	}
	for _, w := range routes {
		for _, id := range patternNames(w.pattern) {
			if w.ours && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) > 0 {
		return ids
	}
	key := r.function.secretsKey()
	if err != nil {
		r.failed(CheckVariable, r.function.String(), err.Error(), r.setVariables(map[string]string{key: "SECRET_ID"}))
	} else {
		r.failed(CheckVariable, r.function.String(), key+" is not set: the function holds no secret that could rotate", r.addReference(key, "SECRET_ID"))
	}
	return nil
}

// secret looks a secret up and checks that it can have events.
func (r *report) secret(ctx context.Context, id string) (Secret, bool) {
	if err := checkPlace(id, r.function.FunctionID); err != nil {
		r.failed(CheckSecret, id, err.Error(), "rotation verify --function "+r.function.String()+" --secret ANOTHER")
		return Secret{}, false
	}
	s, err := r.clients.secret(ctx, id)
	_, missing := errors.AsType[*NotFoundError](err)
	switch {
	case missing:
		r.failed(CheckSecret, id, err.Error(), "aws secretsmanager create-secret --name "+Quote(nameIn(id))+" --secret-string file://VALUE.json")
	case err != nil:
		r.unknown(CheckSecret, id, err)
	case !s.Deleted.IsZero():
		r.failed(CheckSecret, id, "it is marked for deletion: no reader gets it, and no event is sent",
			"aws secretsmanager restore-secret --secret-id "+Quote(id))
	default:
		r.ok(CheckSecret, id, s.ARN)
	}
	return s, err == nil
}

// nameIn returns the name in the ARN of a secret, and everything else as it is.
func nameIn(id string) string {
	if _, name, ok := strings.Cut(id, ":secret:"); ok {
		return suffix.ReplaceAllString(name, "")
	}
	return id
}

// variable checks that the extension will hold the secret from its start.
func (r *report) variable(s Secret) {
	key := r.function.secretsKey()
	refs, err := r.function.references()
	ids := variables.IDs(refs)
	switch {
	case err != nil:
		r.failed(CheckVariable, s.ID, err.Error(), r.setVariables(map[string]string{key: s.ID}))
	case slices.ContainsFunc(ids, s.is):
		r.ok(CheckVariable, s.ID, "")
	case len(ids) == 0:
		r.failed(CheckVariable, s.ID, key+" is not set", r.addReference(key, s.ID))
	default:
		r.failed(CheckVariable, s.ID, key+" names "+strings.Join(ids, ", "), r.addReference(key, s.ID))
	}
}

// is reports whether an id means the secret.
func (s Secret) is(id string) bool {
	return slices.Contains([]string{s.Name, s.ARN, s.partialARN()}, id)
}
