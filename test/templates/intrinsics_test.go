package templates

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// resolver works out the intrinsic functions that the templates use; any other one
// fails the test.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
type resolver struct {
	t          *testing.T
	values     map[string]any // of parameters and pseudo parameters
	conditions map[string]any
	resources  map[string]resource
}

// absent takes what holds it out of the template.
type absent struct{}

func (r *resolver) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, e := range v {
			if e = r.resolve(e); e != (absent{}) {
				out = append(out, e)
			}
		}
		return out
	case map[string]any:
		if name, argument, ok := intrinsic(v); ok {
			return r.call(name, argument)
		}
		out := map[string]any{}
		for name, e := range v {
			if e = r.resolve(e); e != (absent{}) {
				out[name] = e
			}
		}
		return out
	}
	return v
}

func intrinsic(m map[string]any) (name string, argument any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
	}
	return name, argument, name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::")
}

func (r *resolver) call(name string, argument any) any {
	switch name {
	case "Ref":
		return r.ref(argument.(string))
	case "Fn::GetAtt":
		if path, ok := argument.(string); ok {
			id, attribute, _ := strings.Cut(path, ".")
			return r.attribute(id, attribute)
		}
		return r.attribute(list(argument)[0].(string), list(argument)[1].(string))
	case "Fn::Sub":
		return placeholder.ReplaceAllStringFunc(argument.(string), func(s string) string {
			return fmt.Sprint(r.ref(s[2 : len(s)-1]))
		})
	case "Fn::Join":
		var parts []string
		for _, p := range list(r.resolve(list(argument)[1])) {
			parts = append(parts, p.(string))
		}
		return strings.Join(parts, list(argument)[0].(string))
	case "Fn::If":
		branches := list(argument)
		if r.resolve(r.conditions[branches[0].(string)]) == true {
			return r.resolve(branches[1])
		}
		return r.resolve(branches[2])
	case "Fn::Equals":
		sides := list(r.resolve(argument))
		return sides[0] == sides[1]
	case "Fn::Not":
		return list(r.resolve(argument))[0] == false
	}
	r.t.Errorf("intrinsic function %s is not known here", name)
	return nil
}

var placeholder = regexp.MustCompile(`\$\{[A-Za-z0-9:]+\}`)

// ref gives the value of a parameter, or the id of a resource. Of a function it is
// the name, which stands for the function as its ARN does.
func (r *resolver) ref(name string) any {
	if value, ok := r.values[name]; ok {
		return value
	}
	resource, ok := r.resources[name]
	switch {
	case !ok:
		r.t.Errorf("Ref %s: there is no such parameter or resource", name)
	case resource.Type == "AWS::Lambda::Function":
		return "function"
	}
	return name
}

func (r *resolver) attribute(id, name string) any {
	switch kind := r.resources[id].Type; {
	case kind == "":
		r.t.Errorf("Fn::GetAtt %s.%s: there is no such resource", id, name)
	case kind == "AWS::Lambda::Function" && name == "Arn":
		return "function"
	case kind == "AWS::Events::Rule" && name == "Arn":
		return "rule"
	}
	return id + "." + name
}
