package localhttp

import "bytes"

// incoming is a request that begins and ends with what was read, and has no body.
// Its slices are parts of that.
type incoming struct {
	target  []byte
	hosted  bool // for this machine
	plain   bool // no part of it needs more than the lane does
	tokens  [4][]byte
	carried int // of tokens
}

// parseRequest reads b, if it is one whole request without a body, in a spelling
// that leaves no room for another reading: one space here, CRLF there, no
// continued line, no control character. RFC 9112, sections 3, 5 and 6.
func parseRequest(b []byte) (in incoming, whole bool) {
	line, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		return in, false
	}
	get := bytes.HasPrefix(line, []byte("GET /"))
	if !get && !bytes.HasPrefix(line, []byte("POST /")) {
		return in, false
	}
	_, target, _ := bytes.Cut(line, []byte(" "))
	target, ok = bytes.CutSuffix(target, []byte(" HTTP/1.1"))
	if !ok || !isTarget(target) {
		return in, false
	}
	in.target, in.plain = target, get && isPlainPath(target)
	for hosts := 0; ; {
		line, rest, ok = bytes.Cut(rest, []byte("\r\n"))
		switch {
		case !ok:
			return in, false // not all of it is here
		case len(line) == 0:
			in.hosted = in.hosted && hosts == 1
			return in, len(rest) == 0 // else the next request follows
		}
		host, ok := in.header(line)
		if !ok {
			return in, false
		}
		if host {
			hosts++
		}
	}
}

// longestName is more than that of X-Aws-Parameters-Secrets-Token.
const longestName = 40

// header notes one header, and reports whether it is the host, and whether the
// request still has no body and leaves the connection as it is.
func (in *incoming) header(line []byte) (host, ok bool) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || len(name) > longestName {
		return false, false
	}
	var lower [longestName]byte
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false, false
		}
		lower[i] = c
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false, false
		}
	}
	switch string(lower[:len(name)]) {
	case "host":
		in.hosted = isLocal(string(value))
		return true, true
	case "x-aws-parameters-secrets-token", "x-vault-token":
		if in.carried == len(in.tokens) {
			in.plain = false
			return false, true
		}
		in.tokens[in.carried] = value
		in.carried++
	case "connection":
		return false, bytes.EqualFold(value, []byte("keep-alive"))
	case "content-length":
		in.plain = false
		return false, string(value) == "0"
	case "transfer-encoding":
		return false, false
	case "accept", "accept-encoding", "accept-language", "cache-control", "content-type", "pragma", "sec-fetch-mode",
		"traceparent", "tracestate", "user-agent", "x-amzn-trace-id":
		// Nothing of the answer depends on them, neither in net/http nor in the handler.
	default:
		in.plain = false
	}
	return false, true
}

// isTarget reports whether net/url reads each character of a request target as it
// stands: those that RFC 3986 allows in a path or a query.
func isTarget(target []byte) bool {
	for _, c := range target {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case bytes.IndexByte([]byte("-._~/?:@!$&'()*+,;=%"), c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isPlainPath reports whether the path is its own decoding.
func isPlainPath(target []byte) bool {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return bytes.IndexByte(path, '%') < 0
}
