package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const megabyte = 1 << 20

// ordinary are events that are the handler's, of the size of Lambda's limit for
// synchronous invocations.
func ordinary(t testing.TB) map[string][]byte {
	t.Helper()
	items := strings.Repeat(`{"id":12345,"tags":["a","b"],"price":1.5,"sold":true},`, 6*megabyte/54)
	page := `<p class="detail">The details of the secretsmanager & \ "Secret Rotation"</p>` + "\n"
	words := "detail-type Secret Rotation secretsmanager aws.secretsmanager "
	events := map[string][]byte{
		"items":      []byte(`{"items":[` + items + `{}]}`),
		"page":       []byte(`{"body":` + quoted(t, strings.Repeat(page, 5*megabyte/len(page))) + `}`),
		"words":      []byte(`{"body":` + quoted(t, strings.Repeat(words, 6*megabyte/len(words))) + `}`),
		"body":       []byte(`{"version":"2.0","body":"` + strings.Repeat("x", 6*megabyte) + `"}`),
		"no JSON":    bytes.Repeat([]byte("x"), 6*megabyte),
		"two words":  []byte(`{"detail-type":"secretsmanager","items":[` + items + `{}]}`),
		"half":       []byte(`{"detail-type":"secretsmanager","detail":"` + strings.Repeat(`\\`, 3*megabyte)),
		"deep":       []byte(`{"detail-type":"Secret Rotation","source":"secretsmanager","detail":` + strings.Repeat(`{"a":[`, megabyte)),
		"deep close": []byte(`{"detail-type":"secretsmanager","detail":` + strings.Repeat("[", 3*megabyte) + strings.Repeat("]", 3*megabyte) + `}`),
		"records":    []byte(`{"Records":[` + strings.Repeat(`{"body":"detail-type secretsmanager"},`, megabyte/8) + `{}]}`),
		"in SQS":     []byte(`{"Records":[{"body":` + quoted(t, `{"source":"secretsmanager","detail-type":"other","items":[`+items+`{}]}`) + `}]}`),
	}
	return events
}

func quoted(t testing.TB, s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLargeOrdinaryEvents bounds what they cost: no copy, and no more time than a
// few passes over the bytes.
func TestLargeOrdinaryEvents(t *testing.T) {
	for name, payload := range ordinary(t) {
		start := time.Now()
		if got := (Matcher{}).Match(payload); got != nil {
			t.Errorf("%s: got %v, want nil", name, got)
		}
		// Generous, for the race detector: what is quadratic here takes hours.
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if name == "in SQS" {
			continue // the message has the words, so it is unwrapped
		}
		if got := testing.AllocsPerRun(1, func() { Matcher{}.Match(payload) }); got > 4 {
			t.Errorf("%s: got %v allocations, want at most 4", name, got)
		}
	}
}

// TestLargeRotations wants rotation events found however much is around them.
func TestLargeRotations(t *testing.T) {
	filler := `"filler":` + quoted(t, strings.Repeat(`{"source":"mine"} \ `, 6*megabyte/20))
	for _, payload := range []string{
		`{` + filler + `,"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"MySecret"}}`,
		`{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{` + filler + `,"secretId":"MySecret"}}`,
		`{"Records":[{` + filler + `,"body":` + quoted(t, `{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"MySecret"}}`) + `}]}`,
	} {
		if got := (Matcher{}).Match([]byte(payload)); len(got) != 1 || got[0] != custom {
			t.Errorf("%.60s…: got %v, want %v", payload, got, custom)
		}
	}
}

// TestDeepNesting has a rotation event in which something is nested deeper than
// encoding/json is willing to follow.
func TestDeepNesting(t *testing.T) {
	for depth, want := range map[int]int{100: 1, 20_000: 0, 2 * megabyte: 0} {
		payload := `{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"MySecret","x":` +
			strings.Repeat(`{"y":[`, depth/2) + strings.Repeat(`]}`, depth/2) + `}}`
		if got := len(Matcher{}.Match([]byte(payload))); got != want {
			t.Errorf("depth %d: got %d rotations, want %d", depth, got, want)
		}
	}
}

func BenchmarkOrdinary(b *testing.B) {
	for name, payload := range ordinary(b) {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				Matcher{}.Match(payload)
			}
		})
	}
}

func BenchmarkRotation(b *testing.B) {
	payload := read(b, "testdata/native.json")
	b.ReportAllocs()
	for b.Loop() {
		Matcher{}.Match(payload)
	}
}
