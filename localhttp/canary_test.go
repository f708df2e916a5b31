package localhttp

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// TestNoValueWhereNoneBelongs asks for everything that can go wrong, and looks
// for the value in whatever is not an answer with a secret.
func TestNoValueWhereNoneBelongs(t *testing.T) {
	const value = "c4n4ry"
	u := &upstream{}
	u.put("db", "v1", cache.Text(`{"A":"`+value+`","B":{"c":"`+value+`"}}`))
	u.put("text", "v1", cache.Text(value))
	u.put("broken", "v1", cache.Text(`{"A":"`+value))
	u.put("bin", "v1", cache.Binary([]byte(value)))
	u.put("nul", "v1", cache.Text(`{"N":"`+value+`\u0000"}`))
	h := newHarness(t, u, "db nul text broken")

	var out strings.Builder
	record := func(method, target, body string, edit ...func(*http.Request)) {
		w := h.do(method, target, body, edit...)
		for name, values := range w.Header() {
			out.WriteString(name + ": " + strings.Join(values, ",") + "\n")
		}
		out.WriteString(w.Body.String() + "\n")
	}
	for _, id := range []string{"db", "text", "broken", "bin", "nul"} {
		h.get("/v1/" + id)
		record("GET", "/v1/"+id+"?key=none", "")
		record("GET", "/v1/"+id+"?refreshNow=x", "")
		record("GET", "/v1/"+id+"?x", "")
		record("GET", "/v1/"+id, "", without("X-Aws-Parameters-Secrets-Token"))
		record("GET", "/v1/"+id, "", with("If-None-Match", "*"))
		record("POST", "/refresh?secretId="+id, "")
		record("POST", "/rotation?secretId="+id+"&versionId=v1", "")
	}
	for _, id := range []string{"text", "broken", "bin"} {
		record("GET", "/v1/"+id+"?key=A", "")
	}
	h.get("/env")
	h.get("/env?format=dotenv")
	h.get("/env?format=shell")
	record("GET", "/env?format=x", "")
	record("GET", "/stats", "")
	record("POST", "/rotation", "{")
	for _, id := range []string{"db", "text"} {
		u.fail(id, &cache.Error{ID: id, Status: 400, Type: "DecryptionFailure", Message: "no", Err: errors.New("below")})
		record("GET", "/v1/"+id+"?refreshNow=1", "")
		record("POST", "/rotation", customEvent(id, "v2"))
	}
	record("GET", "/stats", "")
	if all := out.String() + h.log.String(); strings.Contains(all, value) {
		t.Errorf("the value got out:\n%s", all)
	}
	if got := h.get("/v1/text").Body.String(); !strings.Contains(got, value) {
		t.Errorf("the test looks for what is not there: %s", got)
	}
}
