package templates

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// schema is what a provider says of a resource or data source, read from the
// declarations that the CDK for Terraform generates of it.
type schema struct {
	text      string
	arguments map[string]argument
}

type argument struct {
	kind     string // as TypeScript has it
	required bool
}

var (
	// version is that of the provider, in the address of the documentation.
	version      = regexp.MustCompile(`/providers/hashicorp/[a-z]+/(\d+)\.\d+\.\d+/`)
	declarations = regexp.MustCompile(`#(\w+) \w+#\w+\}(?:[^/]|/[^\n])*?\*/\s+readonly \w+(\??): ([^;{]+|\{[^}]*\});`)
)

// kinds is what the types of arguments are called there. Any other is a block.
var kinds = map[string]cty.Type{
	"string": cty.String, "number": cty.Number, "boolean | cdktf.IResolvable": cty.Bool,
	"string[]": cty.List(cty.String), "map": cty.Map(cty.String),
}

// schemaOf reads the declaration of a resource, "data." before the type being a
// data source.
func schemaOf(t *testing.T, kind string) schema {
	t.Helper()
	data, isData := strings.CutPrefix(kind, "data.")
	provider, name, _ := strings.Cut(data, "_")
	if isData {
		name = "data_" + provider + "_" + name
	} else if provider == "archive" {
		t.Fatalf("%s is no data source", kind)
	}
	text := string(read(t, prepared, "schemas", provider, "lib", strings.ReplaceAll(name, "_", "-"), "index.d.ts"))
	return parse(t, text, camel(name)+"Config")
}

// parse reads one interface of a declaration.
func parse(t *testing.T, text, name string) schema {
	t.Helper()
	_, from, ok := strings.Cut(text, "export interface "+name+" ")
	from, _, ended := strings.Cut(from, "\n}\n")
	if !ok || !ended {
		t.Fatalf("there is no interface %s", name)
	}
	s := schema{text, map[string]argument{}}
	for _, m := range declarations.FindAllStringSubmatch(from, -1) {
		kind := m[3]
		if strings.HasPrefix(kind, "{") {
			kind = "map"
		}
		s.arguments[m[1]] = argument{kind, m[2] == ""}
	}
	if readonly := strings.Count(from, "readonly "); readonly != len(s.arguments) {
		t.Fatalf("interface %s has %d arguments, and %d were understood", name, readonly, len(s.arguments))
	}
	return s
}

func TestTerraformArguments(t *testing.T) {
	m := load(t)
	made := plan(t, places[0], map[string]cty.Value{
		"secret_name": cty.StringVal(secretName), "layer_arn": cty.StringVal(layerARN), "kms_key_arn": cty.StringVal(keyARN),
	})
	for address, b := range m.blocks {
		kind := address[:strings.LastIndex(address, ".")]
		checkBody(t, address, schemaOf(t, kind), b.Body, made[address])
	}
}

// meta are the arguments that Terraform itself has for every resource.
var meta = map[string]bool{"count": true, "for_each": true, "depends_on": true, "provider": true}

func checkBody(t *testing.T, path string, s schema, b *hclsyntax.Body, values cty.Value) {
	t.Helper()
	for name := range b.Attributes {
		if meta[name] {
			continue
		}
		a, ok := s.arguments[name]
		kind := kinds[a.kind]
		if !ok || kind == cty.NilType {
			t.Errorf("%s.%s: there is no such attribute (%q)", path, name, a.kind)
			continue
		}
		if got := values.GetAttr(name); !fits(got, kind) {
			t.Errorf("%s.%s is %s, want %s", path, name, got.Type().FriendlyName(), a.kind)
		}
	}
	blocks := map[string]bool{}
	for _, nested := range b.Blocks {
		blocks[nested.Type] = true
		a, ok := s.arguments[nested.Type]
		if !ok || kinds[a.kind] != cty.NilType {
			t.Errorf("%s.%s: there is no such block", path, nested.Type)
			continue
		}
		name, _, _ := strings.Cut(a.kind, "[]")
		checkBody(t, path+"."+nested.Type, parse(t, s.text, name), nested.Body, values.GetAttr(nested.Type))
	}
	for name, a := range s.arguments {
		if _, given := b.Attributes[name]; a.required && !given && !blocks[name] {
			t.Errorf("%s.%s is required, and missing", path, name)
		}
	}
}

// fits reports whether Terraform would take the value for an argument of the kind.
// The conversions between strings and numbers that it makes are not wanted here.
func fits(v cty.Value, kind cty.Type) bool {
	if kind.IsPrimitiveType() {
		return v.Type() == kind
	}
	if !v.CanIterateElements() || kind.IsListType() != v.Type().IsTupleType() {
		return false
	}
	for _, element := range v.AsValueSlice() {
		if element.Type() != kind.ElementType() {
			return false
		}
	}
	return true
}

// TestTerraformReferences checks that what one resource takes from another is
// there, and that every variable is used.
func TestTerraformReferences(t *testing.T) {
	m := load(t)
	expressions := []hclsyntax.Expression{}
	for _, e := range m.outputs {
		expressions = append(expressions, e)
	}
	var collect func(b *hclsyntax.Body)
	collect = func(b *hclsyntax.Body) {
		for _, a := range b.Attributes {
			expressions = append(expressions, a.Expr)
		}
		for _, nested := range b.Blocks {
			collect(nested.Body)
		}
	}
	for _, b := range m.blocks {
		collect(b.Body)
	}
	used := map[string]bool{}
	for _, e := range expressions {
		for _, traversal := range e.Variables() {
			path := names(traversal)
			used[strings.Join(path[:2], ".")] = true
			if path[0] == "var" || path[0] == "path" {
				continue
			}
			kind, address, attribute := path[0], strings.Join(path[:2], "."), path[len(path)-1]
			if path[0] == "data" {
				kind, address = "data."+path[1], strings.Join(path[:3], ".")
			}
			if m.blocks[address] == nil {
				t.Errorf("%v: %s is not declared", e.Range(), address)
				continue
			}
			if !regexp.MustCompile("(?i)get " + camel(attribute) + `\(\)`).MatchString(schemaOf(t, kind).text) {
				t.Errorf("%v: %s has no attribute %s", e.Range(), kind, attribute)
			}
		}
	}
	for name := range m.variables {
		if !used["var."+name] {
			t.Errorf("variable %s is not used", name)
		}
	}
}

// TestTerraformProviderVersions checks that the schemas are of a version that the
// module takes.
func TestTerraformProviderVersions(t *testing.T) {
	for provider, constraint := range load(t).providers {
		files, err := filepath.Glob(filepath.Join(prepared, "schemas", provider, "lib", "provider", "index.d.ts"))
		if err != nil || len(files) != 1 {
			t.Fatalf("schemas of %s: %v %v", provider, files, err)
		}
		m := version.FindSubmatch(read(t, files[0]))
		if m == nil || !strings.HasPrefix(constraint, "~> "+string(m[1])+".") {
			t.Errorf("provider %s: the module wants %s, the schemas are of %s", provider, constraint, m)
		}
	}
}
