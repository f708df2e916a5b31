package endpoint

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestVersionsAndStages(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("my/db", canary+"-one")
		two := u.put(one, canary+"-two")
		three := u.put(one, canary+"-three", "AWSPENDING")
		blue := u.put(one, canary+"-blue", "BLUE")
		a := u.start()
		for _, tt := range []struct {
			query string
			v     version
			value string
			stage string // one that is in the answer
			mark  string
		}{
			{"", two, "-two", "AWSCURRENT", "miss"},
			{"&versionStage=AWSCURRENT", two, "-two", "AWSCURRENT", "hit"}, // the same entry
			{"&versionStage=", two, "-two", "AWSCURRENT", "hit"},
			{"&versionId=", two, "-two", "AWSCURRENT", "hit"},
			{"&versionId=&versionStage=&refreshNow=0", two, "-two", "AWSCURRENT", "hit"},
			{"&versionStage=AWSPREVIOUS", one, "-one", "AWSPREVIOUS", "miss"},
			{"&versionStage=AWSPENDING", three, "-three", "AWSPENDING", "miss"},
			{"&versionStage=AWSPENDING&refreshNow=0", three, "-three", "AWSPENDING", "hit"},
			{"&versionStage=BLUE", blue, "-blue", "BLUE", "miss"},
			{"&versionId=" + one.id, one, "-one", "AWSPREVIOUS", "miss"},
			{"&versionId=" + one.id, one, "-one", "AWSPREVIOUS", "hit"},
			{"&versionId=" + three.id, three, "-three", "AWSPENDING", "miss"},
			{"&versionStage=AWSPENDING&versionId=" + three.id, three, "-three", "AWSPENDING", "miss"},
			{"&versionStage=AWSPENDING&versionId=" + three.id + "&refreshNow=true", three, "-three", "AWSPENDING", "refresh"},
		} {
			r := a.get("/secretsmanager/get?secretId=" + one.name + tt.query)
			wantMark(t, tt.query, r, tt.mark, tt.v)
			if r.text() != canary+tt.value || !slices.Contains(r.stages(), tt.stage) {
				t.Errorf("%q: got %s, want %s on %s", tt.query, short(r.body), tt.value, tt.stage)
			}
			byPath := a.get("/v1/" + one.name + "?" + strings.TrimPrefix(tt.query, "&"))
			if byPath.body != r.body {
				t.Errorf("%q: got %s by path, want the same", tt.query, short(byPath.body))
			}
		}
	})
}

func (r reply) stages() []string {
	var s struct{ VersionStages []string }
	_ = json.Unmarshal([]byte(r.body), &s)
	return s.VersionStages
}

func (r reply) version() string {
	var s struct{ VersionID string }
	_ = json.Unmarshal([]byte(r.body), &s)
	return cmp.Or(s.VersionID, "none")
}

func TestVersionsThatAreNotThere(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"-one")
		two := u.put(one, canary+"-two")
		a := u.start()
		for query, typ := range map[string]string{
			"?versionStage=GREEN":                                             "ResourceNotFoundException",
			"?versionStage=AWSPENDING":                                        "ResourceNotFoundException",
			"?versionId=00000000-0000-4000-8000-000000000000":                 "ResourceNotFoundException",
			"?versionStage=AWSCURRENT&versionId=" + one.id:                    "InvalidRequestException",
			"?versionStage=AWSPREVIOUS&versionId=" + two.id + "&key=x":        "InvalidRequestException",
			"?versionStage=AWSPREVIOUS&versionId=" + two.id + "&refreshNow=1": "InvalidRequestException",
		} {
			r := a.get("/v1/" + one.name + query)
			if typ == "InvalidRequestException" && u.quirks.otherStage {
				if strings.Contains(query, "key=") {
					wantError(t, query, r, 400, "NoJSONObject", "") // of the version's value
				} else if r.status != 200 || !strings.Contains(query, r.version()) {
					t.Errorf("%s: got %d %s, want the version", query, r.status, short(r.body))
				}
				continue
			}
			wantError(t, query, r, u.status(), typ, "")
		}
		wantMark(t, "the current one", a.get("/v1/"+one.name), "miss", two)
	})
}

// A version is made current, as the last step of a rotation does. Its value stays
// what it was, and the stages move.
func TestStagesMove(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		one := u.create("db", canary+"-one")
		two := u.put(one, canary+"-two", "AWSPENDING")
		a := u.start()
		path := "/v1/" + one.name
		wantMark(t, "before", a.get(path), "miss", one)
		wantMark(t, "pending, before", a.get(path+"?versionStage=AWSPENDING"), "miss", two)
		wantMark(t, "by version, before", a.get(path+"?versionId="+one.id), "miss", one)
		u.promote(one, two)

		wantMark(t, "held", a.get(path), "hit", one)
		current := a.get(path + "?versionStage=AWSCURRENT&refreshNow=true")
		if u.quirks.lastPut {
			wantMark(t, "after", current, "refresh", one)
		} else {
			wantMark(t, "after", current, "refresh", two)
			wantMark(t, "after, without a stage", a.get(path), "hit", two)
			if !slices.Contains(current.stages(), "AWSCURRENT") || current.text() != canary+"-two" {
				t.Errorf("after: got %s", short(current.body))
			}
		}
		old := a.get(path + "?versionId=" + one.id + "&refreshNow=true")
		wantMark(t, "the old version", old, "refresh", one)
		if slices.Contains(old.stages(), "AWSCURRENT") || !slices.Contains(old.stages(), "AWSPREVIOUS") || old.text() != canary+"-one" {
			t.Errorf("the old version: got %s", short(old.body))
		}
		wantMark(t, "the new version", a.get(path+"?versionId="+two.id), "miss", two)
	})
}

func TestDeletedAndRestored(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", canary)
		a := u.start()
		path := "/v1/" + v.name
		wantMark(t, "before", a.get(path), "miss", v)
		u.delete(v)
		wantMark(t, "within the TTL", a.get(path), "hit", v)
		wantError(t, "asked for", a.get(path+"?refreshNow=true"), 400, "InvalidRequestException", "marked")
		wantError(t, "what was held is dropped", a.get(path), 400, "InvalidRequestException", "marked")
		u.restore(v)
		wantMark(t, "restored", a.get(path+"?refreshNow=true"), "refresh", v)
		wantMark(t, "and held", a.get(path), "hit", v)
	})
}

// A secret may be made without a value.
func TestNoValue(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("none", nil)
		r := u.start().get("/v1/" + v.name)
		if u.quirks.noValue {
			wantError(t, "an answer without a value", r, 502, "ConnectionError", "no value")
		} else {
			wantError(t, "no version", r, u.status(), "ResourceNotFoundException", "AWSCURRENT")
		}
	})
}
