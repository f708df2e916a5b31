package localhttp

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

func (h *handler) getByQuery(w http.ResponseWriter, r *http.Request, q *query) {
	if q.secretID == "" {
		writeText(w, http.StatusBadRequest, missingSecretID)
		return
	}
	h.secret(w, r, q.secretID, q)
}

// getByPath takes the id from the path, where "+" is a plus and "%2F" a slash.
func (h *handler) getByPath(w http.ResponseWriter, r *http.Request, q *query) {
	h.secret(w, r, r.URL.Path[len(pathPrefix):], q)
}

const missingSecretID = "missing parameter secretId"

func (h *handler) secret(w http.ResponseWriter, r *http.Request, id string, q *query) {
	if !validID(w, id) {
		return
	}
	read := h.cache.Get
	if q.refreshNow {
		read = h.cache.GetNow
	}
	a, err := read(r.Context(), cache.Query{ID: id, VersionID: q.versionID, Stage: q.versionStage})
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if q.has&paramKey != 0 {
		h.key(w, r, a, q.key)
		return
	}
	if answerHead(w.Header(), r, a) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, http.StatusOK, typeJSON, a.Secret.Rendering(render))
}

// key answers one member of a secret's JSON object.
func (h *handler) key(w http.ResponseWriter, r *http.Request, a cache.Answer, key string) {
	object, err := a.Secret.Object()
	if err != nil {
		writeJSON(w, http.StatusBadRequest, failure{"NoJSONObject", "key: " + err.Error()})
		return
	}
	value, ok := object[key]
	if !ok {
		writeJSON(w, http.StatusNotFound, failure{"KeyNotFound", fmt.Sprintf("the secret has no key %.100q", key)})
		return
	}
	if answerHead(w.Header(), r, a) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeText(w, http.StatusOK, value)
}

// maxID is the length of the longest secret id that GetSecretValue takes.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
const maxID = 2048

// validID answers for Secrets Manager what it would say of an id that none can
// have, and that should not become a key of the cache.
func validID(w http.ResponseWriter, id string) bool {
	problem := ""
	switch {
	case len(id) > maxID && utf8.RuneCountInString(id) > maxID:
		problem = fmt.Sprintf("secretId: got %d characters, want at most %d", utf8.RuneCountInString(id), maxID)
	case !utf8.ValidString(id):
		problem = "secretId: got bytes that are not UTF-8"
	}
	if problem != "" {
		writeJSON(w, http.StatusBadRequest, failure{"InvalidParameterException", problem})
	}
	return problem == ""
}

var marks = map[cache.Mark][]string{
	cache.Hit:       {string(cache.Hit)},
	cache.Miss:      {string(cache.Miss)},
	cache.Refreshed: {string(cache.Refreshed)},
	cache.Stale:     {string(cache.Stale)},
}

// answerHead sets the headers that every answer with a secret has, and reports
// whether the client has that version already.
func answerHead(header http.Header, r *http.Request, a cache.Answer) (notModified bool) {
	header["X-Secrets-Cache"] = marks[a.Mark]
	values := []string{strconv.Itoa(max(0, int(a.Age/time.Second))), ""} // one allocation for both
	header["Age"] = values[:1:1]
	if a.Secret.VersionID == "" {
		return false
	}
	values[1] = `"` + a.Secret.VersionID + `"`
	header["Etag"] = values[1:]
	return matches(r.Header["If-None-Match"], values[1])
}

// render makes the body of an answer: what AWS's extension makes of the Go SDK's
// GetSecretValueOutput, in its order and with its nulls.
func render(s *cache.Secret) []byte {
	type output struct {
		ARN            *string
		CreatedDate    *time.Time
		Name           *string
		SecretBinary   *string
		SecretString   *string
		VersionID      *string `json:"VersionId"`
		VersionStages  []string
		ResultMetadata struct{}
	}
	o := output{
		ARN: unlessEmpty(s.ARN), Name: unlessEmpty(s.Name),
		VersionID: unlessEmpty(s.VersionID), VersionStages: s.Stages,
	}
	if !s.Created.IsZero() {
		o.CreatedDate = new(s.Created.UTC())
	}
	if s.Value.IsBinary() {
		o.SecretBinary = new(base64.StdEncoding.EncodeToString([]byte(s.Value.Reveal())))
	} else {
		o.SecretString = new(s.Value.Reveal())
	}
	return marshal(o)
}

func unlessEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (h *handler) refresh(w http.ResponseWriter, r *http.Request, q *query) {
	if q.secretID == "" {
		writeText(w, http.StatusBadRequest, missingSecretID)
		return
	}
	if !validID(w, q.secretID) {
		return
	}
	a, changed, err := h.cache.Refresh(r.Context(), q.secretID, q.ifVersion)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		VersionID string `json:"versionId"`
		Changed   bool   `json:"changed"`
	}{a.Secret.VersionID, changed})
}

func (h *handler) stats(w http.ResponseWriter, _ *http.Request, _ *query) {
	s := h.cache.Stats()
	writeJSON(w, http.StatusOK, struct {
		cache.Stats
		Goroutines int `json:"goroutines"` // of the process; many more than connections are a leak
	}{s, runtime.NumGoroutine()})
}
