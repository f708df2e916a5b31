package pattern_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

func TestParseErrors(t *testing.T) {
	var ors strings.Builder // 3 to the power of 7 combinations
	for i := range 7 {
		fmt.Fprintf(&ors, `"$or":[{"a%d":[1]},{"b%[1]d":[1]},{"c%[1]d":[1]}],`, i)
	}
	tests := []struct{ pattern, want string }{
		{``, "not JSON"},
		{`{"a":[1]`, "not JSON"},
		{`{"a":[1]}}`, "not JSON"},
		{`{"a":[01]}`, "not JSON"},
		{"{\"a\":[\"\xff\"]}", "not UTF-8"},
		{`[]`, "Filter is not an object"},
		{`"a"`, "Filter is not an object"},
		{`{}`, "Empty objects are not allowed"},
		{`{"a":{}}`, "Empty objects are not allowed"},
		{`{"a":[]}`, "Empty arrays are not allowed"},
		{`{"a":"b"}`, `"a" must be an object or an array`},
		{`{"a":{"b":null}}`, `"b" must be an object or an array`},
		{`{"a":[[1]]}`, "Match value must be String, number, true, false, or null"},
		{`{"a":[1],"a":[2]}`, "Path `a` cannot be allowed multiple times"},
		{`{"a":{"b":[1]},"a.b":[2]}`, "Path `a.b` cannot be allowed multiple times"},
		{`{"a":[1],"$or":[{"a":[2]},{"b":[3]}]}`, "Path `a` cannot be allowed multiple times"},
		{`{"a":[{}]}`, "Match expression name not found"},
		{`{"a":[{"contains":"b"}]}`, "Unrecognized match type contains"},
		{`{"a":[{"prefix":"b","suffix":"c"}]}`, "Only one key allowed in match expression"},
		{`{"a":[{"prefix":"b","prefix":"b"}]}`, "Only one key allowed in match expression"},
		{`{"a":[{"exists":false,"exists":false}]}`, "Only one key allowed in match expression"},
		{`{"a":[{"prefix":1}]}`, "prefix match pattern must be a string"},
		{`{"a":[{"suffix":["b"]}]}`, "suffix match pattern must be a string"},
		{`{"a":[{"prefix":{"suffix":"b"}}]}`, "Unsupported prefix pattern: suffix"},
		{`{"a":[{"prefix":{}}]}`, "Unsupported prefix pattern"},
		{`{"a":[{"suffix":{"equals-ignore-case":1}}]}`, "equals-ignore-case match pattern must be a string"},
		{`{"a":[{"equals-ignore-case":["b"]}]}`, "equals-ignore-case match pattern must be a string"},
		{`{"a":[{"exactly":1}]}`, "exact match pattern must be a string"},
		{`{"a":[{"exists":"true"}]}`, "exists match pattern must be either true or false."},
		{`{"a":[{"exists":[]}]}`, "exists match pattern must be either true or false."},
		{`{"a":[{"wildcard":1}]}`, "wildcard match pattern must be a string"},
		{`{"a":[{"wildcard":"b**"}]}`, "Consecutive wildcard characters at pos 1"},
		{`{"a":[{"wildcard":"b\\c"}]}`, "Invalid escape character at pos 1"},
		{`{"a":[{"wildcard":"b\\"}]}`, "Invalid escape character at pos 1"},
		{`{"a":[{"anything-but":null}]}`, "Inside anything but list"},
		{`{"a":[{"anything-but":[]}]}`, "Inside anything but list"},
		{`{"a":[{"anything-but":["b",1]}]}`, "Inside anything but list"},
		{`{"a":[{"anything-but":["b",["c"]]}]}`, "Inside anything but list"},
		{`{"a":[{"anything-but":1e400}]}`, "Cannot compare number : 1e400"},
		{`{"a":[{"anything-but":{}}]}`, "Anything-But expression name not found"},
		{`{"a":[{"anything-but":{"exists":true}}]}`, "Unsupported anything-but pattern: exists"},
		{`{"a":[{"anything-but":{"prefix":"b","suffix":"c"}}]}`, "Only one key allowed in match expression"},
		{`{"a":[{"anything-but":{"prefix":""}}]}`, "Null prefix/suffix not allowed"},
		{`{"a":[{"anything-but":{"suffix":["b",""]}}]}`, "Null prefix/suffix not allowed"},
		{`{"a":[{"anything-but":{"prefix":[]}}]}`, "Empty arrays are not allowed"},
		{`{"a":[{"anything-but":{"prefix":1}}]}`, "prefix/suffix match pattern must be a string"},
		{`{"a":[{"anything-but":{"wildcard":["b","**"]}}]}`, "Consecutive wildcard characters at pos 0"},
		{`{"a":[{"numeric":1}]}`, "Value of numeric must be an array."},
		{`{"a":[{"numeric":[]}]}`, "Invalid member in numeric match"},
		{`{"a":[{"numeric":[1]}]}`, "Invalid member in numeric match"},
		{`{"a":[{"numeric":["!=",1]}]}`, "Unrecognized numeric range operator: !="},
		{`{"a":[{"numeric":["=","1"]}]}`, "Value of = must be numeric"},
		{`{"a":[{"numeric":[">"]}]}`, "Value of > must be numeric"},
		{`{"a":[{"numeric":["=",1,"=",1]}]}`, "Too many elements in numeric expression"},
		{`{"a":[{"numeric":["<",1,">",0]}]}`, "Too many elements in numeric expression"},
		{`{"a":[{"numeric":[">",0,"<",1,"<",2]}]}`, "Too many elements in numeric expression"},
		{`{"a":[{"numeric":[">",0,1]}]}`, "Bad numeric range operator"},
		{`{"a":[{"numeric":[">",0,">",1]}]}`, "Bad numeric range operator: >"},
		{`{"a":[{"numeric":[">",0,"<"]}]}`, "Value of < must be numeric"},
		{`{"a":[{"numeric":[">",1,"<",1]}]}`, "Bottom must be less than top"},
		{`{"a":[{"numeric":["<",0.12345678901234567890]}]}`, "Cannot compare number : 0.12345678901234567890"},
		{`{"a":[{"cidr":1}]}`, "cidr match pattern must be a string"},
		{`{"a":[{"cidr":"10.0.0.0"}]}`, "Malformed CIDR, one '/' required"},
		{`{"a":[{"cidr":"10.0.0.0/8/8"}]}`, "Malformed CIDR, one '/' required"},
		{`{"a":[{"cidr":"10.0.0.0/a"}]}`, "Malformed CIDR, mask bits must be an integer"},
		{`{"a":[{"cidr":"10.0.0.0/-1"}]}`, "Malformed CIDR, mask bits must not be negative"},
		{`{"a":[{"cidr":"10.0.0/8"}]}`, "Invalid IP address: 10.0.0"},
		{`{"a":[{"cidr":"10.0.0.0/32"}]}`, "IPv4 mask bits must be < 32"},
		{`{"a":[{"cidr":"::/128"}]}`, "IPv6 mask bits must be < 128"},
		{`{"$or":{"a":{}}}`, "$or must be an array of at least 2 objects"},
		{`{"$or":[{"a":[1]}]}`, "$or must be an array of at least 2 objects"},
		{`{"$or":[{"a":[1]},["b"]]}`, "Only objects are allowed in the array of $or"},
		{`{"$or":[{"prefix":["a"]},{"b":[1]}]}`, "prefix is a reserved name which cannot be used inside $or"},
		{`{"$or":[{"a":{"<":["a"]}},{"b":[1]}]}`, "< is a reserved name which cannot be used inside $or"},
		{"{" + ors.String() + `"z":[1]}`, "more than 1000 combinations"},
		{strings.Repeat(`{"a":`, 1001) + "[1]" + strings.Repeat("}", 1001), "nested deeper than 1000"},
	}
	for _, tt := range tests {
		_, err := pattern.Parse([]byte(tt.pattern))
		e, is := errors.AsType[*pattern.Error](err)
		if !is || !strings.Contains(e.Reason, tt.want) {
			t.Errorf("%.200s: got %v, want %q", tt.pattern, err, tt.want)
		}
	}
}

func TestErrorSaysWhere(t *testing.T) {
	_, err := pattern.Parse([]byte("{\n  \"source\": [\"a\"],\n  \"detail\": {\"name\": []}\n}"))
	e, is := errors.AsType[*pattern.Error](err)
	if !is {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(&pattern.Error{Reason: "Empty arrays are not allowed", Line: 3, Column: 24}, e); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if want := "event pattern: Empty arrays are not allowed at line 3, column 24"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
