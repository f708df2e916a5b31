package event

import (
	"bytes"
	stdcmp "cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	arn     = "arn:aws:secretsmanager:us-west-2:012345678901:secret:mySecret-a1b2c3"
	version = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
)

func at(second int) time.Time { return time.Date(2024, 2, 6, 16, 43, second, 0, time.UTC) }

var (
	native    = Rotation{SecretID: arn, Name: "mySecret", VersionID: version, Time: at(48)}
	custom    = Rotation{SecretID: "MySecret"}
	succeeded = Rotation{SecretID: arn, Time: at(51)}
	called    = Rotation{SecretID: arn, Name: "mySecret", VersionID: version, Time: at(51)}
)

// shapes are the files of testdata.
var shapes = map[string][]Rotation{
	"native":                      {native},
	"custom":                      {custom},
	"custom-full":                 {{SecretID: arn, VersionID: version, Time: at(50)}},
	"service-event":               {succeeded},
	"put-secret-value":            {called},
	"update-secret":               {called},
	"update-secret-version-stage": {called},
	"sns":                         {native},
	"sqs":                         {custom},
	"sns-in-sqs":                  {native},
	"sqs-batch":                   {native, succeeded, custom},
	"sns-batch":                   {called},
	"mixed-batch":                 nil,
}

func TestShapes(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.json")
	if len(files) != len(shapes) {
		t.Fatalf("testdata has %d files, the table %d", len(files), len(shapes))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want := shapes[strings.TrimSuffix(filepath.Base(file), ".json")]
			payload := read(t, file)
			for spelling, b := range spellings(t, payload) {
				if diff := cmp.Diff(want, Matcher{}.Match(b)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", spelling, diff)
				}
			}
			if len(payload) > 0 {
				for _, cut := range []int{1, len(payload) / 2, len(bytes.TrimSpace(payload)) - 1} {
					if got := (Matcher{}).Match(payload[:cut]); got != nil {
						t.Errorf("the first %d bytes: got %v, want nil", cut, got)
					}
				}
			}
		})
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// spellings are the ways in which writers may write the same JSON.
func spellings(t testing.TB, payload []byte) map[string][]byte {
	var compact, indented bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&indented, payload, "\r\n", "\t "); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"as it is":       payload,
		"compact":        compact.Bytes(),
		"indented":       append([]byte(" \r\n\t"), indented.Bytes()...),
		"sorted":         reordered(t, payload),
		"slashes":        bytes.ReplaceAll(compact.Bytes(), []byte("/"), []byte(`\/`)),
		"escaped m":      bytes.ReplaceAll(compact.Bytes(), []byte("m"), []byte(`\u006D`)),
		"escaped p":      bytes.ReplaceAll(compact.Bytes(), []byte("p"), []byte(`\u0070`)),
		"escaped hyphen": bytes.ReplaceAll(compact.Bytes(), []byte("-"), []byte(`\u002D`)),
	}
}

