package wiring

import (
	"context"
	"errors"
	"maps"
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
		r.failed(CheckSecret, id, err.Error(), "aws secretsmanager create-secret --name "+quote(nameIn(id))+" --secret-string file://VALUE.json")
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

// addReference adds a secret to those that a variable names.
func (r *report) addReference(key, id string) string {
	return r.changeVariables("--arg k "+quote(key)+" --arg v "+quote(id), `.Variables[$k] |= ([. // empty, $v] | map(select(. != "")) | join(","))`)
}

// setVariables gives variables of the function other values.
func (r *report) setVariables(vars map[string]string) string {
	var args, filters []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		args = append(args, "--arg "+name+" "+quote(vars[name]))
		filters = append(filters, ".Variables."+name+" = $"+name)
	}
	return r.changeVariables(strings.Join(args, " "), strings.Join(filters, " | "))
}

// changeVariables keeps what the function has, since Lambda replaces all variables
// at once. They go through a pipe, for argument lists can be read by others, and
// the answer with all their values is not printed.
func (r *report) changeVariables(args, filter string) string {
	f := r.function
	return "aws lambda get-function-configuration --function-name " + f.Name + " --query Environment --output json | jq " + args + " " + quote(filter) +
		" | aws lambda update-function-configuration --function-name " + f.Name + " --environment file:///dev/stdin --query LastUpdateStatus --output text" + r.publish()
}

// publish is what must follow a change of the function: its end, before the next
// one, and a version, which cannot be changed.
func (r *report) publish() string {
	f := r.function
	done := " && aws lambda wait function-updated-v2 --function-name " + f.Name
	publish := " && aws lambda publish-version --function-name " + f.Name + " --query Version --output text"
	switch {
	case f.Qualifier == "":
		return done
	case isVersion(f.Qualifier):
		return done + publish + " # version " + f.Qualifier + " itself cannot be changed: wire the new one"
	}
	return done + publish + " | xargs aws lambda update-alias --function-name " + f.Name + " --name " + f.Qualifier + " --function-version"
}

func isVersion(qualifier string) bool {
	return strings.Trim(qualifier, "0123456789") == ""
}
