package variables

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func TestResolve(t *testing.T) {
	secrets := func() map[string]*cache.Secret {
		return map[string]*cache.Secret{
			"db":       {Value: cache.Text(`{"user":"u","password":"p \"q\"","port":5432,"ratio":1.50,"tls":true,"note":null,"hosts":["a", "b"]}`)},
			"other":    {Value: cache.Text(`{"user":"other"}`)},
			"plain":    {Value: cache.Text("token")},
			"number":   {Value: cache.Text("17")},
			"list":     {Value: cache.Text("[1]")},
			"null":     {Value: cache.Text("null")},
			"empty":    {Value: cache.Text("")},
			"binary":   {Value: cache.Binary([]byte("bytes"))},
			"notutf8":  {Value: cache.Binary([]byte{0xff})},
			"nul":      {Value: cache.Text(`{"a":"x\u0000y","b":"ok"}`)},
			"names":    {Value: cache.Text(`{"a-b":"1","1a":"2","":"3","é":"4","ok":"5"}`)},
			"reserved": {Value: cache.Text(`{"PATH":"1","LD_PRELOAD":"2","path":"3"}`)},
			"suffixes": {Value: cache.Text(`{"PATH":"1","PRELOAD":"2","1":"3"}`)},
		}
	}
	type vars = map[string]string
	tests := []struct {
		refs     string
		vars     vars
		warnings []string
		missing  []string
	}{
		{refs: "", vars: vars{}},
		{refs: "unloaded A=unloaded B=unloaded#k", vars: vars{}},
		{refs: "db", vars: vars{
			"user": "u", "password": `p "q"`, "port": "5432", "ratio": "1.50", "tls": "true", "note": "", "hosts": `["a","b"]`,
		}},
		{refs: "X=db#port db#tls Y=db#hosts Z=db#note", vars: vars{"X": "5432", "tls": "true", "Y": `["a","b"]`, "Z": ""}},
		{refs: "X=plain Y=empty Z=binary", vars: vars{"X": "token", "Y": "", "Z": "bytes"}},
		{refs: "X=other", vars: vars{"X": `{"user":"other"}`}},
		{refs: "DB_*=other", vars: vars{"DB_user": "other"}},
		{
			refs:     "plain number list null empty P_*=plain",
			vars:     vars{},
			warnings: []string{"plain: the value is not a JSON object", "number:", "list:", "null:", "empty:", "P_*=plain: the value is not"},
		},
		{refs: "binary", vars: vars{}, warnings: []string{"binary: the value is binary"}},
		{
			refs:     "X=notutf8 other",
			vars:     vars{"user": "other"},
			warnings: []string{`X=notutf8: skipped "X": the value is not valid UTF-8`},
		},
		{refs: "nul", vars: vars{"b": "ok"}, warnings: []string{`nul: skipped "a": the value holds a NUL byte`}},
		{refs: "names", vars: vars{"ok": "5"}, warnings: []string{`names: skipped "", "1a", "a-b", "é": not a variable name`}},
		{refs: "reserved", vars: vars{"path": "3"}, warnings: []string{`reserved: skipped "LD_PRELOAD", "PATH": reserved`}},
		{
			refs:     "LD*=suffixes L_*=suffixes",
			vars:     vars{"LDPATH": "1", "LDPRELOAD": "2", "LD1": "3", "L_PATH": "1", "L_PRELOAD": "2", "L_1": "3"},
			warnings: nil,
		},
		{
			refs:     "other user=db#password",
			vars:     vars{"user": `p "q"`},
			warnings: []string{"user=db#password: user is already a variable of other: the one of db replaces it"},
		},
		{
			refs:    "A=db#nope B=plain#k C=binary#k D=other#user",
			vars:    vars{"D": "other"},
			missing: []string{`A=db#nope: no key "nope" in the JSON object`, `B=plain#k: no key "k": the value is not a JSON object`, `C=binary#k: no key "k": the value is binary`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.refs, func(t *testing.T) {
			refs, err := Parse(tt.refs)
			if err != nil {
				t.Fatal(err)
			}
			got := resolve(refs, secrets())
			if diff := cmp.Diff(tt.vars, got.vars); diff != "" {
				t.Errorf("variables: -want +got\n%s", diff)
			}
			checkLines(t, "warnings", got.warnings, tt.warnings)
			var missing []string
			for _, err := range got.missing {
				missing = append(missing, err.Error())
			}
			checkLines(t, "missing", missing, tt.missing)
		})
	}
}

// A prefix that is in no reserved family may still lead to reserved names.
func TestResolvePrefixIntoReservedNames(t *testing.T) {
	refs := []Reference{{Name: "LD", Prefix: true, ID: "s"}, {Name: "PA", Prefix: true, ID: "s"}}
	got := resolve(refs, map[string]*cache.Secret{"s": {Value: cache.Text(`{"_PRELOAD":"x","TH":"y"}`)}})
	if diff := cmp.Diff(map[string]string{"LDTH": "y", "PA_PRELOAD": "x"}, got.vars); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	checkLines(t, "warnings", got.warnings, []string{`LD*=s: skipped "LD_PRELOAD": reserved`, `PA*=s: skipped "PATH": reserved`})
}

func TestListIsBounded(t *testing.T) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = strings.Repeat("n", 1000)
	}
	got := list(names)
	if len(got) > 3000 || !strings.HasSuffix(got, "and 980 more") {
		t.Errorf("got %d bytes ending in %q, want few that say how many more there are", len(got), got[len(got)-20:])
	}
}

func checkLines(t *testing.T, what string, got, wantBeginnings []string) {
	t.Helper()
	if len(got) != len(wantBeginnings) {
		t.Errorf("%s: got %q, want %q", what, got, wantBeginnings)
		return
	}
	for i, want := range wantBeginnings {
		if !strings.HasPrefix(got[i], want) {
			t.Errorf("%s: got %q, want it to begin with %q", what, got[i], want)
		}
	}
}