// reordered has the members of every object sorted, and < > & escaped.
func reordered(t testing.TB, payload []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNearMisses changes one thing of a rotation event.
func TestNearMisses(t *testing.T) {
	tests := []struct{ file, old, new string }{
		{"custom", `"source":"secretsmanager"`, `"source":"SecretsManager"`},
		{"custom", `"source":"secretsmanager"`, `"Source":"secretsmanager"`},
		{"custom", `"source":"secretsmanager"`, `"source":["secretsmanager"]`},
		{"custom", `"source":"secretsmanager"`, `"source":"secretsmanager","source":"mine"`},
		{"custom", `Secret Rotation`, `Secret Rotation `},
		{"custom", `"secretId"`, `"secretID"`},
		{"custom", `"MySecret"`, `""`},
		{"custom", `"MySecret"`, `7`},
		{"custom", `{"secretId":"MySecret"}`, `"MySecret"`},
		{"custom", `{"secretId":"MySecret"}`, `null`},
		{"custom", `{"source"`, `[{"source"`},
		{"custom", `"MySecret"}}`, `"MySecret"}} x`},
		{"custom", `"MySecret"}}`, `"MySecret"]}}`},
		{"custom", `"MySecret"}}`, `"MySecret","x":tru}}`},
		{"custom", `"MySecret"}}`, "\"My\nSecret\"}}"},
		{"native", `AWSCURRENT`, `AWSPENDING`},
		{"native", `AWSCURRENT`, `AWSPREVIOUS`},
		{"native", `"labelUpdated"`, `"label"`},
		{"native", `Secret Label Updated`, `Secret Label Removed`},
		{"native", `"aws.secretsmanager"`, `"my.secretsmanager"`},
		{"native", `"name":"mySecret","labelUpdated"`, `"name":"mySecret","detail":{},"x"`},
		{"service-event", `RotationSucceeded`, `RotationFailed`},
		{"service-event", `RotationSucceeded`, `RotationStarted`},
		{"service-event", `"eventSource":"secretsmanager.amazonaws.com"`, `"eventSource":"kms.amazonaws.com"`},
		{"service-event", `"SecretId"`, `"Id"`},
		{"service-event", `"readOnly":false`, `"errorCode":"InternalFailure"`},
		{"put-secret-value", `"clientRequestToken"`, `"versionStages":["AWSPENDING"],"clientRequestToken"`},
		{"put-secret-value", `"clientRequestToken"`, `"versionStages":[],"clientRequestToken"`},
		{"put-secret-value", `"readOnly":false`, `"errorCode":"AccessDenied"`},
		{"put-secret-value", `"eventSource":"secretsmanager.amazonaws.com"`, `"eventSource":"ssm.amazonaws.com"`},
		{"put-secret-value", `"PutSecretValue"`, `"GetSecretValue"`},
		{"put-secret-value", `"PutSecretValue"`, `"DeleteSecret"`},
		{"put-secret-value", `via CloudTrail`, `via Insight`},
		{"update-secret", `"versionId"`, `"kmsKeyId"`},
		{"update-secret", `"versionId":"` + version + `"`, `"versionId":null`},
		{"update-secret-version-stage", `"AWSCURRENT"`, `"AWSPENDING"`},
		{"update-secret-version-stage", `"moveToVersionId"`, `"fromVersionId"`},
		{"sns", `"Sns"`, `"sns"`},
		{"sns", `"Message"`, `"Text"`},
		{"sns", `{\"version\"`, `{{\"version\"`},
		{"sns", `AWSCURRENT`, `AWSPENDING`},
		{"sqs", `"body"`, `"data"`},
		{"sqs", `"Records"`, `"records"`},
		{"sqs", `"Records":[`, `"Records":[{},`},
		{"sqs", `"Records":[`, `"Records":[{"body":"Secret Rotation of secretsmanager, detail-type and all"},`},
		{"sqs", `"Records":[`, `"Records":[],"other":[`},
		{"sqs", `MySecret\"}}`, `MySecret\"}} }`},
		{"sns-in-sqs", `\"Message\"`, `\"Text\"`},
		{"sns-in-sqs", `{\"Type\"`, `{\"bad\":tru,\"Type\"`},
	}
	for _, tt := range tests {
		var compact bytes.Buffer
		if err := json.Compact(&compact, read(t, "testdata/"+tt.file+".json")); err != nil {
			t.Fatal(err)
		}
		// The files have one space after colons within strings.
		payload := strings.ReplaceAll(compact.String(), `\": \"`, `\":\"`)
		missed := strings.Replace(payload, tt.old, tt.new, 1)
		if missed == payload {
			t.Errorf("%s has no %s", tt.file, tt.old)
		}
		if got := (Matcher{}).Match([]byte(missed)); got != nil {
			t.Errorf("%s with %s for %s: got %v, want nil", tt.file, tt.new, tt.old, got)
		}
	}
}

// TestVariants changes something that makes no difference, or another one.
func TestVariants(t *testing.T) {
	byName := Rotation{SecretID: "mySecret", VersionID: version, Time: at(48)}
	tests := []struct {
		name, file, old, new string
		want                 Rotation
	}{
		{"no resources", "native", `"resources":["` + arn + `"]`, `"resources":[]`, byName},
		{"no name", "native", `"name":"mySecret"`, `"name":null`, Rotation{SecretID: arn, VersionID: version, Time: at(48)}},
		{"no time", "native", `"time":`, `"at":`, Rotation{SecretID: arn, Name: "mySecret", VersionID: version}},
		{"bad time", "native", `2024-02-06T`, `yesterday `, Rotation{SecretID: arn, Name: "mySecret", VersionID: version}},
		{"staged as current", "put-secret-value", `"clientRequestToken"`, `"versionStages":["MINE","AWSCURRENT"],"clientRequestToken"`, called},
		{"null stages", "put-secret-value", `"clientRequestToken"`, `"versionStages":null,"clientRequestToken"`, called},
		{"null error", "put-secret-value", `"readOnly":false`, `"errorCode":null`, called},
		{"no arn", "put-secret-value", `"arn":`, `"x":`, Rotation{SecretID: "mySecret", VersionID: version, Time: at(51)}},
		{"secret by name", "update-secret-version-stage", `"secretId":"` + arn + `"`, `"secretId":"mySecret"`, called},
		{"no answer", "put-secret-value", `"responseElements":`, `"x":`, Rotation{SecretID: "mySecret", Time: at(51)}},
		{"version of another type", "custom", `"MySecret"}`, `"MySecret","versionId":3}`, custom},
		{"the last of two", "custom", `"MySecret"}`, `"Mine","secretId":"MySecret"}`, custom},
		{"unknown members", "custom", `{"source"`, `{"x":[{"source":"}"}, "\\\"", -1.5e3, true],"source"`, custom},
	}
	for _, tt := range tests {
		var compact bytes.Buffer
		if err := json.Compact(&compact, read(t, "testdata/"+tt.file+".json")); err != nil {
			t.Fatal(err)
		}
		payload := strings.Replace(compact.String(), tt.old, tt.new, 1)
		if payload == compact.String() {
			t.Errorf("%s: nothing to replace", tt.name)
		}
		if diff := cmp.Diff([]Rotation{tt.want}, Matcher{}.Match([]byte(payload))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestOverrides asks for custom events with every character that some JSON writer
// escapes.
func TestOverrides(t *testing.T) {
	for _, m := range []Matcher{
		{Source: "my.app", DetailType: "rotated", DetailKey: "id"},
		{Source: "R&D <x>", DetailType: "it's > 'that'", DetailKey: "a&b"},
		{Source: `quo"te\`, DetailType: "a/b", DetailKey: "tab\tkey"},
		{Source: "Büro 🔑", DetailType: "Schlüssel", DetailKey: "名"},
		{Source: "\u2028", DetailType: "&", DetailKey: "versionId"},
		{Source: "aws.secretsmanager", DetailType: "x"},
		{Source: "my/app"},
	} {
		key := stdcmp.Or(m.DetailKey, DefaultDetailKey)
		payload, err := json.Marshal(map[string]any{
			"source": m.Source, "detail-type": stdcmp.Or(m.DetailType, DefaultDetailType), "detail": map[string]string{key: "prod/db"},
		})
		if err != nil {
			t.Fatal(err)
		}
		message, err := json.Marshal(string(payload))
		if err != nil {
			t.Fatal(err)
		}
		payloads := spellings(t, payload)
		payloads["in SQS"] = []byte(`{"Records":[{"body":` + string(message) + `}]}`)
		payloads["all escaped"] = []byte(escapeAll(string(payload)))
		for spelling, b := range payloads {
			if diff := cmp.Diff([]Rotation{{SecretID: "prod/db"}}, m.Match(b)); diff != "" {
				t.Errorf("%+v, %s (-want +got):\n%s", m, spelling, diff)
			}
			if m.Source != "aws.secretsmanager" {
				if got := (Matcher{}).Match(b); got != nil {
					t.Errorf("%+v, %s, with the defaults: got %v, want nil", m, spelling, got)
				}
			}
		}
		if got := m.Match(read(t, "testdata/custom.json")); got != nil {
			t.Errorf("%+v: the default event: got %v, want nil", m, got)
		}
		if diff := cmp.Diff([]Rotation{native}, m.Match(read(t, "testdata/native.json"))); diff != "" {
			t.Errorf("%+v: the native event (-want +got):\n%s", m, diff)
		}
	}
}

func TestBackslashesAreNotCompared(t *testing.T) {
	m := Matcher{Source: `a\\b`} // two of them, where the event has one, escaped
	payload := `{"source":"a\\b","detail-type":"Secret Rotation","detail":{"secretId":"MySecret"}}`
	if got := m.Match([]byte(payload)); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

func TestScraps(t *testing.T) {
	for _, payload := range []string{
		"", " ", "-", "-type", "l-type", "null", "[]", "{}", `"`, `"\`, `{"Records"`, `{"Records":`, `{"Records":[`, `{"Records":{}}`,
		`{"detail-type":"Secret Rotation","source":"secretsmanager","detail":`, `{"detail-type" "secretsmanager"}`,
		`{"detail-type":"secretsmanager",}`, `{"Records":["detail-type secretsmanager"]}`, `\u00`, `\u002`,
	} {
		if got := (Matcher{}).Match([]byte(payload)); got != nil {
			t.Errorf("%s: got %v, want nil", payload, got)
		}
	}
}

// escapeAll escapes every letter of JSON that has no other backslash than for
// what is escaped already.
func escapeAll(payload string) string {
	var b strings.Builder
	for i := 0; i < len(payload); i++ {
		c := payload[i]
		switch {
		case c == '\\' && payload[i+1] == 'u':
			b.WriteString(payload[i : i+6])
			i += 5
		case c == '\\':
			b.WriteString(payload[i : i+2])
			i++
		case 'a' <= c && c <= 'z':
			b.WriteString(`\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789ABCDEF"[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
