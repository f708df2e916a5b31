package templates

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// module is the Terraform module, parsed.
type module struct {
	variables   map[string]cty.Value // their defaults
	validations map[string]hclsyntax.Expression
	blocks      map[string]*hclsyntax.Block // resources and data sources, by address
	outputs     map[string]hclsyntax.Expression
	providers   map[string]string // the versions that are wanted
}

// functions are those of Terraform that the module calls.
var functions = map[string]function.Function{
	"can": tryfunc.CanFunc, "contains": stdlib.ContainsFunc, "jsonencode": stdlib.JSONEncodeFunc, "regex": stdlib.RegexFunc,
}

func load(t *testing.T) *module {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "terraform", "*.tf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of Terraform: %v", err)
	}
	m := &module{
		variables: map[string]cty.Value{}, validations: map[string]hclsyntax.Expression{},
		blocks: map[string]*hclsyntax.Block{}, outputs: map[string]hclsyntax.Expression{}, providers: map[string]string{},
	}
	for _, path := range files {
		f, diagnostics := hclsyntax.ParseConfig(read(t, path), path, hcl.InitialPos)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			m.add(t, b)
		}
	}
	return m
}

func (m *module) add(t *testing.T, b *hclsyntax.Block) {
	t.Helper()
	switch b.Type {
	case "terraform":
		for name, a := range b.Body.Blocks[0].Body.Attributes {
			m.providers[name] = evaluate(t, a.Expr, nil).GetAttr("version").AsString()
		}
	case "variable":
		m.variables[b.Labels[0]] = cty.NilVal
		if d := b.Body.Attributes["default"]; d != nil {
			m.variables[b.Labels[0]] = evaluate(t, d.Expr, nil)
		}
		for _, v := range b.Body.Blocks {
			m.validations[b.Labels[0]] = v.Body.Attributes["condition"].Expr
		}
	case "resource":
		m.blocks[strings.Join(b.Labels, ".")] = b
	case "data":
		m.blocks["data."+strings.Join(b.Labels, ".")] = b
	case "output":
		m.outputs[b.Labels[0]] = b.Body.Attributes["value"].Expr
	default:
		t.Fatalf("%s: a block %s is not known here", b.DefRange(), b.Type)
	}
}

// validate says what is wrong with a value of a variable, "" if nothing is.
func (m *module) validate(name string, value cty.Value) string {
	condition, ok := m.validations[name]
	if !ok {
		return ""
	}
	scope := &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{
		"var": cty.ObjectVal(map[string]cty.Value{name: value}),
	}}
	got, diagnostics := condition.Value(scope)
	switch {
	case diagnostics.HasErrors():
		return diagnostics.Error()
	case got.False():
		return "the condition is false"
	}
	return ""
}

// plan works out what the module makes with these variables. What only AWS knows
// is the address of the attribute: aws_iam_role.this.arn.
func plan(t *testing.T, p place, variables map[string]cty.Value) planned {
	t.Helper()
	m := load(t)
	all := maps.Clone(m.variables)
	maps.Copy(all, variables)
	for name, value := range all {
		if value == cty.NilVal {
			t.Fatalf("variable %s has no value", name)
		}
		if problem := m.validate(name, value); problem != "" {
			t.Errorf("variable %s: %s", name, problem)
		}
	}
	known := map[string]map[string]cty.Value{
		"data.aws_partition.current":       {"partition": cty.StringVal(p.partition), "dns_suffix": cty.StringVal(p.suffix)},
		"data.aws_region.current":          {"region": cty.StringVal(p.region)},
		"data.aws_caller_identity.current": {"account_id": cty.StringVal(account)},
		"data.archive_file.function":       {"output_base64sha256": cty.StringVal("data.archive_file.function.output_base64sha256")},
	}
	for address := range m.blocks {
		if known[address] == nil {
			known[address] = map[string]cty.Value{"arn": cty.StringVal(address + ".arn"), "id": cty.StringVal(address + ".id")}
		}
	}
	// A reference is resolved in the round after what it refers to.
	made := planned{}
	for round := range 4 {
		scope := &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{
			"var": cty.ObjectVal(all), "path": cty.ObjectVal(map[string]cty.Value{"module": cty.StringVal(filepath.Join(folder, "terraform"))}),
		}}
		reachable(known, scope.Variables)
		for address, b := range m.blocks {
			attributes, diagnostics := body(b.Body, scope)
			if round == 3 && diagnostics.HasErrors() {
				t.Fatalf("%s: %v", address, diagnostics)
			}
			maps.Copy(known[address], attributes)
			if count, ok := attributes["count"]; !ok || count.RawEquals(cty.NumberIntVal(1)) {
				made[address] = cty.ObjectVal(known[address])
			}
		}
	}
	return made
}

// reachable adds the known attributes to the names that expressions can use.
func reachable(known map[string]map[string]cty.Value, scope map[string]cty.Value) {
	kinds := map[string]map[string]cty.Value{}
	data := map[string]map[string]cty.Value{}
	for address, attributes := range known {
		into := kinds
		path, isData := strings.CutPrefix(address, "data.")
		if isData {
			into = data
		}
		kind, name, _ := strings.Cut(path, ".")
		if into[kind] == nil {
			into[kind] = map[string]cty.Value{}
		}
		into[kind][name] = cty.ObjectVal(attributes)
	}
	sources := map[string]cty.Value{}
	for kind, all := range data {
		sources[kind] = cty.ObjectVal(all)
	}
	scope["data"] = cty.ObjectVal(sources)
	for kind, all := range kinds {
		scope[kind] = cty.ObjectVal(all)
	}
}

// body evaluates the attributes, and the blocks as if they were attributes.
func body(b *hclsyntax.Body, scope *hcl.EvalContext) (map[string]cty.Value, hcl.Diagnostics) {
	values := map[string]cty.Value{}
	var all hcl.Diagnostics
	for name, a := range b.Attributes {
		v, diagnostics := a.Expr.Value(scope)
		if all = append(all, diagnostics...); !diagnostics.HasErrors() {
			values[name] = v
		}
	}
	for _, nested := range b.Blocks {
		inner, diagnostics := body(nested.Body, scope)
		all = append(all, diagnostics...)
		values[nested.Type] = cty.ObjectVal(inner)
	}
	return values, all
}

func evaluate(t *testing.T, e hclsyntax.Expression, scope *hcl.EvalContext) cty.Value {
	t.Helper()
	v, diagnostics := e.Value(scope)
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return v
}

func decoded(t *testing.T, v cty.Value) map[string]any {
	t.Helper()
	text, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// names are the steps of a reference: data, aws_region, current, region.
func names(traversal hcl.Traversal) []string {
	path := []string{traversal.RootName()}
	for _, step := range traversal[1:] {
		if attribute, ok := step.(hcl.TraverseAttr); ok {
			path = append(path, attribute.Name)
		}
	}
	return path
}

// camel makes event_rule EventRule.
func camel(snake string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(snake, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}
