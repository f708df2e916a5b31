package event

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"
)

const megabyte = 1 << 20

// ordinary are events that are the handler's, of about the same size.
func ordinary(t testing.TB, size int) map[string][]byte {
	t.Helper()
	items := strings.Repeat(`{"id":12345,"tags":["a","b"],"price":1.5,"sold":true},`, size/54)
	page := `<p class="detail">The details of the secretsmanager & \ "Secret Rotation"</p>` + "\n"
	words := "detail-type Secret Rotation secretsmanager aws.secretsmanager "
	events := map[string][]byte{
		"items":      []byte(`{"items":[` + items + `{}]}`),
		"page":       []byte(`{"body":` + quoted(t, strings.Repeat(page, size/len(page))) + `}`),
		"words":      []byte(`{"body":` + quoted(t, strings.Repeat(words, size/len(words))) + `}`),
		"body":       []byte(`{"version":"2.0","body":"` + strings.Repeat("x", size) + `"}`),
		"ids":        []byte(`{"ids":[` + strings.Repeat(`"059f36b4-87a3-44ab-83d2-661975830a7d",`, size/39) + `{}]}`),
		"no JSON":    bytes.Repeat([]byte("x"), size),
		"two words":  []byte(`{"detail-type":"secretsmanager","items":[` + items + `{}]}`),
		"half":       []byte(`{"detail-type":"secretsmanager","detail":"` + strings.Repeat(`\\`, size/2)),
		"deep":       []byte(`{"detail-type":"Secret Rotation","source":"secretsmanager","detail":` + strings.Repeat(`{"a":[`, size/6)),
		"deep close": []byte(`{"detail-type":"secretsmanager","detail":` + strings.Repeat("[", size/2) + strings.Repeat("]", size/2) + `}`),
		"records":    []byte(`{"Records":[` + strings.Repeat(`{"body":"detail-type secretsmanager"},`, size/40) + `{}]}`),
		"source":     []byte(`{"detail-type":"Secret Rotation","source":"secretsmanager` + strings.Repeat(`\n`, size/2) + `"}`),
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
	for name, payload := range ordinary(t, megabyte) {
		start := time.Now()
		if got := (Matcher{}).Match(payload); got != nil {
			t.Errorf("%s: got %v, want nil", name, got)
		}
		// Generous, for the race detector: what is quadratic here takes minutes.
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if name == "in SQS" {
			continue // the message has the words, so it is unwrapped
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if got := testing.AllocsPerRun(1, func() { Matcher{}.Match(payload) }); got > 4 {
			t.Errorf("%s: got %v allocations, want at most 4", name, got)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
			t.Errorf("%s: got %d bytes allocated, want a handful", name, got)
		}
	}
}

// TestLargeRotations wants rotation events found however much is around them.
func TestLargeRotations(t *testing.T) {
	filler := `"filler":` + quoted(t, strings.Repeat(`{"source":"mine"} \ `, megabyte/20))
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
	for depth, want := range map[int]int{100: 1, 20_000: 0, megabyte: 0} {
		payload := `{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"MySecret","x":` +
			strings.Repeat(`{"y":[`, depth/2) + strings.Repeat(`]}`, depth/2) + `}}`
		if got := len(Matcher{}.Match([]byte(payload))); got != want {
			t.Errorf("depth %d: got %d rotations, want %d", depth, got, want)
		}
	}
}

func BenchmarkOrdinary(b *testing.B) {
	for name, payload := range ordinary(b, 6*megabyte) { // the limit of synchronous invocations
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
