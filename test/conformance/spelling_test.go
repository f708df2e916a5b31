package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// TestSpelling makes variables of random JSON objects, in the extension and in the
// client for Python, which spells them itself: they must be the same to the letter.
func TestSpelling(t *testing.T) {
	t.Logf("seed %d", *seed)
	r := random{rand.New(rand.NewPCG(*seed, 5))}
	var in, stderr bytes.Buffer
	e := json.NewEncoder(&in)
	var texts []string
	for range *howMany {
		texts = append(texts, r.space()+r.object(3)+r.space())
		if err := e.Encode(texts[len(texts)-1]); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("python3", "testdata/spelling.py", "../../layer/python")
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	d := json.NewDecoder(bytes.NewReader(out))
	for _, text := range texts {
		want, err := (&cache.Secret{Value: cache.Text(text)}).Object()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got map[string]string
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n-extension +python\n%s", text, diff)
		}
	}
}

// object makes the text of a JSON object, with any white space, spelling of numbers
// and escapes, and now and then a name that is there twice.
func (r random) object(depth int) string {
	var members []string
	for range r.IntN(5) {
		members = append(members, r.space()+r.text()+r.space()+":"+r.space()+r.value(depth)+r.space())
	}
	if len(members) == 0 {
		return "{" + r.space() + "}"
	}
	return "{" + strings.Join(members, ",") + "}"
}

func (r random) value(depth int) string {
	switch kind := r.IntN(8); {
	case kind == 0 && depth > 0:
		return r.object(depth - 1)
	case kind == 1 && depth > 0:
		var elements []string
		for range r.IntN(4) {
			elements = append(elements, r.space()+r.value(depth-1)+r.space())
		}
		return "[" + strings.Join(elements, ",") + "]"
	case kind < 5:
		return r.pick("0", "-0", "1.0", "1.50", "1e400", "-1E-5", "12345678901234567890123", "0.1e+2", "1E1", "true", "false", "null")
	}
	return r.text()
}

func (r random) text() string {
	if r.IntN(3) > 0 {
		return `"` + r.pick("a", "b", "PASSWORD", "") + `"`
	}
	var b strings.Builder
	for range r.IntN(8) {
		switch c := r.pick("x", " ", ",", "}", ":", "é", "🔑", "\u2028", "\x7f"); r.IntN(4) {
		case 0:
			b.WriteString(r.pick(`\"`, `\\`, `\/`, `\b`, `\n`, `\t`, `\r`, `\u0000`, `\u00E9`, `\ud83d\ude00`, `\ud800`, `\udc00`))
		case 1:
			fmt.Fprintf(&b, `\u%04x`, 'A'+r.IntN(60))
		default:
			b.WriteString(c)
		}
	}
	return `"` + b.String() + `"`
}

func (r random) space() string {
	if r.IntN(3) > 0 {
		return ""
	}
	return r.of(" \t\r\n", r.IntN(3))
}
