package templates

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// stack is a CloudFormation template whose intrinsic functions are resolved.
type stack map[string]resource

type resource struct {
	Type       string
	Properties map[string]any
	Metadata   map[string]any
}

// parameters of the SAM templates; one that a template does not declare is no error here.
func parameters(key string) map[string]any {
	return map[string]any{
		"SecretName": secretName, "LayerArn": layerARN, "KmsKeyArn": key, "Architecture": "arm64", "ImageUri": imageURI,
	}
}

func TestSAM(t *testing.T) {
	templates := translate(t, "sam")
	everywhere(t, func(t *testing.T, p place, key string) {
		w := want(p, key)
		w.Code = appSource(t)
		w.Kinds = map[string]int{"AWS::Lambda::Function": 1, "AWS::IAM::Role": 1, "AWS::Events::Rule": 1, "AWS::Lambda::Permission": 1}
		got := resolve(t, templates[p.region], p, parameters(key)).made(t)
		compare(t, got, w)
	})
}

func TestContainerTemplate(t *testing.T) {
	templates := translate(t, "container")
	everywhere(t, func(t *testing.T, p place, key string) {
		w := want(p, key)
		w.Image, w.Handler, w.Runtime, w.Layers = imageURI, "", "", nil
		w.Kinds = map[string]int{"AWS::Lambda::Function": 1, "AWS::IAM::Role": 1, "AWS::Events::Rule": 1, "AWS::Lambda::Permission": 1}
		got := resolve(t, templates[p.region], p, parameters(key)).made(t)
		compare(t, got, w)
	})
}

func TestSAMParameters(t *testing.T) {
	names := map[string]string{"secret": "SecretName", "layer": "LayerArn", "key": "KmsKeyArn", "architecture": "Architecture"}
	for _, template := range []string{"sam", "container"} {
		var raw struct{ Parameters map[string]parameter }
		if err := json.Unmarshal(translate(t, template)["us-east-1"], &raw); err != nil {
			t.Fatal(err)
		}
		for what, name := range names {
			p, ok := raw.Parameters[name]
			if !ok && template == "container" && what == "layer" {
				continue // an image has none
			}
			for _, value := range taken[what] {
				if !p.takes(value) {
					t.Errorf("%s: %s = %q is refused", template, name, value)
				}
			}
			for _, value := range refused[what] {
				if p.takes(value) {
					t.Errorf("%s: %s = %q is taken", template, name, value)
				}
			}
			if p.Default != nil && !p.takes(*p.Default) {
				t.Errorf("%s: the default of %s is refused", template, name)
			}
		}
	}
}

type parameter struct {
	Default        *string
	AllowedPattern string
	AllowedValues  []string
}

// takes reports whether CloudFormation would take the value; the pattern is for
// all of it.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
func (p parameter) takes(value string) bool {
	if p.AllowedValues != nil {
		return slices.Contains(p.AllowedValues, value)
	}
	return regexp.MustCompile("^(?:" + p.AllowedPattern + ")$").MatchString(value)
}

// translate does with a SAM template what CloudFormation does, in every Region.
func translate(t *testing.T, name string) map[string]json.RawMessage {
	t.Helper()
	arguments := []string{"translate.py", filepath.Join(folder, name, "template.yaml")}
	for _, p := range places {
		arguments = append(arguments, p.region)
	}
	cmd := exec.Command(filepath.Join(prepared, "python", "bin", "python"), arguments...)
	var complaints bytes.Buffer // some when all is well, too
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("translate %s: %v\n%s", name, err, &complaints)
	}
	var templates map[string]json.RawMessage
	if err := json.Unmarshal(out, &templates); err != nil {
		t.Fatal(err)
	}
	return templates
}

// only returns the one resource of a type.
func (s stack) only(t *testing.T, kind string) (id string, r resource) {
	t.Helper()
	for name, candidate := range s {
		if candidate.Type == kind {
			if id != "" {
				t.Fatalf("%s and %s are of type %s, want one", id, name, kind)
			}
			id, r = name, candidate
		}
	}
	if id == "" {
		t.Fatalf("no resource is of type %s", kind)
	}
	return id, r
}

func (s stack) made(t *testing.T) made {
	t.Helper()
	got := made{Kinds: map[string]int{}}
	for _, r := range s {
		got.Kinds[r.Type]++
	}
	_, fn := s.only(t, "AWS::Lambda::Function")
	got.Handler, _ = fn.Properties["Handler"].(string)
	got.Runtime, _ = fn.Properties["Runtime"].(string)
	got.Timeout, got.Architectures, got.Layers = fn.Properties["Timeout"], fn.Properties["Architectures"], fn.Properties["Layers"]
	got.Environment = object(fn.Properties["Environment"])["Variables"]
	code := object(fn.Properties["Code"])
	got.Image, _ = code["ImageUri"].(string)
	if code["S3Bucket"] == "folder" {
		got.Code = string(read(t, folder, "sam", code["S3Key"].(string), "app.py"))
	}
	got.Statements, got.Managed = s.policies(t, fn)

	_, rule := s.only(t, "AWS::Events::Rule")
	got.Pattern = rule.Properties["EventPattern"]
	for _, target := range list(rule.Properties["Targets"]) {
		got.Targets = append(got.Targets, object(target)["Arn"])
	}
	if bus, ok := rule.Properties["EventBusName"]; ok {
		t.Errorf("the rule is on the bus %v, and AWS services send to the default one", bus)
	}
	_, permission := s.only(t, "AWS::Lambda::Permission")
	got.Permission = permission.Properties
	return got
}

// policies returns what the role of the function may do, and checks that this is
// its role.
func (s stack) policies(t *testing.T, fn resource) (statements, managed []any) {
	t.Helper()
	id, role := s.only(t, "AWS::IAM::Role")
	if got := fn.Properties["Role"]; got != id+".Arn" {
		t.Errorf("the function has the role %v, want %s.Arn", got, id)
	}
	documents := list(role.Properties["Policies"])
	for _, r := range s {
		if r.Type != "AWS::IAM::Policy" {
			continue
		}
		if roles := list(r.Properties["Roles"]); len(roles) != 1 || roles[0] != id {
			t.Errorf("a policy is attached to %v, want %s", roles, id)
		}
		documents = append(documents, r.Properties)
	}
	for _, d := range documents {
		statements = append(statements, list(object(object(d)["PolicyDocument"])["Statement"])...)
	}
	return statements, list(role.Properties["ManagedPolicyArns"])
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func resolve(t *testing.T, template []byte, p place, parameters map[string]any) stack {
	t.Helper()
	var raw struct {
		Parameters map[string]map[string]any
		Conditions map[string]any
		Resources  map[string]resource
	}
	if err := json.Unmarshal(template, &raw); err != nil {
		t.Fatal(err)
	}
	r := &resolver{t: t, conditions: raw.Conditions, resources: raw.Resources, values: map[string]any{
		"AWS::Partition": p.partition, "AWS::Region": p.region, "AWS::AccountId": account, "AWS::URLSuffix": p.suffix,
		"AWS::NoValue": absent{},
	}}
	for name, declared := range raw.Parameters {
		if value, ok := parameters[name]; ok {
			r.values[name] = value
		} else {
			r.values[name] = declared["Default"]
		}
	}
	s := stack{}
	for id, from := range raw.Resources {
		s[id] = resource{from.Type, object(r.resolve(from.Properties)), from.Metadata}
	}
	return s
}
