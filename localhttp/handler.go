package localhttp

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// Options is what the endpoint serves, and to whom.
type Options struct {
	Cache     *cache.Cache
	Variables *variables.Set // nil: no secret is named, /env is empty
	Matcher   event.Matcher  // recognises what is posted to /rotation
	Token     string         // what a request must carry; "" refuses all but /ping
	Log       *slog.Logger   // nil: nothing is logged
	MaxConns  int            // connections open at once; 0 is 800

	// Deadline is when the invocation under way ends. It bounds how long a
	// rotation may take; nil, or a zero or past time, means that none is under way.
	Deadline func() time.Time

	// Invoked is called before a rotation, and waited for: its event comes with an
	// invocation, and may be here before anything else that tells of that. nil is
	// nothing.
	Invoked func(ctx context.Context)
}

type handler struct {
	cache     *cache.Cache
	variables *variables.Set
	matcher   event.Matcher
	token     []byte
	deadline  func() time.Time
	invoked   func(context.Context)
	log       *slog.Logger
}

// NewHandler returns the endpoint without a connection limit, which is
// [Server]'s.
func NewHandler(o Options) http.Handler { return newHandler(o) }

func newHandler(o Options) *handler {
	h := &handler{
		cache:     o.Cache,
		variables: o.Variables,
		matcher:   o.Matcher,
		token:     []byte(o.Token),
		deadline:  o.Deadline,
		invoked:   o.Invoked,
		log:       o.Log,
	}
	if h.deadline == nil {
		h.deadline = func() time.Time { return time.Time{} }
	}
	if h.invoked == nil {
		h.invoked = func(context.Context) {}
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return h
}

// route is what one path answers.
type route struct {
	method []string // the one allowed method, in the form of an Allow header
	params param    // the query parameters it knows
	serve  func(*handler, http.ResponseWriter, *http.Request, *query)
}

var (
	get  = []string{http.MethodGet}
	post = []string{http.MethodPost}

	routeGet      = &route{get, paramSecretID | secretParams, (*handler).getByQuery}
	routePath     = &route{get, secretParams, (*handler).getByPath}
	routeEnv      = &route{get, paramFormat, (*handler).env}
	routeStats    = &route{get, 0, (*handler).stats}
	routeRotation = &route{post, paramSecretID | paramVersionID, (*handler).rotation}
	routeRefresh  = &route{post, paramSecretID | paramIfVersion, (*handler).refresh}

	// An unknown path says 405 to all but GET, as AWS's agent does: it looks at
	// the method first.
	routeNone = &route{get, 0, nil}
)

const pathPrefix = "/v1/"

// lookUp finds the route of a path as the client spelled it. There is no
// ServeMux here: it redirects "//ping" and takes "a//b" out of ids.
func lookUp(path string) *route {
	switch path {
	case "/secretsmanager/get":
		return routeGet
	case "/env":
		return routeEnv
	case "/rotation":
		return routeRotation
	case "/refresh":
		return routeRefresh
	case "/stats":
		return routeStats
	}
	if strings.HasPrefix(path, pathPrefix) {
		return routePath
	}
	return routeNone
}

// ServeHTTP checks a request in the order that users may rely on: /ping,
// X-Forwarded-For, Host, token, method, route, query.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.recover()
	if r.ContentLength != 0 {
		boundBody(w)
	}

	// RawPath is empty where Path says it all. No route has a character that
	// could be escaped, so either compares with the route as sent.
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	if path == "/ping" {
		h.ping(w, r)
		return
	}
	if _, ok := r.Header["X-Forwarded-For"]; ok {
		h.refuse(w, http.StatusBadRequest, "Forwarded")
		return
	}
	if !isLocal(r.Host) {
		h.refuse(w, http.StatusForbidden, "Forbidden host")
		return
	}
	if !h.authorized(r.Header) {
		h.refuse(w, http.StatusForbidden, "Bad Token")
		return
	}
	rt := lookUp(path)
	if r.Method != rt.method[0] {
		notAllowed(w, rt.method)
		return
	}
	if rt.serve == nil {
		writeText(w, http.StatusNotFound, "Not found")
		return
	}
	if rt == routePath && len(r.URL.Path) == len(pathPrefix) {
		writeText(w, http.StatusBadRequest, "missing secret ID")
		return
	}
	q, problem := parseQuery(r.URL.RawQuery, rt.params)
	if problem != "" {
		writeText(w, http.StatusBadRequest, problem)
		return
	}
	rt.serve(h, w, r, &q)
}

func (h *handler) ping(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		notAllowed(w, get)
		return
	}
	writeText(w, http.StatusOK, "healthy")
}

func notAllowed(w http.ResponseWriter, method []string) {
	w.Header()["Allow"] = method
	writeText(w, http.StatusMethodNotAllowed, "Not allowed")
}

// refuse answers a request that should not have come here, and says so in the
// log: whoever deploys a wrong token looks there first.
func (h *handler) refuse(w http.ResponseWriter, status int, why string) {
	h.log.Warn("a request to the endpoint was refused", "status", status, "why", why)
	writeText(w, status, why)
}

// authorized reports whether either header carries the token.
func (h *handler) authorized(header http.Header) bool {
	return carries(h.token, header["X-Aws-Parameters-Secrets-Token"]) || carries(h.token, header["X-Vault-Token"])
}

// carries reports whether one of the values is the token, which none is while
// there is no token.
func carries[T string | []byte](token []byte, values []T) bool {
	for _, v := range values {
		if len(token) > 0 && same([]byte(v), token) {
			return true
		}
	}
	return false
}

// same compares in a time that depends on the lengths alone. It is
// crypto/subtle.ConstantTimeCompare eight bytes at a time: Lambda's tokens are
// of a thousand bytes, and byte by byte they are the dearest part of a hit.
func same(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	var diff uint64
	for len(a) >= 8 {
		diff |= binary.NativeEndian.Uint64(a) ^ binary.NativeEndian.Uint64(b)
		a, b = a[8:], b[8:]
	}
	for i := range a {
		diff |= uint64(a[i] ^ b[i])
	}
	return diff == 0
}

// isLocal reports whether host is a name of this machine's loopback. A page or
// a server elsewhere that makes a client here come to us by its own name
// (DNS rebinding) sends that name.
func isLocal(host string) bool {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	// Folding takes letters beyond ASCII for some within it, such as the long s: the length tells them.
	return name == "127.0.0.1" || name == "[::1]" || len(name) == len("localhost") && strings.EqualFold(name, "localhost")
}

// recover keeps what a panic says, which may be a value, out of the log: of the
// panic it prints the type, and where it was. net/http would print it all.
func (h *handler) recover() {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	h.log.Error("a request to the endpoint failed by our own fault",
		"panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
	// Bytes may be out already; a broken connection is an answer nobody mistakes.
	panic(http.ErrAbortHandler)
}
