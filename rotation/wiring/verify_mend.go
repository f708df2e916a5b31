package wiring

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/event"
)

// setup is the command that makes the rules of an event right, with every secret
// that they have now and that still exists: what it does not name, they lose.
func (r *report) setup(ctx context.Context, e Event, routes []*route) string {
	var ids []string
	for _, s := range r.secrets {
		ids = append(ids, s.Name)
	}
	bus := r.busFor(e)
	for _, w := range routes {
		if !w.ours || w.event != e {
			continue
		}
		bus = w.bus
		for _, id := range patternNames(w.pattern) {
			if !slices.Contains(ids, id) && !r.gone(ctx, id) {
				ids = append(ids, id)
			}
		}
	}
	command := "rotation setup --function " + r.function.String() + " --event " + string(e)
	if e == Custom {
		command += customFlags(bus, r.v.Matcher)
	}
	for _, id := range ids {
		command += " --secret " + Quote(id)
	}
	return command
}

// customFlags are the flags of a custom event that is not as the defaults have it.
func customFlags(bus string, m event.Matcher) string {
	var flags string
	if bus != DefaultBus {
		flags += " --bus " + bus
	}
	for _, f := range []struct{ name, value string }{
		{"--source", m.Source}, {"--detail-type", m.DetailType}, {"--detail-key", m.DetailKey},
	} {
		if f.value != "" {
			flags += " " + f.name + " " + Quote(f.value)
		}
	}
	return flags
}

func busFlag(bus string) string {
	if bus == DefaultBus {
		return ""
	}
	return " --event-bus-name " + bus
}

// gone reports whether a secret is certainly none that could rotate.
func (r *report) gone(ctx context.Context, id string) bool {
	s, err := r.clients.secret(ctx, id)
	_, missing := errors.AsType[*NotFoundError](err)
	return missing || err == nil && !s.Deleted.IsZero()
}

// addReference adds a secret to those that a variable names.
func (r *report) addReference(key, id string) string {
	return r.changeVariables("--arg k "+Quote(key)+" --arg v "+Quote(id), `.Variables[$k] |= ([. // empty, $v] | map(select(. != "")) | join(","))`)
}

// setVariables gives variables of the function other values.
func (r *report) setVariables(vars map[string]string) string {
	var args, filters []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		args = append(args, "--arg "+name+" "+Quote(vars[name]))
		filters = append(filters, ".Variables."+name+" = $"+name)
	}
	return r.changeVariables(strings.Join(args, " "), strings.Join(filters, " | "))
}

// changeVariables keeps what the function has, since Lambda replaces all variables
// at once. They go through a pipe, for argument lists can be read by others, and
// the answer with all their values is not printed.
func (r *report) changeVariables(args, filter string) string {
	f := r.function
	return "aws lambda get-function-configuration --function-name " + f.Name + " --query Environment --output json | jq " + args + " " + Quote(filter) +
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
