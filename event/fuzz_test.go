package event

import (
	"bytes"
	"cmp"
	"encoding/json"
	"path/filepath"
	"testing"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
)

// wrappings are the ways an event takes, straight,
// by SNS, by SQS, by SQS in a batch of two, and by SNS in SQS.
var wrappings = []func(event string) any{
	nil,
	func(e string) any { return records(map[string]any{"Sns": map[string]any{"Message": e}}) },
	func(e string) any { return records(map[string]any{"body": e}) },
	func(e string) any { return records(map[string]any{"body": e}, map[string]any{"body": e}) },
	func(e string) any {
		notification, _ := json.Marshal(map[string]any{"Type": "Notification", "Message": e})
		return records(map[string]any{"body": string(notification)})
	},
}

func records(list ...any) any { return map[string]any{"Records": list} }

// FuzzMatch wants of any event, however it comes, what encoding/json and the rules
// make of it; wants the answer to depend on what the JSON says and not on how it is
// written; and none for anything that is no JSON.
func FuzzMatch(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for i, file := range files {
		f.Add(read(f, file), uint8(0), "secretsmanager", "Secret Rotation", "secretId")
		f.Add(read(f, file), uint8(i), "", "", "")
	}
	f.Add([]byte(`{"source":"R\u0026D","detail-type":"\/","detail":{"a\u0022":"x"}}`), uint8(4), "R&D", "/", `a"`)
	f.Add([]byte(`{"Records":[{"Sns":{"Message":"{}"}},{"body":"{\"Message\":\"\"}"}]}`), uint8(0), "", "", "")
	f.Add([]byte("{\"source\":\"secretsmanager\",\"detail-type\":\"Secret Rotation\",\"detail\":{\"secretId\":\"a\xff\"}}"), uint8(2), "", "", "")
	f.Fuzz(func(t *testing.T, payload []byte, way uint8, source, detailType, key string) {
		m := Matcher{source, detailType, key}
		straight := m.Match(payload)
		if !json.Valid(payload) {
			if straight != nil {
				t.Fatalf("got %v for what is no JSON", straight)
			}
			return
		}
		wrapped, got := payload, straight
		if wrap := wrappings[int(way)%len(wrappings)]; wrap != nil && utf8.Valid(payload) {
			var err error
			if wrapped, err = json.Marshal(wrap(string(payload))); err != nil {
				t.Fatal(err)
			}
			got = m.Match(wrapped)
			var v any
			_ = json.Unmarshal(payload, &v)
			if under(v, "Records") == nil && under(v, "Message") == nil {
				if diff := gocmp.Diff(straight, got); diff != "" {
					t.Errorf("-straight +wrapped:\n%s", diff)
				}
			}
		}
		for _, r := range got {
			if r.SecretID == "" || r.SecretID == r.Name {
				t.Errorf("got id %q and name %q", r.SecretID, r.Name)
			}
		}
		checkPlainly(t, m, wrapped, got)
		for spelling, b := range map[string][]byte{
			"compact":   compacted(t, wrapped),
			"sorted":    reordered(t, wrapped),
			"with room": append(append([]byte("\n\t"), wrapped...), " \r\n"...),
		} {
			if diff := gocmp.Diff(got, m.Match(b)); diff != "" {
				t.Errorf("%s (-as it is +%[1]s):\n%s", spelling, diff)
			}
		}
	})
}

// checkPlainly is about text: what is no UTF-8 is no JSON to RFC 8259, and nobody
// says what it means.
func checkPlainly(t *testing.T, m Matcher, payload []byte, got []Rotation) {
	t.Helper()
	m = Matcher{cmp.Or(m.Source, DefaultSource), cmp.Or(m.DetailType, DefaultDetailType), cmp.Or(m.DetailKey, DefaultDetailKey)}
	if !utf8.Valid(payload) || !utf8.ValidString(m.Source+m.DetailType+m.DetailKey) {
		return
	}
	want, clear := plainly{m}.match(payload)
	if !clear {
		return
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("-read plainly +got:\n%s", diff)
	}
}

func compacted(t *testing.T, payload []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, payload); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
