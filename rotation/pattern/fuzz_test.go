package pattern_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

// Any two texts: an error of Parse that says where, or a verdict on every JSON
// object, the same one however often it is asked for.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{
		`{"source":["aws.secretsmanager"],"detail":{"name":[{"prefix":"prod/"},{"suffix":{"equals-ignore-case":"é"}}]}}`,
		`{"$or":[{"a":[{"numeric":[">",0,"<=",5e1]}]},{"b":[{"anything-but":{"wildcard":["*a\\*"]}}]}]}`,
		`{"a":[{"cidr":"2001:db8::/32"},{"exists":false},{"anything-but":[1,2]},"10.0.0.1",null,1e400]}`,
		`{"a":{"b":[1],"c":[{"wildcard":"a*b*c"}]}}`, `{"$or":["a"]}`, `{`,
	} {
		f.Add(p, labelUpdated)
		f.Add(p, `{"a":[{"b":1},{"c":["abc","10.0.0.1",2]}],"a.b":-0}`)
	}
	f.Fuzz(func(t *testing.T, text, event string) {
		p, err := pattern.Parse([]byte(text))
		if err != nil {
			if e, is := errors.AsType[*pattern.Error](err); !is || e.Line < 1 || e.Column < 1 || e.Reason == "" {
				t.Fatalf("Parse: got %#v", err)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatal("Parse accepted what is not JSON")
		}
		got, err := p.Match([]byte(event))
		again, _ := p.Match([]byte(event))
		if got != again || err != nil && got {
			t.Fatalf("Match: got %v and %v, then %v", got, err, again)
		}
	})
}
