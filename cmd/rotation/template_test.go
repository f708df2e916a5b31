package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/hashicorp/hcl/v2"
)

func TestCloudFormation(t *testing.T) {
	w := newWorld(t)
	w.lambda.Publish("orders", "live")
	w.bus("mine")
	got := decode[struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]json.RawMessage
		}
	}](t, w.must("setup", "--function", "orders:live", "--event", "both", "--bus", "mine", "--output", "cloudformation"))
	for name, want := range map[string]map[string]string{
		"NativeRule": {
			"Name": `"secrets-rotation-orders.live-native"`, "EventPattern": `"name":["prod/db"]`,
			"Targets": `"Arn":"arn:aws:lambda:us-east-1:123456789012:function:orders:live"`,
		},
		"CustomRule": {"EventBusName": `"mine"`, "EventPattern": `"secretId":["prod/db","` + w.arn + `"`},
		"NativePermission": {
			"FunctionName": `:function:orders:live"`, "Principal": `"events.amazonaws.com"`, "Action": `"lambda:InvokeFunction"`,
			"SourceArn": `{"Fn::GetAtt":["NativeRule","Arn"]}`,
		},
		"CustomPermission": {"SourceArn": `{"Fn::GetAtt":["CustomRule","Arn"]}`},
	} {
		for property, part := range want {
			compact := strings.Join(strings.Fields(string(got.Resources[name].Properties[property])), "")
			if !strings.Contains(compact, part) {
				t.Errorf("%s.%s: got %s, want %s in it", name, property, compact, part)
			}
		}
	}
	if _, ok := got.Resources["NativeRule"].Properties["EventBusName"]; ok || len(got.Resources) != 4 {
		t.Errorf("got %d resources, want 4, and the native rule on no bus of its own", len(got.Resources))
	}
	if writes := w.writes(); len(writes) != 0 {
		t.Errorf("it wrote %q", writes)
	}
	// A stack has made the rule meanwhile: the template is still to be had.
	w.must("setup", "--function", "orders:live", "--output", "cloudformation")
}

func TestTerraform(t *testing.T) {
	w := newWorld(t)
	w.lambda.Publish("orders", "live")
	text := w.must("setup", "--function", "orders:live", "--event", "both", "--source", "${app}", "--output", "terraform")
	f, diagnostics := hclsyntax.ParseConfig([]byte(text), "main.tf", hcl.InitialPos)
	if diagnostics.HasErrors() {
		t.Fatalf("%v in\n%s", diagnostics, text)
	}
	resources := map[string]map[string]string{}
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		attributes := map[string]string{}
		for name, a := range b.Body.Attributes {
			attributes[name] = strings.TrimSpace(string(a.Expr.Range().SliceBytes([]byte(text))))
		}
		resources[strings.Join(b.Labels, ".")] = attributes
	}
	for resource, want := range map[string]map[string]string{
		"aws_cloudwatch_event_rule.native":   {"name": `"secrets-rotation-orders.live-native"`, "event_pattern": "jsonencode("},
		"aws_cloudwatch_event_target.native": {"rule": "aws_cloudwatch_event_rule.native.name", "arn": `"arn:aws:lambda:us-east-1:123456789012:function:orders:live"`},
		"aws_lambda_permission.native": {
			"function_name": `"arn:aws:lambda:us-east-1:123456789012:function:orders"`, "qualifier": `"live"`,
			"source_arn": "aws_cloudwatch_event_rule.native.arn", "principal": `"events.amazonaws.com"`,
		},
		"aws_cloudwatch_event_rule.custom": {"event_pattern": `"$${app}"`},
	} {
		for attribute, part := range want {
			if got := resources[resource][attribute]; !strings.Contains(got, part) {
				t.Errorf("%s.%s: got %s, want %s in it", resource, attribute, got, part)
			}
		}
	}
}
