package variables

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

// resolved is what references stand for at one moment.
type resolved struct {
	vars     map[string]string
	from     map[string]string // variable to secret id
	warnings []string
	missing  []error // references to a key that is not there
}

// resolve makes variables of the secrets that secrets has; a reference to
// another one makes none.
func resolve(refs []Reference, secrets map[string]*cache.Secret) resolved {
	r := resolved{vars: make(map[string]string), from: make(map[string]string)}
	for _, ref := range refs {
		if s := secrets[ref.ID]; s != nil {
			r.add(ref, s)
		}
	}
	return r
}

func (r *resolved) add(ref Reference, s *cache.Secret) {
	if ref.Name != "" && !ref.Prefix && !ref.HasKey {
		r.addAll(ref, map[string]string{ref.Name: s.Value.Reveal()})
		return
	}
	object, err := s.Object()
	switch {
	case ref.HasKey && err != nil:
		r.missing = append(r.missing, fmt.Errorf("%s: no key %q: %w", ref, shorten(ref.Key), err))
	case ref.HasKey:
		value, ok := object[ref.Key]
		if !ok {
			r.missing = append(r.missing, fmt.Errorf("%s: no key %q in the JSON object", ref, shorten(ref.Key)))
			return
		}
		r.addAll(ref, map[string]string{ref.variable(): value})
	case errors.Is(err, cache.ErrBinary), errors.Is(err, cache.ErrNotObject):
		r.warn(ref, "%v: it becomes no variables, the endpoint serves it", err)
	case err != nil:
		r.warn(ref, "%v", err)
	default:
		prefixed := make(map[string]string, len(object))
		for key, value := range object {
			prefixed[ref.Name+key] = value
		}
		r.addAll(ref, prefixed)
	}
}

// addAll adds the variables of one reference. What cannot be one is skipped and
// named, a line for each reason.
func (r *resolved) addAll(ref Reference, vars map[string]string) {
	var noNames, reservedOnes, nul, notUTF8 []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := vars[name]
		switch {
		case !dotenv.IsName(name):
			noNames = append(noNames, name)
		case reserved(name):
			reservedOnes = append(reservedOnes, name)
		case strings.ContainsRune(value, 0):
			nul = append(nul, name)
		case !utf8.ValidString(value):
			notUTF8 = append(notUTF8, name)
		default:
			if before, ok := r.from[name]; ok {
				r.warn(ref, "%s is already a variable of %s: the one of %s replaces it", name, before, ref.ID)
			}
			r.vars[name], r.from[name] = value, ref.ID
		}
	}
	r.skip(ref, "not a variable name", noNames)
	r.skip(ref, "reserved, because it changes how a process runs", reservedOnes)
	r.skip(ref, "the value holds a NUL byte", nul)
	r.skip(ref, "the value is not valid UTF-8", notUTF8)
}

func (r *resolved) skip(ref Reference, why string, names []string) {
	if len(names) > 0 {
		r.warn(ref, "skipped %s: %s", list(names), why)
	}
}

func (r *resolved) warn(ref Reference, format string, args ...any) {
	r.warnings = append(r.warnings, ref.String()+": "+fmt.Sprintf(format, args...))
}

// list quotes names for a log line, the first few of many.
func list(names []string) string {
	const most = 20
	var quoted []string
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", shorten(n)))
	}
	s := strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
