package endpoint

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// values are such as secrets have, and worse ones.
var values = map[string]string{
	"plain":       canary,
	"unicode":     canary + " é€🔑日\u00a0\u0085\u2028\u2029\ufeff",
	"quotes":      canary + `'"` + "`\\ \\n $HOME $(id) %41 + & = # ; <b>",
	"line breaks": "\r\n" + canary + "\n\ttwo\n",
	"controls":    canary + "\x00\x01\x1b[0m\x7f",
	"an object":   `{"b" : "` + canary + `", "a":1.0, "a":2}`, // not made tidy
	"no object":   `{}`,
	"a number":    `12345678901234567890.10`,
	"null":        `null`,
	"a space":     ` `,
	"the largest": canary + strings.Repeat("é", 32765),
}

// TestAnswerOfTheExtension wants every byte of what AWS's extension answers: the Go
// SDK's output as JSON.
func TestAnswerOfTheExtension(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for name, value := range values {
			v := u.create(strings.ReplaceAll(name, " ", "-"), value)
			body := expected(t, u, v, map[string]any{"SecretString": value, "SecretBinary": nil})
			for _, path := range []string{"/secretsmanager/get?secretId=" + v.name, "/v1/" + v.name, "/v1/" + v.arn} {
				r := a.get(path)
				want(t, name, r, 200, body)
				wantHeader(t, name, r, "Content-Type", "application/json")
			}
		}
	})
}

func TestBinary(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for name, value := range map[string][]byte{
			"small": append([]byte{0, 0xff, '\n'}, canary...),
			"text":  []byte(canary),
			"large": append(bytes.Repeat([]byte{0xfe, '"', 0, 7}, 16000), canary...),
		} {
			v := u.create(name, value)
			body := expected(t, u, v, map[string]any{"SecretString": nil, "SecretBinary": base64.StdEncoding.EncodeToString(value)})
			want(t, name, a.get("/v1/"+v.name), 200, body)
		}
	})
}

// expected is the body for a version, with the date that the upstream has.
func expected(t *testing.T, u *upstream, v version, value map[string]any) string {
	t.Helper()
	out := u.read(v)
	if out.CreatedDate == nil || time.Since(*out.CreatedDate).Abs() > time.Hour {
		t.Fatalf("%s was created at %v", v.name, out.CreatedDate)
	}
	var b strings.Builder
	for _, member := range []struct {
		name  string
		value any
	}{
		{"ARN", v.arn},
		{"CreatedDate", out.CreatedDate.UTC().Format(time.RFC3339Nano)},
		{"Name", v.name},
		{"SecretBinary", value["SecretBinary"]},
		{"SecretString", value["SecretString"]},
		{"VersionId", v.id},
		{"VersionStages", []string{"AWSCURRENT"}},
		{"ResultMetadata", struct{}{}},
	} {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(member.value); err != nil {
			t.Fatal(err)
		}
		b.WriteString(`,"` + member.name + `":` + strings.TrimSpace(text.String()))
	}
	return "{" + b.String()[1:] + "}"
}

const object = `{
	"text": "` + canary + ` é\n\u0041\"", "empty": "", "null": null, "yes": true, "no": false,
	"int": 12345678901234567890, "float": 1.50e+3, "minus": -0.0, "big": 1E400,
	"list": [1, 2.0,  {"b": 1, "a": [ ]}], "object": {"b": {"c": "x y" }, "a": 1.10},
	"": "the empty key", "a b+c&d=e/é": "odd", "twice": 1, "twice": 2, "Text": "capital",
	"html": "<&>", "nul": "a\u0000b"
}`

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", object)
		a := u.start()
		for key, value := range map[string]string{
			"text": canary + " é\nA\"", "empty": "", "null": "", "yes": "true", "no": "false",
			"int": "12345678901234567890", "float": "1.50e+3", "minus": "-0.0", "big": "1E400",
			"list": `[1,2.0,{"b":1,"a":[]}]`, "object": `{"b":{"c":"x y"},"a":1.10}`,
			"": "the empty key", "a%20b%2Bc%26d%3De%2F%C3%A9": "odd", "a+b%2Bc%26d=e/%C3%A9": "odd", "twice": "2", "Text": "capital",
			"html": "<&>", "nul": "a\x00b", "%74ext": canary + " é\nA\"",
		} {
			for _, path := range []string{"/v1/" + v.name + "?key=" + key, "/secretsmanager/get?key=" + key + "&secretId=" + v.name} {
				r := a.raw(request("GET " + path))
				want(t, path, r, 200, value)
				wantHeader(t, path, r, "Content-Type", "text/plain; charset=utf-8")
				wantHeader(t, path, r, "ETag", `"`+v.id+`"`)
			}
		}
		want(t, "without a value", a.get("/v1/"+v.name+"?key"), 200, "the empty key")
		wantCalls(t, "all keys", u, 1)
	})
}

func TestKeysThatAreNotThere(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		a := u.start()
		for _, tt := range []struct {
			name  string
			value any
			key   string
			is    int
			typ   string
		}{
			{"object", `{"a":"` + canary + `"}`, "b", 404, "KeyNotFound"},
			{"object-case", `{"a":"` + canary + `"}`, "A", 404, "KeyNotFound"},
			{"object-empty", `{}`, "", 404, "KeyNotFound"},
			{"object-long", `{"a":1}`, strings.Repeat("k", 5000), 404, "KeyNotFound"},
			{"text", canary, "a", 400, "NoJSONObject"},
			{"string", `"` + canary + `"`, "a", 400, "NoJSONObject"},
			{"list", `["` + canary + `"]`, "0", 400, "NoJSONObject"},
			{"number", `1`, "a", 400, "NoJSONObject"},
			{"nothing", `null`, "a", 400, "NoJSONObject"},
			{"half", `{"a":"` + canary, "a", 400, "NoJSONObject"},
			{"two", `{"a":"` + canary + `"}{}`, "a", 400, "NoJSONObject"},
			{"binary", []byte(`{"a":"` + canary + `"}`), "a", 400, "NoJSONObject"},
		} {
			v := u.create(tt.name, tt.value)
			r := a.get("/v1/" + v.name + "?key=" + tt.key)
			wantError(t, tt.name, r, tt.is, tt.typ, "")
			if strings.Contains(r.body, canary) || len(r.body) > 1000 {
				t.Errorf("%s: the error holds a value, or all of a long key: %s", tt.name, short(r.body))
			}
		}
		wantError(t, "no secret", a.get("/v1/"+u.prefix+"gone?key=a"), u.status(), "ResourceNotFoundException", "")
	})
}
