package lambdatest

import (
	"encoding/json"
	"net/http"
)

// refusal is an answer that Lambda gives to a mistake, and the broken rule.
type refusal struct {
	status        int
	kind, message string
	rule          rule
	wrong         string // what was wrong and what was wanted
}

// refuse reports a mistake and answers it.
func (l *Lambda) refuse(w http.ResponseWriter, f *refusal) {
	if f.rule != "" {
		l.violate(f.rule, "%s", f.wrong)
	}
	answer(w, f.status, map[string]string{"errorType": f.kind, "errorMessage": f.message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
