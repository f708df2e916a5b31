package localhttp

import (
	"net/http"

	"github.com/aws-secretsmanager/lambda-extension/dotenv"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// env answers all variables that SECRET makes.
func (h *handler) env(w http.ResponseWriter, r *http.Request, q *query) {
	render, contentType := renderEnv(q)
	if render == nil {
		writeText(w, http.StatusBadRequest, "invalid format value")
		return
	}
	e := variables.Env{ETag: `"0"`}
	if h.variables != nil {
		var err error
		if e, err = h.variables.Env(r.Context()); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	if e.Vars == nil {
		e.Vars = map[string]string{}
	}
	w.Header()["Etag"] = []string{e.ETag}
	if matches(r.Header["If-None-Match"], e.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	write(w, http.StatusOK, contentType, render(e.Vars))
}

func renderEnv(q *query) (render func(map[string]string) []byte, contentType []string) {
	if q.has&paramFormat == 0 {
		q.format = "json"
	}
	switch q.format {
	case "json":
		return func(vars map[string]string) []byte { return marshal(vars) }, typeJSON
	case "dotenv":
		return func(vars map[string]string) []byte { b, _ := dotenv.Encode(vars); return b }, typeText
	case "shell":
		return func(vars map[string]string) []byte { b, _ := dotenv.Shell(vars); return b }, typeText
	}
	return nil, nil
}
