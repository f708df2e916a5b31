package pattern_test

import (
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

const labelUpdated = `{"version":"0","id":"4f6b1c5e-0000-4000-8000-000000000000","detail-type":"Secret Label Updated",
	"source":"aws.secretsmanager","account":"123456789012","time":"2026-01-02T03:04:05Z","region":"us-east-1",
	"resources":["arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"],
	"detail":{"name":"prod/db","labelUpdated":"AWSCURRENT","versionId":"v2"}}`

// Patterns as rules of a rotation have them.
func TestRotationEvents(t *testing.T) {
	tests := []struct {
		pattern string
		want    bool
	}{
		{`{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["prod/db","prod/api"]}}`, true},
		{`{"source":["aws.secretsmanager"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["prod/api"]}}`, false},
		{`{"source":["aws.secretsmanager"],"detail":{"labelUpdated":["AWSPENDING"],"name":["prod/db"]}}`, false},
		{`{"source":["secretsmanager"],"detail-type":["Secret Rotation"]}`, false},
		{`{"account":["123456789012"],"detail":{"name":[{"prefix":"prod/"}]}}`, true},
		{`{"account":[123456789012]}`, false},
		{`{"resources":[{"wildcard":"arn:aws:secretsmanager:*:secret:prod/db-??????"}]}`, false},
		{`{"resources":[{"wildcard":"arn:aws:secretsmanager:*:secret:prod/db-*"}]}`, true},
		{`{"detail":{"missing":[{"exists":false}],"versionId":[{"exists":true}]}}`, true},
		{`{"detail":{"errorCode":[{"exists":true}]}}`, false},
	}
	for _, tt := range tests {
		if got := match(t, tt.pattern, labelUpdated); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.pattern, got, tt.want)
		}
	}
}

