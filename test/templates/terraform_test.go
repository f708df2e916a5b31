package templates

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestTerraform(t *testing.T) {
	everywhere(t, func(t *testing.T, p place, key string) {
		w := want(p, key)
		w.Code = appSource(t)
		w.Kinds = map[string]int{
			"aws_lambda_function": 1, "aws_iam_role": 1, "aws_iam_role_policy": 1, "aws_iam_role_policy_attachment": 1,
			"aws_cloudwatch_event_rule": 1, "aws_cloudwatch_event_target": 1, "aws_lambda_permission": 1,
		}
		variables := map[string]cty.Value{
			"secret_name": cty.StringVal(secretName), "layer_arn": cty.StringVal(layerARN), "architecture": cty.StringVal("arm64"),
		}
		if key != "" {
			w.Kinds["aws_iam_role_policy"] = 2
			variables["kms_key_arn"] = cty.StringVal(key)
		}
		compare(t, plan(t, p, variables).made(t), w)
	})
}

func TestTerraformVariables(t *testing.T) {
	m := load(t)
	names := map[string]string{"secret": "secret_name", "layer": "layer_arn", "key": "kms_key_arn", "architecture": "architecture"}
	for what, name := range names {
		if problem := m.validate(name, m.variables[name]); m.variables[name] != cty.NilVal && problem != "" {
			t.Errorf("the default of %s is refused: %s", name, problem)
		}
		for _, value := range taken[what] {
			if problem := m.validate(name, cty.StringVal(value)); problem != "" {
				t.Errorf("%s = %q is refused: %s", name, value, problem)
			}
		}
		for _, value := range refused[what] {
			if m.validate(name, cty.StringVal(value)) == "" {
				t.Errorf("%s = %q is taken", name, value)
			}
		}
	}
}

// planned are the resources that Terraform would make, by address.
type planned map[string]cty.Value

func (r planned) made(t *testing.T) made {
	t.Helper()
	got := made{Kinds: map[string]int{}}
	for address := range r {
		if kind, _, _ := strings.Cut(address, "."); kind != "data" {
			got.Kinds[kind]++
		}
	}
	fn := r.values(t, "aws_lambda_function.this")
	got.Handler, got.Runtime = fn["handler"].(string), fn["runtime"].(string)
	got.Timeout, got.Architectures, got.Layers = fn["timeout"], fn["architectures"], fn["layers"]
	got.Environment = object(fn["environment"])["variables"]
	source := r.values(t, "data.archive_file.function")
	if fn["filename"] != source["output_path"] || fn["source_code_hash"] != "data.archive_file.function.output_base64sha256" {
		t.Errorf("the function is made of %v (%v), want what archive_file writes", fn["filename"], fn["source_code_hash"])
	}
	got.Code = string(read(t, source["source_file"].(string)))

	role := r.values(t, "aws_iam_role.this")
	if fn["role"] != "aws_iam_role.this.arn" {
		t.Errorf("the function has the role %v", fn["role"])
	}
	assume := document(t, role["assume_role_policy"])
	if s := object(list(assume["Statement"])[0]); object(s["Principal"])["Service"] != "lambda.amazonaws.com" || s["Action"] != "sts:AssumeRole" {
		t.Errorf("the role is for %v, want Lambda", assume)
	}
	for _, name := range []string{"read", "decrypt"} {
		if _, ok := r["aws_iam_role_policy."+name]; !ok {
			continue
		}
		policy := r.values(t, "aws_iam_role_policy."+name)
		if policy["role"] != "aws_iam_role.this.id" {
			t.Errorf("policy %s is of the role %v", name, policy["role"])
		}
		got.Statements = append(got.Statements, list(document(t, policy["policy"])["Statement"])...)
	}
	attachment := r.values(t, "aws_iam_role_policy_attachment.logs")
	if attachment["role"] != role["name"] {
		t.Errorf("the policy for logs is of the role %v, want %v", attachment["role"], role["name"])
	}
	got.Managed = []any{attachment["policy_arn"]}
	r.rule(t, &got)
	return got
}

func (r planned) rule(t *testing.T, got *made) {
	t.Helper()
	rule := r.values(t, "aws_cloudwatch_event_rule.rotation")
	got.Pattern = any(document(t, rule["event_pattern"]))
	if bus, ok := rule["event_bus_name"]; ok {
		t.Errorf("the rule is on the bus %v, and AWS services send to the default one", bus)
	}
	target := r.values(t, "aws_cloudwatch_event_target.rotation")
	if target["rule"] != rule["name"] {
		t.Errorf("the target is of the rule %v, want %v", target["rule"], rule["name"])
	}
	name := r.values(t, "aws_lambda_function.this")["function_name"]
	stands := map[any]any{"aws_lambda_function.this.arn": "function", name: "function", "aws_cloudwatch_event_rule.rotation.arn": "rule"}
	got.Targets = []any{stands[target["arn"]]}
	permission := r.values(t, "aws_lambda_permission.rotation")
	got.Permission = map[string]any{
		"Action": permission["action"], "FunctionName": stands[permission["function_name"]],
		"Principal": permission["principal"], "SourceArn": stands[permission["source_arn"]],
	}
}

// values returns the attributes of a resource as JSON has them.
func (r planned) values(t *testing.T, address string) map[string]any {
	t.Helper()
	v, ok := r[address]
	if !ok {
		t.Fatalf("%s is not made", address)
	}
	return decoded(t, v)
}

func document(t *testing.T, text any) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(text.(string)), &d); err != nil {
		t.Fatalf("%v is no JSON: %v", text, err)
	}
	return d
}
