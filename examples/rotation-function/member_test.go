package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWithPassword(t *testing.T) {
	tests := []struct{ object, want string }{
		{`{"password":"old"}`, `{"password":"n\"<"}`},
		{" {\n\t\"z\": 1.50e1 , \"password\" : \"old\" ,\"a\":[ {\"password\":\"kept\"} ] } \n", " {\n\t\"z\": 1.50e1 , \"password\" : \"n\\\"<\" ,\"a\":[ {\"password\":\"kept\"} ] } \n"},
		{`{"n":12345678901234567890,"password":"old","e":"\u00e9é","x":null}`, `{"n":12345678901234567890,"password":"n\"<","e":"\u00e9é","x":null}`},
		{`{"password":"old","password":"older"}`, `{"password":"n\"<","password":"n\"<"}`},
		{`{"p\u0061ssword":"old"}`, `{"p\u0061ssword":"n\"<"}`},
	}
	for _, tt := range tests {
		got, err := withPassword(tt.object, "password", `n"<`)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.object, got, err, tt.want)
		}
	}
}

func TestWithPasswordRefuses(t *testing.T) {
	for object, want := range map[string]string{
		``:                             "no JSON object",
		`"password"`:                   "no JSON object",
		`["password","c4n4ry"]`:        "no JSON object",
		`{"password":"c4n4ry"`:         "no JSON object",
		`{"password":"c4n4ry"} {}`:     "no JSON object",
		`{}`:                           `no member "password"`,
		`{"Password":"c4n4ry"}`:        `no member "password"`,
		`{"a":{"password":"c4n4ry"}}`:  `no member "password"`,
		`{"password":{"is":"c4n4ry"}}`: `member "password" of the current value is no string`,
		`{"password":4}`:               `is no string`,
	} {
		got, err := withPassword(object, "password", "new")
		if err == nil || got != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %q, %v, want the error %q", object, got, err, want)
		}
	}
}

// What comes out differs from what went in by the password alone.
func FuzzWithPassword(f *testing.F) {
	f.Add(before+canary+after, "password", `new"`)
	f.Add(`{"a":1.0 ,"a":"é"}`, "a", "")
	f.Add(`{"\ud800":"\u0000"}`, "\ufffd", "\xff")
	f.Fuzz(func(t *testing.T, object, key, password string) {
		got, err := withPassword(object, key, password)
		if err != nil {
			if got != "" {
				t.Errorf("got %q with the error %v", got, err)
			}
			return
		}
		was, is := members(t, object), members(t, got)
		if is[key] != strings.ToValidUTF8(password, "\ufffd") && is[key] != string([]rune(password)) {
			t.Errorf("%q: got %q, want %q", key, is[key], password)
		}
		was[key] = is[key]
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("other members (-want +got)\n%s", diff)
		}
		if old, err := withPassword(got, key, ""); err != nil || len(old) > len(got) {
			t.Errorf("again: got %q, %v", old, err)
		}
	})
}

// members keeps the spelling of numbers, which may be larger than any that Go has.
func members(t *testing.T, object string) (m map[string]any) {
	d := json.NewDecoder(strings.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}
