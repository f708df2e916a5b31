package localhttp

import (
	"net/url"
	"strings"
)

// param is a set of query parameters.
type param uint8

const (
	paramSecretID param = 1 << iota
	paramVersionID
	paramVersionStage
	paramRefreshNow
	paramKey
	paramIfVersion
	paramFormat

	secretParams = paramVersionID | paramVersionStage | paramRefreshNow | paramKey
)

// query is what a request's query says.
type query struct {
	has          param // the parameters that were there, empty ones too
	secretID     string
	versionID    string
	versionStage string
	refreshNow   bool
	key          string
	ifVersion    string
	format       string
}

// parseQuery reads a raw query, or says what is wrong with the first part that
// is wrong. The rules are those of AWS's agent: of a parameter that is there
// twice the last counts, "+" is a space, and an unknown one is an error.
// A semicolon separates nothing.
//
// It reads as [url.ParseQuery] does, without its map and its slices.
func parseQuery(raw string, known param) (q query, problem string) {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, ok := unescape(name)
		if !ok {
			return query{}, "malformed query"
		}
		if value, ok = unescape(value); !ok {
			return query{}, "malformed query"
		}
		p := q.set(name, value, known)
		if p == 0 {
			return query{}, "unknown parameter: " + name
		}
		q.has |= p
		if p == paramRefreshNow {
			switch {
			case value == "1", strings.EqualFold(value, "true"):
				q.refreshNow = true
			case value == "0", strings.EqualFold(value, "false"):
				q.refreshNow = false
			default:
				return query{}, "invalid refreshNow value"
			}
		}
	}
	return q, ""
}

// set stores a parameter and returns which it was, 0 for one that is not known.
func (q *query) set(name, value string, known param) param {
	var p param
	var field *string
	switch name {
	case "secretId":
		p, field = paramSecretID, &q.secretID
	case "versionId":
		p, field = paramVersionID, &q.versionID
	case "versionStage":
		p, field = paramVersionStage, &q.versionStage
	case "refreshNow":
		return paramRefreshNow & known
	case "key":
		p, field = paramKey, &q.key
	case "ifVersion":
		p, field = paramIfVersion, &q.ifVersion
	case "format":
		p, field = paramFormat, &q.format
	}
	if p&known == 0 {
		return 0
	}
	*field = value
	return p
}

func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	s, err := url.QueryUnescape(s)
	return s, err == nil
}
