package wiring

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-secretsmanager/lambda-extension/event"
)

// Each rule is the better one of what stands behind it.
func TestBestRoute(t *testing.T) {
	s := secretNamed("prod/db")
	all := s.spellings(Custom)
	of := func(name string, ours bool, missed []string) *route {
		return &route{liveRule: liveRule{name: name, enabled: true}, ours: ours, missed: map[string][]string{missKey(Custom, s): missed}}
	}
	with := func(w *route, change func(*route)) *route { change(w); return w }
	order := []*route{
		of("ours", true, nil),
		of("theirs", false, nil),
		with(of("ours, refused", true, nil), func(w *route) { w.refused = "no" }),
		with(of("theirs, disabled", false, nil), func(w *route) { w.enabled = false }),
		with(of("ours, disabled, with no target", true, nil), func(w *route) { w.enabled, w.target = false, "none" }),
		with(of("ours, with all of that", true, nil), func(w *route) { w.enabled, w.target, w.refused = false, "none", "no" }),
		of("ours, that misses a spelling", true, all[:1]),
		with(of("ours, disabled, that misses one", true, all[:1]), func(w *route) { w.enabled = false }),
	}
	for i, want := range order {
		for _, turned := range []bool{false, true} {
			routes := slices.Clone(order[i:])
			if turned {
				slices.Reverse(routes)
			}
			if got := bestRoute(Custom, s, routes); got != want {
				t.Errorf("among %d: got %q, want %q", len(routes), got.name, want.name)
			}
		}
	}
	for _, no := range []*route{
		of("theirs, that misses every spelling", false, all),
		{liveRule: liveRule{name: "ours, of the other event"}, ours: true, missed: map[string][]string{missKey(Native, s): nil}},
		{liveRule: liveRule{name: "theirs, on a bus where it cannot come"}, missed: map[string][]string{}},
	} {
		if got := bestRoute(Custom, s, []*route{no}); got != nil {
			t.Errorf("%s: taken for a way", got.name)
		}
	}
	first, second := of("first", true, nil), of("second", true, nil)
	if got := bestRoute(Custom, s, []*route{first, second}); got != first {
		t.Errorf("of two alike: got %q, want the first", got.name)
	}
	// Somebody else's knows what its rotation function sends.
	if carried, known := of("theirs", false, all[1:]).carries(Custom, s); !carried || !known {
		t.Errorf("one spelling: carried %v, known %v", carried, known)
	}
}

func TestWrongTargets(t *testing.T) {
	r := &report{looked: looked{function: orders}}
	target := func(arn string, change func(*types.Target)) types.Target {
		t := types.Target{Arn: &arn}
		if change != nil {
			change(&t)
		}
		return t
	}
	plain := target(orders.ARN, nil)
	path := target(orders.ARN, func(t *types.Target) { t.InputPath = aws.String("$.detail") })
	input := target(orders.ARN, func(t *types.Target) { t.Input = aws.String("{}") })
	transformed := target(orders.ARN, func(t *types.Target) { t.InputTransformer = &types.InputTransformer{} })
	queue := target("arn:aws:sqs:eu-west-1:111122223333:q", nil)
	alias := target(orders.ARN+":live", nil)
	for _, tc := range []struct {
		targets []types.Target
		want    string
	}{
		{nil, "it has no target"},
		{[]types.Target{plain}, ""},
		{[]types.Target{path, queue, plain}, ""},
		{[]types.Target{path}, "with an input in place of the event"},
		{[]types.Target{input, queue}, "with an input in place of the event"},
		{[]types.Target{transformed}, "with an input in place of the event"},
		{[]types.Target{queue, alias}, "its target is arn:aws:sqs:eu-west-1:111122223333:q, " + orders.ARN + ":live, want " + orders.ARN},
	} {
		if got := r.wrongTarget(tc.targets); !strings.Contains(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%d targets: got %q, want %q", len(tc.targets), got, tc.want)
		}
	}
}

func TestArchitectures(t *testing.T) {
	const base = "arn:aws:lambda:eu-west-1:111122223333:layer:"
	said := func(list ...lambdatypes.Architecture) *lambda.GetLayerVersionOutput {
		return &lambda.GetLayerVersionOutput{CompatibleArchitectures: list}
	}
	for _, tc := range []struct {
		layer string
		info  *lambda.GetLayerVersionOutput
		want  string
	}{
		{base + "aws-secretsmanager-arm64:3", nil, "arm64"},
		{base + "aws-secretsmanager-arm64:3", said(), "arm64"},
		{base + "aws-secretsmanager-x86_64:3", nil, "x86_64"},
		{base + "aws-secretsmanager-arm64:3", said("x86_64"), "x86_64"}, // what was said counts
		{base + "aws-secretsmanager:3", said("x86_64", "arm64"), "x86_64 arm64"},
		{base + "aws-secretsmanager:3", nil, ""},
		{base + "aws-secretsmanager-arm64-2:3", nil, ""},
	} {
		if got := strings.Join(architectures(tc.layer, tc.info), " "); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.layer, got, tc.want)
		}
	}
}

func TestKeysOfCustomers(t *testing.T) {
	const kms = "arn:aws:kms:eu-west-1:111122223333:"
	r := &report{looked: looked{function: orders}}
	for id, want := range map[string]string{
		"": "", "alias/aws/secretsmanager": "", kms + "alias/aws/secretsmanager": "",
		"11111111-2222-4333-8444-555555555555":          kms + "key/11111111-2222-4333-8444-555555555555",
		"alias/mine":                                    kms + "alias/mine",
		"arn:aws:kms:eu-west-1:999999999999:key/theirs": "arn:aws:kms:eu-west-1:999999999999:key/theirs",
	} {
		if got := r.customerKey(Secret{KeyID: id}); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
	for partition, want := range map[string]string{"aws": "secretsmanager.eu-west-1.amazonaws.com", "aws-us-gov": "secretsmanager.eu-west-1.amazonaws.com", "aws-cn": "secretsmanager.eu-west-1.amazonaws.com.cn"} {
		r.function.Partition = partition
		if got := r.decryption(Secret{})["kms:ViaService"]; got != want {
			t.Errorf("%s: got %q, want %q", partition, got, want)
		}
	}
}

// What IAM's conditions may ask of a read, tags among it.
func TestConditionKeysOfARead(t *testing.T) {
	s := secretNamed("prod/db")
	s.tags = map[string]string{"team": "db"}
	got := s.keys()
	for key, want := range map[string]string{
		"secretsmanager:SecretId": s.ARN, "secretsmanager:VersionStage": "AWSCURRENT",
		"secretsmanager:ResourceTag/team": "db", "aws:ResourceTag/team": "db",
	} {
		if got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
}

func TestNamesInPatterns(t *testing.T) {
	secrets := []Secret{secretNamed("prod/db"), secretNamed("prod/api")}
	for _, e := range []Event{Native, Custom} {
		if got := strings.Join(patternNames(patternFor(e, event.Matcher{}, orders, secrets)), " "); got != "prod/api prod/db" {
			t.Errorf("%s: got %q, want the names alone, sorted", e, got)
		}
	}
	for _, other := range []string{"", "no JSON", `{"source":["aws.s3"]}`, `{"detail":{"name":[{"prefix":"x"}]}}`} {
		if got := patternNames(other); len(got) != 0 {
			t.Errorf("%s: got %q, want none", other, got)
		}
	}
}
