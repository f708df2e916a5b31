package localhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// Header values that are the same in every answer. They are put into header maps
// as they are, and nobody changes them.
var (
	typeJSON = []string{"application/json"}
	typeText = []string{"text/plain; charset=utf-8"}
)

// smallBody is the size of net/http's buffer for an answer. It sets the
// Content-Length of what fits there itself, for less than it copies ours.
const smallBody = 2 << 10

// write sends body. Header maps are filled by hand with canonical keys here and
// below: a hit is served for little more than what net/http itself costs.
func write(w http.ResponseWriter, status int, contentType []string, body []byte) {
	header := w.Header()
	header["Content-Type"] = contentType
	if len(body) >= smallBody {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	if status != http.StatusOK {
		w.WriteHeader(status)
	}
	_, _ = w.Write(body) // the client is gone, or net/http logs it
}

func writeText(w http.ResponseWriter, status int, body string) {
	write(w, status, typeText, []byte(body))
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	write(w, status, typeJSON, marshal(v))
}

// marshal leaves < > & as they are: escaping them is for JSON inside HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only types of this package get here, all can be marshalled
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// failure is the body of an error, as Secrets Manager has it.
type failure struct {
	Type    string `json:"__type,omitempty"`
	Message string `json:"message,omitempty"`
}

// fail answers a request that an error ended. This is where errors become
// statuses.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, f := http.StatusInternalServerError, describe(err)
	switch e, ok := errors.AsType[*cache.Error](err); {
	case r.Context().Err() != nil:
		// The caller is gone. Without a panic net/http would send an empty 200,
		// which a client that only closed its sending half takes for an answer.
		panic(http.ErrAbortHandler)
	case errors.Is(err, cache.ErrNotLoaded):
		status = http.StatusServiceUnavailable
		w.Header()["Retry-After"] = []string{"1"}
	case ok && e.Status >= 400 && e.Status < 600:
		status = e.Status
	case !ok:
		status = cache.AsError("", err).Status
	}
	h.log.Debug("a request to the endpoint failed", "status", status, "type", f.Type, "message", f.Message)
	writeJSON(w, status, f)
}

// describe returns the upstream's own words, with what mends it where they do not
// say: the function's log is where somebody reads them.
func describe(err error) failure {
	e := cache.AsError("", err)
	f := failure{e.Type, e.Message}
	says := strings.Contains(f.Message, "secretsmanager:") || strings.Contains(f.Message, "kms:")
	if hint := e.Hint(); hint != "" && !says {
		f.Message += " (" + hint + ")"
	}
	if errors.Is(err, cache.ErrNotLoaded) && f.Type == cache.TypeInternal {
		f.Type = "NotLoaded"
	}
	return f
}

// matches reports whether an If-None-Match header names etag. The comparison is
// weak (RFC 9110, 13.1.2), for a version's value never changes.
func matches(header []string, etag string) bool {
	for _, list := range header {
		if strings.Trim(list, " \t") == "*" {
			return true
		}
		for {
			list = strings.TrimLeft(list, " \t,")
			list = strings.TrimPrefix(list, "W/")
			if len(list) < 2 || list[0] != '"' {
				break
			}
			end := strings.IndexByte(list[1:], '"') + 2
			if end < 2 {
				break
			}
			if list[:end] == etag {
				return true
			}
			list = list[end:]
		}
	}
	return false
}