// Each matcher, with values that it wants and values that it does not.
func TestMatchers(t *testing.T) {
	tests := []struct{ wanted, matches, differs string }{
		{`"a"`, `"a"`, `"A" "" "ab" 1 null true`},
		{`""`, `""`, `" " null 0 false`},
		{`null`, `null`, `"null" "" 0 false`},
		{`true`, `true`, `"true" false 1`},
		{`false`, `false`, `"false" true null`},
		{`1`, `1 1.0 10e-1 0.1e1`, `"1" 2 -1 true`},
		{`0`, `0 -0 0.0 0e5 -0e-5`, `1 "0" null`},
		{`3.00e2`, `300 3e+2 300.0`, `30 3000 "300"`},
		{`123456789012`, `123456789012`, `123456789013 "123456789012"`},
		{`0.12345678901234567890`, `0.12345678901234567890`, `0.1234567890123456789 0.12345678901234568`},
		{`9007199254740993`, `9007199254740993`, `9007199254740992 9007199254740994`},
		{`1e400`, `1e400`, `1e401 10e399 "1e400"`},
		{`1e-400`, `1e-400`, `0 1e-401`},
		{`{"exactly":"10.0.0.1"}`, `"10.0.0.1"`, `"10.0.0.2"`},
		{`{"exactly":"2001:db8::1"}`, `"2001:db8::1"`, `"2001:DB8::1"`},
		{`"2001:db8::1"`, `"2001:db8::1" "2001:DB8:0:0::1"`, `"2001:db8::2" "2001:db8::" 1`},
		{`"10.0.0.1"`, `"10.0.0.1" "::ffff:a00:1"`, `"10.0.0.2" "10.0.0.10"`},
		{`"10.0.0.256"`, `"10.0.0.256"`, `"10.0.0.2"`},
		{`{"prefix":"pro"}`, `"pro" "prod"`, `"Prod" "pr" "" 1 null`},
		{`{"prefix":""}`, `"" "a"`, `1 null true`},
		{`{"suffix":".png"}`, `".png" "a.png"`, `".PNG" "png" 1`},
		{`{"prefix":{"equals-ignore-case":"Été"}}`, `"été" "ÉTÉ!"`, `"ete" "ét" 1`},
		{`{"suffix":{"equals-ignore-case":"é.Png"}}`, `"É.PNG" "xé.png"`, `"e.png" "é.png " 1`},
		{`{"equals-ignore-case":"aLICE"}`, `"Alice" "ALICE"`, `"alic" "alices" "" 1 null`},
		{`{"equals-ignore-case":""}`, `""`, `"a" null 0`},
		{`{"equals-ignore-case":"\u212a"}`, `"k" "\u212a"`, `"K"`},
		{`{"equals-ignore-case":"k"}`, `"k" "K"`, `"\u212a"`},
		{`{"wildcard":"*"}`, `"" "a" "*"`, `1 null`},
		{`{"wildcard":"a*"}`, `"a" "ab"`, `"ba" "" "A"`},
		{`{"wildcard":"*a"}`, `"a" "ba" "aa"`, `"ab" ""`},
		{`{"wildcard":"a*a"}`, `"aa" "aba"`, `"a" "ab"`},
		{`{"wildcard":"a*ba*c"}`, `"abac" "abbabac" "ababac"`, `"abc" "abacd"`},
		{`{"wildcard":"dir/*.png"}`, `"dir/.png" "dir/a/b.png"`, `"dir/png" "dir/a.jpg"`},
		{`{"wildcard":"\\*a\\\\*"}`, `"*a\\" "*a\\b"`, `"ba\\" "*a"`},
		{`{"wildcard":"é*🙂"}`, `"é🙂" "éx🙂"`, `"é" "e🙂"`},
		{`{"wildcard":""}`, `""`, `"a" 1`},
		{`{"anything-but":"a"}`, `"b" "" 1 null true`, `"a"`},
		{`{"anything-but":1}`, `2 "1" null true`, `1 1.0`},
		{`{"anything-but":["a","b"]}`, `"c" "A" 1 null`, `"a" "b"`},
		{`{"anything-but":[1,2]}`, `3 "1"`, `1 2.0`},
		{`{"anything-but":{"prefix":"a"}}`, `"ba" "" 1 null`, `"a" "ab"`},
		{`{"anything-but":{"prefix":["a","b"]}}`, `"ca" ""`, `"ab" "ba"`},
		{`{"anything-but":{"suffix":"a"}}`, `"ab" "" 1`, `"a" "ba"`},
		{`{"anything-but":{"suffix":["a","b"]}}`, `"bc" ""`, `"ca" "cb"`},
		{`{"anything-but":{"equals-ignore-case":"a"}}`, `"b" "" 1 null`, `"a" "A"`},
		{`{"anything-but":{"equals-ignore-case":["a","b"]}}`, `"c"`, `"A" "B"`},
		{`{"anything-but":{"wildcard":"*/lib/*"}}`, `"/lib" 1`, `"/lib/" "a/lib/b"`},
		{`{"anything-but":{"wildcard":["a*","*b"]}}`, `"b a" ""`, `"a" "b" "ab"`},
		{`{"anything-but":"10.0.0.1"}`, `"10.0.0.2" "::ffff:a00:1"`, `"10.0.0.1"`},
		{`{"numeric":["=",1]}`, `1 1.0`, `2 "1" true null`},
		{`{"numeric":["<",1]}`, `0 -5 0.9 -1.7976931348623157e308`, `1 2 "0"`},
		{`{"numeric":["<=",1]}`, `1 0`, `1.0000001 "1"`},
		{`{"numeric":[">",1]}`, `1.0000001 2 1.7976931348623157e308`, `1 0 1e400 "2"`},
		{`{"numeric":[">=",1]}`, `1 2`, `0.9`},
		{`{"numeric":[">",0,"<=",5]}`, `1 5`, `0 5.1`},
		{`{"numeric":[">=",-1.5,"<",0]}`, `-1.5 -0.1`, `0 -2`},
		{`{"cidr":"10.0.0.0/24"}`, `"10.0.0.0" "10.0.0.255"`, `"10.0.1.0" "10.0.0" "x" 10 "10.0.0.1/32"`},
		{`{"cidr":"10.0.0.77/8"}`, `"10.1.2.3" "::ffff:a01:203"`, `"11.0.0.1"`},
		{`{"cidr":"2001:db8::/32"}`, `"2001:db8::1" "2001:DB8:FFFF::"`, `"2001:db9::" "10.0.0.1" "fe80::1%eth0"`},
		{`{"exists":true}`, `1 null "" false`, `[] {}`},
		{`{"exists":false}`, `[] {} [[],{}]`, `null "" 1`},
		{`{"exists":false},1`, `1 []`, `2`},
	}
	for _, tt := range tests {
		for list, want := range map[string]bool{tt.matches: true, tt.differs: false} {
			for value := range values(list) {
				if got := match(t, `{"a":[`+tt.wanted+`]}`, `{"a":`+value+`}`); got != want {
					t.Errorf("%s and %s: got %v, want %v", tt.wanted, value, got, want)
				}
			}
		}
	}
}

