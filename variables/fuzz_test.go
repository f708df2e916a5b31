package variables

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

// FuzzVariables reads references, and makes variables of one text that all their
// secrets have. References must be those that a regular expression finds, and parse
// to themselves when printed; variables must be what the tokens of encoding/json
// spell.
func FuzzVariables(f *testing.F) {
	references := []string{
		"MySecret", "A=b#c, D_*=e\tf", "a=b=c", "X=", "#", "=*#", "A*=b#c", "PATH=x", "a,a", "prod/a=b#c=d#e",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf", "\xff=\x00#\u2028", "k#\u00a0", "LD_*=x AW*=x", "1a=b prod/x=y",
	}
	values := []string{
		`{"c":"x","d":1.0}`, `{"a":1e400,"b":-0,"c":12345678901234567890,"d":0.10,"e":1E+2}`, `{"c":null,"d":true,"e":false,"f":""}`,
		`{"a":[ 1, "b c" ,{ } ],"b":{"x" : [ null ]},"c":"\u0000","d":"\ud800","\u0065":"\n"}`, `{"PATH":"x","1a":"y","a-b":"z","LD_A":""}`,
		`{"c":1,"c":2}`, `[]`, `null`, `"text"`, ``, " {\n} ", "\xff", "a\x00b", `{"c":"` + "\xff" + `"}`, `{"c":1}{}`, `{"c":1,}`,
	}
	for i, refs := range references {
		for j, value := range values {
			if j%len(references) == i || i < 2 {
				f.Add(refs, value)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		refs, err := Parse(text)
		checkReferences(t, text, refs, err)
		secrets := map[string]*cache.Secret{}
		for _, id := range IDs(refs) {
			secrets[id] = &cache.Secret{Value: cache.Text(value)}
		}
		got := resolve(refs, secrets)
		want, missing := map[string]string{}, 0
		members, isObject := membersOf(value)
		for _, ref := range refs {
			missing += expect(want, ref, value, members, isObject)
		}
		if diff := cmp.Diff(want, got.vars); diff != "" {
			t.Errorf("variables (-want +got)\n%s", diff)
		}
		if len(got.missing) != missing {
			t.Errorf("got %d keys that are missing, want %d: %v", len(got.missing), missing, got.missing)
		}
		for name := range got.vars {
			if got.from[name] == "" {
				t.Errorf("%s is from nowhere", name)
			}
		}
		if _, report := dotenv.Encode(got.vars); report.Refused != nil {
			t.Errorf("the dotenv file cannot have %q", report.Refused)
		}
	})
}

// expect adds the variables that one reference stands for, and returns 1 if it is
// to a key that is not there.
func expect(want map[string]string, ref Reference, value string, members map[string]string, isObject bool) (missing int) {
	put := func(name, value string) {
		if variableName.MatchString(name) && !reserved(name) && !strings.Contains(value, "\x00") && utf8.ValidString(value) {
			want[name] = value
		}
	}
	switch one, has := members[ref.Key]; {
	case ref.HasKey && !has:
		return 1
	case ref.HasKey && ref.Name == "":
		put(ref.Key, one)
	case ref.HasKey:
		put(ref.Name, one)
	case ref.Name != "" && !ref.Prefix:
		put(ref.Name, value)
	case isObject:
		for name, value := range members {
			put(ref.Name+name, value)
		}
	}
	return 0
}

// membersOf returns how the environment spells the members of a JSON object.
func membersOf(text string) (members map[string]string, ok bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, false
	}
	members = map[string]string{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			panic(err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			panic(err)
		}
		members[name.(string)] = spelled(raw)
	}
	return members, true
}

func spelled(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	token, err := d.Token()
	if err != nil {
		panic(err)
	}
	switch v := token.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	case nil:
		return ""
	}
	return squeezed(string(raw))
}

// squeezed takes the white space out that is in no string.
func squeezed(text string) string {
	return stringOrSpace.ReplaceAllStringFunc(text, func(s string) string {
		if s[0] == '"' {
			return s
		}
		return ""
	})
}

var (
	stringOrSpace = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[ \t\r\n]+`)
	variableName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// reference is [NAME[*]=]id[#key].
	reference = regexp.MustCompile(`(?s)^(?:([A-Za-z_][A-Za-z0-9_]*)(\*?)=)?([^#]*)(?:(#)(.*))?$`)
	secretID  = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!:-]{1,1000}$`)
)

func checkReferences(t *testing.T, text string, refs []Reference, err error) {
	t.Helper()
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	var want []Reference
	seen := map[Reference]bool{}
	for _, word := range words {
		if len(word) > 1000 {
			return // the limit of an id has a test of its own
		}
		if r, ok := byExpression(word); ok && !seen[r] {
			seen[r] = true
			want = append(want, r)
		}
	}
	if diff := cmp.Diff(want, refs); diff != "" {
		t.Fatalf("Parse(%q): -want +got\n%s", text, diff)
	}
	problems := 0
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		problems = len(joined.Unwrap())
	} else if err != nil {
		t.Fatalf("Parse(%q): %v is not one problem for each word", text, errors.Unwrap(err))
	}
	if problems+len(refs) != len(words) {
		t.Errorf("Parse(%q): %d references and %d problems of %d words", text, len(refs), problems, len(words))
	}
	var printed []string
	for _, r := range refs {
		printed = append(printed, r.String())
	}
	again, err := Parse(strings.Join(printed, ", "))
	if err != nil || !cmp.Equal(refs, again) {
		t.Errorf("Parse(%q) = %v, read back as %v, %v", text, refs, again, err)
	}
}

func byExpression(word string) (r Reference, ok bool) {
	m := reference.FindStringSubmatch(word)
	if m == nil {
		return r, false
	}
	r = Reference{Name: m[1], Prefix: m[2] != "", ID: m[3], HasKey: m[4] != "", Key: m[5]}
	name := r.Name
	if name == "" {
		name = r.Key
	}
	switch {
	case !secretID.MatchString(r.ID), r.HasKey && (r.Key == "" || r.Prefix):
		return r, false
	case r.Prefix:
		return r, !reservedFamily(r.Name)
	case name == "":
		return r, true
	}
	return r, variableName.MatchString(name) && !reserved(name)
}
