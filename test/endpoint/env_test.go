package endpoint

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// env reads /env, and wants the file to say the same.
func (a *agent) env() map[string]string {
	a.t.Helper()
	r := a.get("/env")
	var got map[string]string
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.status != 200 {
		a.t.Fatalf("/env: %d %s", r.status, short(r.body))
	}
	wantHeader(a.t, "/env", r, "Content-Type", "application/json")
	file, err := os.ReadFile(a.File)
	if err != nil {
		a.t.Fatal(err)
	}
	want(a.t, "/env as the file has it", a.get("/env?format=dotenv"), 200, string(file))
	if info, err := os.Stat(a.File); err != nil || info.Mode() != 0o600 {
		a.t.Errorf("%s: %v, %v, want mode 0600", a.File, info.Mode(), err)
	}
	return got
}

func TestReferences(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		db := u.create("db", `{"user":"`+canary+`","port":5432.0,"ssl":true,"none":null,"list":[1, 2],"not a name":"x","PATH":"x","twice":"first"}`)
		key := u.create("key", canary+"\n")
		u.create("eq=al", `{"password":"`+canary+`","other":"x","twice":"second"}`)
		a := u.start("SECRET=" + db.name + ",KEY=" + key.arn + " DB_*=" + db.partial() + "\tPASSWORD=" + u.prefix + "eq=al#password\n twice=" + u.prefix + "eq=al#twice")
		got := map[string]string{
			"user": canary, "port": "5432.0", "ssl": "true", "none": "", "list": "[1,2]", "twice": "second",
			"KEY":     canary + "\n",
			"DB_user": canary, "DB_port": "5432.0", "DB_ssl": "true", "DB_none": "", "DB_list": "[1,2]", "DB_PATH": "x", "DB_twice": "first",
			"PASSWORD": canary,
		}
		if diff := cmp.Diff(got, a.env()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		for _, part := range []string{"PATH", "not a name", "twice"} {
			if !strings.Contains(a.Out.String(), part) {
				t.Errorf("the log does not name %s:\n%s", part, a.Out)
			}
		}
		if err := a.Interrupt(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(a.File); !os.IsNotExist(err) {
			t.Errorf("the file is there after the end: %v", err)
		}
	})
}

func TestFormats(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		vars := map[string]string{"LF": canary + "\n", "QUOTES": `it's "x" $HOME`, "PLAIN": canary, "EMPTY": "", "WIDE": "é🔑 <&>"}
		text, err := json.Marshal(vars)
		if err != nil {
			t.Fatal(err)
		}
		v := u.create("db", string(text))
		a := u.start("SECRET=" + v.name)
		if diff := cmp.Diff(vars, a.env()); diff != "" {
			t.Errorf("json (-want +got)\n%s", diff)
		}
		want(t, "json by name", a.get("/env?format=json"), 200, a.get("/env").body)
		for _, format := range []string{"dotenv", "shell"} {
			r := a.get("/env?format=" + format)
			wantHeader(t, format, r, "Content-Type", "text/plain; charset=utf-8")
			wantHeader(t, format, r, "ETag", a.get("/env").header.Get("ETag"))
			if diff := cmp.Diff(vars, source(t, r.body, vars)); diff != "" {
				t.Errorf("%s, as a shell reads it (-want +got)\n%s", format, diff)
			}
		}
		for _, format := range []string{"", "JSON", "yaml"} {
			want(t, format, a.get("/env?format="+format), 400, "invalid format value")
		}
		want(t, "another parameter", a.get("/env?key=LF"), 400, "unknown parameter: key")
	})
}

// source returns the variables that a shell has after it read text.
func source(t *testing.T, text string, names map[string]string) map[string]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `set -eua; . "$1"; exec env -0`, "sh", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for assignment := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(assignment, "=")
		if _, ok := names[name]; ok {
			got[name] = value
		}
	}
	return got
}

