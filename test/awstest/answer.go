package awstest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// recorder remembers the status for the call log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// pause waits for d and reports whether the client is still there.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// answer is what goes back to the caller.
type answer struct {
	status      int
	contentType string
	body        []byte
}

func (a answer) header(w http.ResponseWriter) {
	w.Header().Set("Content-Type", cmp.Or(a.contentType, "application/x-amz-json-1.1"))
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.Header().Set("X-Amzn-Requestid", newUUID())
	w.WriteHeader(a.status)
}

func (a answer) write(w http.ResponseWriter) {
	a.header(w)
	_, _ = w.Write(a.body)
}

func ok(v any) answer {
	b, err := json.Marshal(v)
	if err != nil {
		panic("awstest: " + err.Error()) // only our own types come here
	}
	return answer{status: http.StatusOK, body: b}
}

func apiError(status int, typ, message string) answer {
	a := ok(struct {
		Type    string `json:"__type"`
		Message string `json:"Message,omitempty"`
	}{typ, message})
	a.status = status
	return a
}

// clientError is an answer of the service to a call that cannot succeed: always
// status 400, the type tells what it is.
func clientError(typ, message string) answer {
	return apiError(http.StatusBadRequest, typ, message)
}