// values splits a list at spaces that are not in a string.
func values(list string) func(func(string) bool) {
	return func(yield func(string) bool) {
		quoted := false
		for value := range strings.FieldsFuncSeq(list, func(r rune) bool {
			quoted = quoted != (r == '"')
			return r == ' ' && !quoted
		}) {
			if !yield(value) {
				return
			}
		}
	}
}

func TestStructure(t *testing.T) {
	tests := []struct {
		name, pattern, event string
		want                 bool
	}{
		{"all fields", `{"a":[1],"b":[2]}`, `{"a":1,"b":2}`, true},
		{"one field fails", `{"a":[1],"b":[2]}`, `{"a":1,"b":3}`, false},
		{"a field is missing", `{"a":[1],"b":[2]}`, `{"a":1}`, false},
		{"any value", `{"a":[1,"x",{"prefix":"y"}]}`, `{"a":"yes"}`, true},
		{"nested", `{"a":{"b":{"c":[1]}}}`, `{"a":{"b":{"c":1,"d":2}}}`, true},
		{"not an object", `{"a":{"b":[1]}}`, `{"a":1}`, false},
		{"joined names in the event", `{"a":{"b":[1]}}`, `{"a.b":1}`, true},
		{"joined names in the pattern", `{"a.b":[1]}`, `{"a":{"b":1}}`, true},
		{"any element", `{"a":[1]}`, `{"a":[3,2,1]}`, true},
		{"no element", `{"a":[1]}`, `{"a":[3,2]}`, false},
		{"an element of an element", `{"a":[1]}`, `{"a":[[2,[1]]]}`, true},
		{"an empty array", `{"a":[{"anything-but":"x"}]}`, `{"a":[]}`, false},
		{"anything-but of one element", `{"a":[{"anything-but":"x"}]}`, `{"a":["x","y"]}`, true},
		{"a name twice in the event", `{"a":[1]}`, `{"a":1,"a":2}`, true},
		{"the same element", `{"a":{"b":[1],"c":[2]}}`, `{"a":[{"b":1,"c":2},{"b":3}]}`, true},
		{"different elements", `{"a":{"b":[1],"c":[2]}}`, `{"a":[{"b":1,"c":3},{"b":4,"c":2}]}`, false},
		{"a later element", `{"a":{"b":[1],"c":[2]}}`, `{"a":[{"b":1,"c":3},{"b":1,"c":2}]}`, true},
		{"elements of different arrays", `{"a":{"b":[1]},"c":{"d":[2]}}`, `{"a":[{"b":0},{"b":1}],"c":[{"d":2}]}`, true},
		{"after an array", `{"a":{"b":[1]},"c":[2]}`, `{"a":[{"b":1},{"b":3}],"c":2}`, true},
		{"the same element, deeper", `{"a":{"b":{"c":[1]},"d":[2]}}`, `{"a":[{"b":[{"c":1}],"d":3},{"b":[{"c":4}],"d":2}]}`, false},
		{"strings of an element", `{"a":{"b":["x"],"c":["y"]}}`, `{"a":[{"b":["w","x"],"c":["y","z"]}]}`, true},
		{"strings of one array", `{"a":["x"],"b":["y"]}`, `{"a":["x","y"],"b":["x","y"]}`, true},
		{"absent from the element", `{"a":{"b":[1],"c":[{"exists":false}]}}`, `{"a":[{"b":1},{"c":2}]}`, true},
		{"present in the element", `{"a":{"b":[1],"c":[{"exists":false}]}}`, `{"a":[{"b":1,"c":2}]}`, false},
		{"or: the first", `{"$or":[{"a":[1]},{"b":[2]}]}`, `{"a":1}`, true},
		{"or: the second", `{"$or":[{"a":[1]},{"b":[2]}]}`, `{"a":3,"b":2}`, true},
		{"or: none", `{"$or":[{"a":[1]},{"b":[2]}]}`, `{"a":2,"b":1}`, false},
		{"or and more", `{"c":[3],"$or":[{"a":[1]},{"b":[2]}]}`, `{"a":1,"c":4}`, false},
		{"or before more", `{"$or":[{"a":[1]},{"b":[2]}],"c":[3]}`, `{"b":2,"c":3}`, true},
		{"or, nested", `{"x":{"$or":[{"a":[1]},{"$or":[{"b":[2]},{"c":[3]}]}]}}`, `{"x":{"c":3}}`, true},
		{"two ors: one of each", `{"$or":[{"a":[1]},{"b":[2]}],"x":{"$or":[{"a":[1]},{"b":[2]}]}}`, `{"b":2,"x":{"a":1}}`, true},
		{"two ors: one of one", `{"$or":[{"a":[1]},{"b":[2]}],"x":{"$or":[{"a":[1]},{"b":[2]}]}}`, `{"a":1,"b":2,"x":{"c":3}}`, false},
		{"the same path in both branches", `{"$or":[{"a":[1]},{"a":[2],"b":[3]}]}`, `{"a":2,"b":3}`, true},
		{"or as a plain name", `{"$or":["x"]}`, `{"$or":"x"}`, true},
		{"or of one, a plain name", `{"$or":[{"prefix":"x"}]}`, `{"$or":"xy"}`, true},
		{"or of matchers, a plain name", `{"$or":[{"prefix":"x"},{"prefix":"y"}]}`, `{"$or":"yx"}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := match(t, tt.pattern, tt.event); got != tt.want {
				t.Errorf("%s and %s: got %v, want %v", tt.pattern, tt.event, got, tt.want)
			}
		})
	}
}

func match(t *testing.T, text, event string) bool {
	t.Helper()
	p, err := pattern.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got, err := p.Match([]byte(event))
	if err != nil {
		t.Fatalf("%s: %v", event, err)
	}
	return got
}

func TestMatchOfNoObject(t *testing.T) {
	p, err := pattern.Parse([]byte(`{"a":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001)
	for _, event := range []string{"", "1", `[{"a":1}]`, `{"a":1} {}`, `{"a":1`, "{\"a\":\"\xff\"}", deep} {
		if got, err := p.Match([]byte(event)); err == nil || got {
			t.Errorf("%.20q: got %v and no error", event, got)
		}
	}
	if got, err := new(pattern.Pattern).Match([]byte(`{}`)); got || err != nil {
		t.Errorf("the zero pattern: got %v, %v", got, err)
	}
}

// An array of many strings is no square of work.
func TestManyElements(t *testing.T) {
	many := "[" + strings.Repeat(`"x",`, 100_000) + `"y"]`
	event := `{"a":` + many + `,"b":` + many + `,"c":` + many + `}`
	if match(t, `{"a":["x"],"b":["x"],"c":["x"],"d":["x"]}`, event) {
		t.Error("matched without d")
	}
}