func TestNoVariables(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("text", canary)
		for _, setting := range []string{"OTHER=" + v.name, "SECRET=" + v.name} { // of no SECRET, and of one that is no object
			a := u.start(setting)
			want(t, setting, a.get("/env"), 200, "{}")
			want(t, setting, a.get("/env?format=dotenv"), 200, "")
			want(t, setting, a.get("/env?format=shell"), 200, "")
		}
		a := u.start("SECRETS_KEY=MINE", "MINE=ONE="+v.name, "SECRET=TWO="+v.name)
		want(t, "SECRETS_KEY", a.get("/env"), 200, `{"ONE":"`+canary+`"}`)
	})
}

// The ETag of /env moves with the variables, whatever brought the change.
func TestVariablesFollow(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`1","b":"x"}`)
		other := u.create("other", canary)
		a := u.start("SECRET="+v.name+" OTHER="+other.name, "SECRETS_MANAGER_TTL=86400")
		etag := func() string {
			t.Helper()
			r := a.get("/env")
			e := r.header.Get("ETag")
			if again := a.get("/env?format=shell", "If-None-Match: "+e); again.status != 304 || again.body != "" || e == "" {
				t.Errorf("ETag %s: got %d %s, want 304", e, again.status, short(again.body))
			}
			return e
		}
		first := etag()
		v = u.put(v, `{"a":"`+canary+`2"}`) // b goes
		a.get("/v1/" + v.name + "?refreshNow=1")
		if diff := cmp.Diff(map[string]string{"a": canary + "2", "OTHER": canary}, a.env()); diff != "" {
			t.Errorf("after refreshNow (-want +got)\n%s", diff)
		}
		second := etag()
		if r := a.get("/env", "If-None-Match: "+first); r.status != 200 || first == second {
			t.Errorf("the ETag did not move from %s", first)
		}
		u.put(v, `{"a":"`+canary+`3"}`)
		time.Sleep(time.Second)
		a.post("/refresh?secretId="+v.name, "")
		if got := a.env()["a"]; got != canary+"3" || etag() == second {
			t.Errorf("after /refresh: got %s", got)
		}
		third := etag()
		a.get("/v1/" + v.name + "?refreshNow=1")
		if etag() != third {
			t.Error("the ETag moved although no variable did")
		}

		u.delete(v)
		a.get("/v1/" + v.name + "?refreshNow=1")
		if diff := cmp.Diff(map[string]string{"OTHER": canary}, a.env()); diff != "" {
			t.Errorf("after the deletion (-want +got)\n%s", diff)
		}
		if !strings.Contains(a.Out.String(), v.name) {
			t.Errorf("the log does not name %s:\n%s", v.name, a.Out)
		}
	})
}

// /env fetches first what is past its TTL, as a read would.
func TestVariablesPastTheirTTL(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`1"}`)
		a := u.start("SECRET="+v.name, "SECRETS_MANAGER_TTL=1")
		u.put(v, `{"a":"`+canary+`2"}`)
		time.Sleep(time.Second)
		if got := a.env()["a"]; got != canary+"2" {
			t.Errorf("got %s", got)
		}
	})
}

// What SECRET names is held before anybody asks.
func TestLoadedAtTheStart(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start("SECRET=DB=" + v.name)
		u.put(v, canary+"2")
		wantMark(t, "the first read", a.get("/v1/"+v.name), "hit", v)
		wantMark(t, "the first read by ARN", a.get("/v1/"+v.arn), "hit", v)
		wantCalls(t, "all", u, 1)
	})
}

func TestNamedSecretThatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		names := "SECRET=DB=" + v.name + " GONE=" + u.prefix + "gone"
		a := u.start(names, "SECRETS_ON_INIT_ERROR=continue")
		want(t, "the rest", a.get("/env"), 200, `{"DB":"`+canary+`"}`)
		wantError(t, "the one", a.get("/v1/"+u.prefix+"gone"), u.status(), "ResourceNotFoundException", "")
		if !strings.Contains(a.Out.String(), u.prefix+"gone") {
			t.Errorf("the log does not name it:\n%s", a.Out)
		}
		_, err := process.StartAgent(t, binary, append(u.environment(), names)...)
		if err == nil || !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(err.Error(), u.prefix+"gone") || !strings.Contains(err.Error(), "ResourceNotFoundException") {
			t.Errorf("without it: got %v, want an end that names the secret and the cause", err)
		}
	})
}
