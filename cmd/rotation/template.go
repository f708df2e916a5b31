package main

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
)

// template prints the rules for another tool to make. Nothing is written, and what
// that tool makes has neither our tags nor our statement ids, so teardown leaves it.
func template(c *cobra.Command, clients wiring.Clients, w wiring.Spec, format string) error {
	rules, function, err := clients.Rules(c.Context(), w)
	if err != nil {
		return err
	}
	if format == formatTerraform {
		return printTerraform(c.OutOrStdout(), rules)
	}
	return printJSON(c.OutOrStdout(), cloudFormation(rules, function))
}

// names numbers what there is more than one of.
func names(rules []wiring.Rule) []string {
	count := map[wiring.Event]int{}
	list := make([]string, len(rules))
	for i, r := range rules {
		count[r.Event]++
		list[i] = string(r.Event)
		if n := count[r.Event]; n > 1 {
			list[i] += strconv.Itoa(n)
		}
	}
	return list
}

// cloudFormation returns a template in JSON, which CloudFormation and SAM take.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
func cloudFormation(rules []wiring.Rule, function string) any {
	type object = map[string]any
	type resource struct {
		Type       string
		Properties object
	}
	resources := object{}
	for i, name := range names(rules) {
		r := rules[i]
		id := strings.ToUpper(name[:1]) + name[1:]
		rule := object{
			"Name": r.Name, "Description": r.Description, "State": "ENABLED",
			"EventPattern": json.RawMessage(r.Pattern),
			"Targets":      []object{{"Id": r.TargetID, "Arn": r.FunctionARN}},
		}
		if r.Bus != wiring.DefaultBus {
			rule["EventBusName"] = r.Bus
		}
		resources[id+"Rule"] = resource{"AWS::Events::Rule", rule}
		resources[id+"Permission"] = resource{"AWS::Lambda::Permission", object{
			"FunctionName": r.FunctionARN, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
			"SourceArn": object{"Fn::GetAtt": []string{id + "Rule", "Arn"}},
		}}
	}
	return struct {
		Version     string `json:"AWSTemplateFormatVersion"`
		Description string
		Resources   object
	}{"2010-09-09", "Brings rotations of secrets to " + function, resources}
}

// printTerraform writes HCL for the AWS provider.
func printTerraform(w io.Writer, rules []wiring.Rule) error {
	f := hclwrite.NewEmptyFile()
	for i, name := range names(rules) {
		if i > 0 {
			f.Body().AppendNewline()
		}
		if err := terraformRule(f.Body(), name, rules[i]); err != nil {
			return err
		}
	}
	_, err := w.Write(f.Bytes())
	return err
}

func terraformRule(body *hclwrite.Body, name string, r wiring.Rule) error {
	pattern, err := value(r.Pattern)
	if err != nil {
		return err
	}
	rule := body.AppendNewBlock("resource", []string{"aws_cloudwatch_event_rule", name}).Body()
	set(rule, "name", r.Name)
	set(rule, "description", r.Description)
	if r.Bus != wiring.DefaultBus {
		set(rule, "event_bus_name", r.Bus)
	}
	rule.SetAttributeRaw("event_pattern", hclwrite.TokensForFunctionCall("jsonencode", hclwrite.TokensForValue(pattern)))
	body.AppendNewline()

	target := body.AppendNewBlock("resource", []string{"aws_cloudwatch_event_target", name}).Body()
	reference(target, "rule", "aws_cloudwatch_event_rule."+name+".name")
	if r.Bus != wiring.DefaultBus {
		set(target, "event_bus_name", r.Bus)
	}
	set(target, "target_id", r.TargetID)
	set(target, "arn", r.FunctionARN)
	body.AppendNewline()

	function, err := wiring.ParseFunctionID(r.FunctionARN)
	if err != nil {
		return err
	}
	permission := body.AppendNewBlock("resource", []string{"aws_lambda_permission", name}).Body()
	set(permission, "action", "lambda:InvokeFunction")
	set(permission, "function_name", strings.TrimSuffix(r.FunctionARN, ":"+function.Qualifier))
	if function.Qualifier != "" {
		set(permission, "qualifier", function.Qualifier)
	}
	set(permission, "principal", "events.amazonaws.com")
	reference(permission, "source_arn", "aws_cloudwatch_event_rule."+name+".arn")
	return nil
}

func set(body *hclwrite.Body, name, text string) {
	body.SetAttributeValue(name, cty.StringVal(text))
}

func reference(body *hclwrite.Body, name, expression string) {
	body.SetAttributeRaw(name, hclwrite.TokensForIdentifier(expression))
}

func value(text string) (cty.Value, error) {
	t, err := ctyjson.ImpliedType([]byte(text))
	if err != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal([]byte(text), t)
}
