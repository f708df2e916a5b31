package awstest

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Account, Region and the keys of [SecretsManager.Env].
const (
	Account         = "123456789012"
	Region          = "us-east-1"
	AccessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	SecretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	SessionToken    = "awstest-session-token"
)

// SecretsManager is the fake service. It is an [http.Handler], and all its
// methods may be called at any time from any goroutine.
type SecretsManager struct {
	account, region string
	server          *httptest.Server

	mu       sync.Mutex
	secrets  map[string]*secret // by name
	calls    []*Call
	latency  time.Duration
	lag      Lag
	faults   []*Fault
	released chan struct{} // closed to let hanging calls go on
	expired  map[string]bool
	hook     func(http.ResponseWriter, Call) bool
	moves    labelMoves
}

// Option changes what [New] makes.
type Option func(*SecretsManager)

// InAccount sets the account that ARNs name, instead of [Account].
func InAccount(account string) Option { return func(s *SecretsManager) { s.account = account } }

// InRegion sets the region that ARNs name, instead of [Region].
func InRegion(region string) Option { return func(s *SecretsManager) { s.region = region } }

// New starts the fake on a port of 127.0.0.1. The caller must Close it.
func New(o ...Option) *SecretsManager {
	s := NewHandler(o...)
	s.server = httptest.NewServer(s)
	return s
}

// NewHandler makes the fake without a server, for callers that serve it
// themselves: over TLS, or over a [net.Pipe] inside a testing/synctest bubble.
func NewHandler(o ...Option) *SecretsManager {
	s := &SecretsManager{
		account:  Account,
		region:   Region,
		secrets:  make(map[string]*secret),
		released: make(chan struct{}),
		expired:  make(map[string]bool),
	}
	for _, f := range o {
		f(s)
	}
	return s
}

// URL returns the endpoint, "" for a fake made by [NewHandler].
func (s *SecretsManager) URL() string {
	if s.server == nil {
		return ""
	}
	return s.server.URL
}

// Env returns the environment variables that make an AWS SDK, and the
// extension, use the fake.
func (s *SecretsManager) Env() []string {
	return []string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.URL(),
		"AWS_REGION=" + s.region,
		"AWS_DEFAULT_REGION=" + s.region,
		"AWS_ACCESS_KEY_ID=" + AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + SecretAccessKey,
		"AWS_SESSION_TOKEN=" + SessionToken,
	}
}

// Close ends hanging calls and stops the server.
func (s *SecretsManager) Close() {
	s.Heal()
	if s.server != nil {
		s.server.CloseClientConnections()
		s.server.Close()
	}
}

// SetLatency makes every call take d before it is looked at.
func (s *SecretsManager) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency = d
}

// ExpireKey makes calls signed with this access key id fail with
// ExpiredTokenException from now on.
func (s *SecretsManager) ExpireKey(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expired[accessKeyID] = true
}

// Answer has f look at every call before the fake does. If f answers it, it
// returns true. Nil takes the hook away.
func (s *SecretsManager) Answer(f func(http.ResponseWriter, Call) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = f
}

// Call is one call that was received.
type Call struct {
	Time      time.Time // of its arrival
	Op        string    // GetSecretValue, PutSecretValue, …
	SecretID  string    // as the caller spelled it
	VersionID string
	Stage     string
	Status    int // 0 while it lasts, and when the connection broke instead of an answer

	AccessKeyID  string // who signed; the signature itself is not verified
	SessionToken string
	UserAgent    string
	Host         string // the Host header
	RemoteAddr   string // tells connections apart
}

// Calls returns all calls so far, in the order of their arrival.
func (s *SecretsManager) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make([]Call, len(s.calls))
	for i, c := range s.calls {
		calls[i] = *c
	}
	return calls
}

// CallCount returns how many calls were about the secret, whatever they called
// it; "" counts all.
func (s *SecretsManager) CallCount(secretID string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if secretID == "" || s.same(c.SecretID, secretID) {
			n++
		}
	}
	return n
}

// ResetCalls forgets the calls so far.
func (s *SecretsManager) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// maxBody is more than any request of the service may have.
const maxBody = 1 << 20

// ServeHTTP answers one call of the JSON 1.1 protocol.
func (s *SecretsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var req request
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, &req)
	}
	call, latency, hook := s.record(r, req)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		call.Status = rec.status
	}()

	if !pause(r, latency) || hook != nil && hook(rec, *call) {
		return
	}
	f := s.take(call.Op, call.SecretID)
	if f.instead(rec, r, *call) {
		return
	}
	a := s.perform(call, f.replace(req), err)
	f.deliver(rec, r, a)
}

// perform does what the call asks for; malformed is why its body could not be read.
func (s *SecretsManager) perform(call *Call, req request, malformed error) answer {
	defer s.announce()
	s.mu.Lock()
	defer s.mu.Unlock()
	op := operations[call.Op]
	switch {
	case op == nil:
		return clientError("UnknownOperationException", "")
	case call.AccessKeyID == "":
		return clientError("MissingAuthenticationTokenException", "Missing Authentication Token")
	case s.expired[call.AccessKeyID]:
		return expiredToken()
	case malformed != nil:
		return clientError("SerializationException", "")
	}
	return op(s, req)
}

func (s *SecretsManager) record(r *http.Request, req request) (*Call, time.Duration, func(http.ResponseWriter, Call) bool) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	call := &Call{
		Time:         time.Now(),
		Op:           op,
		SecretID:     cmp.Or(req.SecretID, req.Name),
		VersionID:    req.VersionID,
		Stage:        req.VersionStage,
		AccessKeyID:  key,
		SessionToken: r.Header.Get("X-Amz-Security-Token"),
		UserAgent:    r.UserAgent(),
		Host:         r.Host,
		RemoteAddr:   r.RemoteAddr,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	return call, s.latency, s.hook
}
