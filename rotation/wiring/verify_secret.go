package wiring

import (
	"context"
	"errors"
	"fmt"
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
	detail := r.function.secretsKey() + " is not set: the function holds no secret that could rotate"
	if err != nil {
		detail = err.Error()
	}
	r.failed(CheckVariable, r.function.String(), detail, r.setVariable(r.function.secretsKey(), Secret{ID: "SECRET_ID"}))
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
		r.failed(CheckSecret, id, err.Error(), "aws secretsmanager create-secret --name "+quote(id)+" --secret-string file://VALUE.json")
	case err != nil:
		r.unknown(CheckSecret, id, err)
	case !s.Deleted.IsZero():
		r.failed(CheckSecret, id, "it is marked for deletion: no reader gets it, and no event is sent",
			"aws secretsmanager restore-secret --secret-id "+quote(id))
	default:
		r.ok(CheckSecret, id, s.ARN)
	}
	return s, err == nil
}

// variable checks that the extension will hold the secret from its start.
func (r *report) variable(s Secret) {
	key := r.function.secretsKey()
	refs, err := r.function.references()
	if err != nil {
		r.failed(CheckVariable, s.ID, err.Error(), r.setVariable(key, s))
		return
	}
	ids := variables.IDs(refs)
	if slices.ContainsFunc(ids, s.is) {
		r.ok(CheckVariable, s.ID, "")
		return
	}
	detail := key + " is not set"
	if len(ids) > 0 {
		detail = key + " names " + strings.Join(ids, ", ")
	}
	want := s.ID
	if have := r.function.variable(key); have != "" && len(ids) > 0 {
		want = have + "," + s.ID
	}
	r.failed(CheckVariable, s.ID, detail, r.setVariable(key, Secret{ID: want}))
}

// is reports whether an id means the secret.
func (s Secret) is(id string) bool { return id == s.Name || id == s.ARN || id == s.partialARN() }

// setVariable adds to what the function has: Lambda replaces all variables at
// once. They go through a pipe, since argument lists can be read by others.
func (r *report) setVariable(key string, s Secret) string {
	f := r.function
	command := fmt.Sprintf("aws lambda get-function-configuration --function-name %s --query Environment | jq '.Variables[\"%s\"]=\"%s\"' | aws lambda update-function-configuration --function-name %s --environment file:///dev/stdin",
		f.Name, key, s.ID, f.Name)
	return command + r.publish()
}

// publish is what must follow a change of the function, because a version cannot
// be changed.
func (r *report) publish() string {
	if r.function.Qualifier == "" {
		return ""
	}
	return " && aws lambda publish-version --function-name " + r.function.Name + " # then move " + r.function.Qualifier + " to it"
}
