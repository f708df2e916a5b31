package awstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The errors that Secrets Manager answers, with its status, type and text.
const (
	ResourceNotFound     Kind = "ResourceNotFoundException"
	MarkedForDeletion    Kind = "InvalidRequestException"
	InvalidParameter     Kind = "InvalidParameterException"
	DecryptionFailure    Kind = "DecryptionFailure"
	AccessDenied         Kind = "AccessDeniedException"
	KMSAccessDenied      Kind = "AccessDeniedException of KMS"
	Throttling           Kind = "ThrottlingException"
	ExpiredToken         Kind = "ExpiredTokenException"
	InternalServiceError Kind = "InternalServiceError" // status 500
	Unavailable          Kind = "503 with an HTML page"
	Error                Kind = "the fault's own Status, Type and Message"
)

// What happens to a call on its way, or to an answer.
const (
	Slow          Kind = "answer after Delay"
	Hang          Kind = "no answer until Release, Heal or the client goes away"
	Reset         Kind = "connection reset"
	Drip          Kind = "answer in single bytes, one every Delay"
	Truncated     Kind = "a part of the answer, then the connection breaks"
	Garbage       Kind = "status 200 and a body that is not JSON but holds the value"
	Empty         Kind = "status 200 and {}"
	AnotherSecret Kind = "the answer for the secret named by Other"
	NoValue       Kind = "the answer without SecretString and SecretBinary"
)

// Fault is something that goes wrong with GetSecretValue calls. The zero values
// of SecretID and Times mean every secret, and every call until
// [SecretsManager.Heal].
type Fault struct {
	Kind     Kind
	SecretID string        // name or ARN; a call for the same secret by another id counts
	Times    int           // how many calls; 0 = all
	Op       string        // another operation than GetSecretValue; "*" = every one
	Delay    time.Duration // of Slow and Drip
	Other    string        // of AnotherSecret

	Status        int // of Error; 0 = 400
	Type, Message string

	released chan struct{}
}

// Fail adds a fault. When several fit a call, the one added first happens, until
// its Times are used up.
func (s *SecretsManager) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal takes all faults away and lets hanging calls go on.
func (s *SecretsManager) Heal() {
	s.mu.Lock()
	s.faults = nil
	s.mu.Unlock()
	s.Release()
}

// Release lets the calls that hang now go on as if nothing had been. The fault
// stays.
func (s *SecretsManager) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

// take returns the fault that happens to a call, nil for none.
func (s *SecretsManager) take(op, secretID string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Op != "*" && op != f.Op && (f.Op != "" || op != "GetSecretValue") {
			continue
		}
		if f.SecretID != "" && !s.same(f.SecretID, secretID) {
			continue
		}
		taken := *f
		taken.released = s.released
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return &taken
	}
	return nil
}

// instead reports whether the fault has dealt with the call.
func (f *Fault) instead(w http.ResponseWriter, r *http.Request, c Call) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case Slow:
		return !pause(r, f.Delay)
	case Hang:
		select {
		case <-f.released:
			return false
		case <-r.Context().Done():
			return true
		}
	case Reset:
		reset(w)
		return true
	case Drip, Truncated, Garbage, Empty, AnotherSecret, NoValue:
		return false
	default:
		f.answer(c).write(w)
	}
	return true
}

// answer is the error of a fault that is one.
func (f *Fault) answer(c Call) answer {
	switch f.Kind {
	case ResourceNotFound:
		return clientError(notFoundType, noSecret)
	case MarkedForDeletion:
		return clientError(badRequestType, marked)
	case InvalidParameter:
		return clientError(badParamType, "The parameter name or value is invalid.")
	case DecryptionFailure:
		return clientError("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	case AccessDenied:
		return clientError("AccessDeniedException", fmt.Sprintf("User: arn:aws:sts::%s:assumed-role/role/function is not authorized to perform: secretsmanager:%s on resource: %s because no identity-based policy allows the secretsmanager:%[2]s action", Account, c.Op, c.SecretID))
	case KMSAccessDenied:
		return clientError("AccessDeniedException", "Access to KMS is not allowed")
	case Throttling:
		return clientError("ThrottlingException", "Rate exceeded")
	case ExpiredToken:
		return expiredToken()
	case InternalServiceError:
		return apiError(http.StatusInternalServerError, "InternalServiceError", "An error occurred on the server side.")
	case Unavailable:
		return answer{http.StatusServiceUnavailable, "text/html", []byte("<html><body><h1>503 Service Unavailable</h1></body></html>")}
	case Error:
		return apiError(cmp.Or(f.Status, http.StatusBadRequest), f.Type, f.Message)
	}
	panic(fmt.Sprintf("awstest: there is no fault %q", f.Kind))
}

func expiredToken() answer {
	return clientError("ExpiredTokenException", "The security token included in the request is expired")
}

// replace is the request that is answered instead of req.
func (f *Fault) replace(req request) request {
	if f != nil && f.Kind == AnotherSecret {
		return request{SecretID: f.Other}
	}
	return req
}

// deliver writes an answer, damaged by the fault if that is its kind.
func (f *Fault) deliver(w http.ResponseWriter, r *http.Request, a answer) {
	if f == nil {
		a.write(w)
		return
	}
	switch f.Kind {
	case Drip:
		drip(w, r, a, f.Delay)
	case Truncated:
		a.header(w)
		_, _ = w.Write(a.body[:len(a.body)*3/4])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case Garbage:
		a.body = append([]byte("<<< not JSON: "), a.body...)
		a.write(w)
	case Empty:
		a.body = []byte("{}")
		a.write(w)
	case NoValue:
		var members map[string]json.RawMessage
		_ = json.Unmarshal(a.body, &members)
		delete(members, "SecretString")
		delete(members, "SecretBinary")
		a.body = ok(members).body
		a.write(w)
	default:
		a.write(w)
	}
}

func drip(w http.ResponseWriter, r *http.Request, a answer, every time.Duration) {
	a.header(w)
	for i := range a.body {
		if !pause(r, every) {
			return
		}
		_, _ = w.Write(a.body[i : i+1])
		_ = http.NewResponseController(w).Flush()
	}
}

// reset breaks the connection so that the peer sees an RST where there is TCP.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, isTCP := c.(*net.TCPConn); isTCP {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
