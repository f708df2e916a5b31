package event

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzMatch wants the answer to depend on what the JSON says and not on how it is
// written, and never for anything that is no JSON.
func FuzzMatch(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		f.Add(read(f, file), "secretsmanager", "Secret Rotation", "secretId")
		f.Add(read(f, file), "", "", "")
	}
	f.Add([]byte(`{"source":"R\u0026D","detail-type":"\/","detail":{"a\u0022":"x"}}`), "R&D", "/", `a"`)
	f.Add([]byte(`{"Records":[{"Sns":{"Message":"{}"}},{"body":"{\"Message\":\"\"}"}]}`), "", "", "")
	f.Add([]byte("{\"source\":\"secretsmanager\",\"detail-type\":\"Secret Rotation\",\"detail\":{\"secretId\":\"a\xff\"}}"), "", "", "")
	f.Fuzz(func(t *testing.T, payload []byte, source, detailType, key string) {
		m := Matcher{source, detailType, key}
		got := m.Match(payload)
		if !json.Valid(payload) {
			if got != nil {
				t.Fatalf("got %v for what is no JSON", got)
			}
			return
		}
		for _, r := range got {
			if r.SecretID == "" || r.SecretID == r.Name {
				t.Errorf("got id %q and name %q", r.SecretID, r.Name)
			}
		}
		for spelling, b := range map[string][]byte{
			"compact":   compacted(t, payload),
			"sorted":    reordered(t, payload),
			"with room": append(append([]byte("\n\t"), payload...), " \r\n"...),
		} {
			if diff := cmp.Diff(got, m.Match(b)); diff != "" {
				t.Errorf("%s (-as it is +%[1]s):\n%s", spelling, diff)
			}
		}
	})
}

func compacted(t *testing.T, payload []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, payload); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
