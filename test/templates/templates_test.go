// Package templates holds the templates of layer/templates to one account of what
// they must make, whichever tool makes it, and runs their function beside the real
// extension.
//
// The tests run only when the variable TEMPLATES has the folder that
// scripts/check-templates prepares: tools, synthesised templates, layer.
package templates

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	folder = "../../layer/templates"

	account    = "123456789012"
	secretName = "prod/db"
	layerARN   = "arn:aws:lambda:us-east-1:123456789012:layer:aws-secretsmanager-arm64:7"
	keyARN     = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	imageURI   = "123456789012.dkr.ecr.us-east-1.amazonaws.com/orders:1"
)

var prepared = os.Getenv("TEMPLATES")

func TestMain(m *testing.M) {
	if prepared == "" {
		fmt.Println("templates: no test was run, because TEMPLATES does not name a folder: see scripts/check-templates")
		return
	}
	os.Exit(m.Run())
}

// place is where a template is deployed.
type place struct{ partition, region, suffix string }

var places = []place{
	{"aws", "us-east-1", "amazonaws.com"},
	{"aws-cn", "cn-north-1", "amazonaws.com.cn"},
	{"aws-us-gov", "us-gov-west-1", "amazonaws.com"},
}

// made is what a template makes. References to the function are "function", those
// to the ARN of the rule are "rule".
type made struct {
	Kinds map[string]int // how many resources there are of each type

	Code          string // of the function, "" for an image
	Image         string
	Handler       string
	Runtime       string
	Timeout       any
	Architectures any
	Layers        any
	Environment   any

	Statements []any // of the policies of the function's role
	Managed    []any // policies, by ARN

	Pattern    any
	Targets    []any
	Permission map[string]any
}

// want is the same for every template; the kinds of resources are the caller's.
func want(p place, key string) made {
	statements := []any{map[string]any{
		"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
		"Resource": "arn:" + p.partition + ":secretsmanager:" + p.region + ":" + account + ":secret:prod/db-??????",
	}}
	if key != "" {
		statements = append(statements, map[string]any{
			"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key,
			"Condition": map[string]any{"StringLike": map[string]any{"kms:ViaService": "secretsmanager." + p.region + ".*"}},
		})
	}
	var pattern any
	native := `{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["prod/db"]}}`
	if err := json.Unmarshal([]byte(native), &pattern); err != nil {
		panic(err)
	}
	return made{
		Handler: "app.handler", Runtime: "python3.13", Timeout: 10.0,
		Architectures: []any{"arm64"}, Layers: []any{layerARN}, Environment: map[string]any{"SECRET": secretName},
		Statements: statements,
		Managed:    []any{"arn:" + p.partition + ":iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
		Pattern:    pattern, Targets: []any{"function"},
		Permission: map[string]any{
			"Action": "lambda:InvokeFunction", "FunctionName": "function", "Principal": "events.amazonaws.com", "SourceArn": "rule",
		},
	}
}

func compare(t *testing.T, got, want made) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the template makes (-want +got):\n%s", diff)
	}
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func appSource(t *testing.T) string { return string(read(t, folder, "function", "app.py")) }

// What the templates must take and refuse, whatever they call it.
var (
	taken = map[string][]string{
		"secret": {"prod/db", "My_Secret+1", "a.b@c-d"}, "layer": {layerARN},
		"key": {keyARN, "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234"}, "architecture": {"x86_64", "arm64"},
	}
	refused = map[string][]string{
		"secret":       {"", "prod db", "a,b", "a=b", "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf", "prod/*"},
		"layer":        {"", "arn:aws:lambda:us-east-1:123456789012:layer:aws-secretsmanager-arm64", "arn:aws:lambda:*:123456789012:layer:a:1"},
		"key":          {"*", "alias/mine", "arn:aws:kms:us-east-1:123456789012:key/*"},
		"architecture": {"amd64"},
	}
)

// everywhere runs a test in every place, without and with a key.
func everywhere(t *testing.T, test func(t *testing.T, p place, key string)) {
	for _, p := range places {
		for name, key := range map[string]string{"": "", "-key": keyARN} {
			t.Run(p.partition+name, func(t *testing.T) { test(t, p, key) })
		}
	}
}
