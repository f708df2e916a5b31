package awssm

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// failure is why an attempt failed.
type failure struct {
	*cache.Error
	retry  bool // another attempt may succeed
	skewed bool // another attempt will have the right time
}

// failureOf says what err means; earlier is the failure of the attempt before.
//
// The SDK's errors are looked at and then left behind: they carry pieces of the
// answer, which may be pieces of a value. Only what is known to hold none goes
// into the message, and nothing but a context's error into the chain.
func failureOf(ctx context.Context, id string, err error, earlier *failure) *failure {
	if over(ctx) {
		message := "no answer in time"
		if earlier != nil {
			message += "; the attempt before: " + earlier.Message
		}
		return final(id, http.StatusGatewayTimeout, cache.TypeTimeout, message, cmp.Or(ctx.Err(), context.DeadlineExceeded))
	}
	if e, is := errors.AsType[*credentialsError](err); is {
		return &failure{Error: final(id, http.StatusBadGateway, TypeCredentials, e.Error(), nil).Error, retry: e.retry}
	}
	answer, answered := errors.AsType[*smithyhttp.ResponseError](err)
	switch {
	case !answered:
		// The SDK did not get as far as sending: the text is its own.
		return final(id, http.StatusInternalServerError, cache.TypeInternal, err.Error(), nil)
	case answer.HTTPStatusCode() == 0 || broken(err):
		return &failure{Error: noAnswer(id, describe(err)), retry: !hopeless(err)}
	}
	return refused(id, answer.HTTPStatusCode(), err)
}

// refused is a complete answer that is no success, or one that is no answer of
// Secrets Manager.
func refused(id string, status int, err error) *failure {
	api, isAPI := errors.AsType[smithy.APIError](err)
	switch {
	case status < http.StatusMultipleChoices:
		return &failure{Error: noAnswer(id, notAnAnswer)}
	case status < http.StatusBadRequest:
		return &failure{Error: noAnswer(id, fmt.Sprintf("the answer was a redirect, status %d", status))}
	case isAPI && api.ErrorCode() != "" && api.ErrorCode() != "UnknownError":
		f := final(id, status, shorten(api.ErrorCode()), shorten(api.ErrorMessage()), nil)
		f.retry = f.Transient() && f.Type != "ExpiredTokenException"
		f.skewed = skewed(err)
		return f
	}
	text := cmp.Or(http.StatusText(status), "Unknown Status")
	f := final(id, status, strings.ReplaceAll(text, " ", ""),
		fmt.Sprintf("status %d, not from Secrets Manager itself but from something before it", status), nil)
	f.retry = f.Transient()
	return f
}

// skewed reports whether the request was signed at a time that is minutes off. The
// SDK has that from the date of the answer, and signs the next request right.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
func skewed(err error) bool {
	e, is := errors.AsType[interface {
		error
		RetryableError() bool
	}](err)
	return is && e.RetryableError()
}

func final(id string, status int, typ, message string, cause error) *failure {
	return &failure{Error: &cache.Error{ID: id, Status: status, Type: typ, Message: message, Err: cause}}
}

// noAnswer is the error for an answer that did not come or cannot be used.
func noAnswer(id, message string) *cache.Error {
	return &cache.Error{ID: id, Status: http.StatusBadGateway, Type: cache.TypeConnection, Message: message}
}

// over reports whether the time of ctx is up. A dialer that was given the same
// deadline may notice it a moment before ctx does.
func over(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && time.Until(deadline) <= 0
}

// broken reports whether the connection ended inside an answer.
func broken(err error) bool {
	_, is := errors.AsType[*readError](err)
	return is
}

// hopeless reports whether a connection fails the same way the next moment.
func hopeless(err error) bool {
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return true
	}
	if proxy, is := errors.AsType[proxyError](err); is && proxy < http.StatusInternalServerError {
		return true
	}
	if noTLS(err) {
		return true
	}
	dns, is := errors.AsType[*net.DNSError](err)
	return is && dns.IsNotFound
}

// noTLS reports whether the peer spoke something else, plain HTTP for example.
func noTLS(err error) bool {
	_, is := errors.AsType[tls.RecordHeaderError](err)
	return is || errors.Is(err, http.ErrSchemeMismatch)
}

// describe says in words why a connection failed. Texts are taken only from
// errors that hold addresses and certificates; net/http's own ones quote what
// the peer sent.
func describe(err error) string {
	if e, is := errors.AsType[*net.DNSError](err); is {
		return e.Error()
	}
	if e, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		if _, unknown := errors.AsType[x509.UnknownAuthorityError](e); unknown {
			return "TLS: " + e.Err.Error() + " (AWS_CA_BUNDLE names a file of other roots)"
		}
		return "TLS: " + e.Err.Error()
	}
	if noTLS(err) {
		return "TLS: the peer does not speak it"
	}
	if e, is := errors.AsType[proxyError](err); is {
		return e.Error()
	}
	if e, is := errors.AsType[*net.OpError](err); is && e.Op == "proxyconnect" {
		return "the proxy: " + opText(e)
	} else if is && e.Op == "dial" && e.Timeout() {
		return opText(e) + " (a function in a VPC needs a route to Secrets Manager, such as a VPC endpoint)"
	} else if is {
		return opText(e)
	}
	switch e, isNet := errors.AsType[net.Error](err); {
	case isNet && e.Timeout():
		return "the connection timed out"
	case broken(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the whole answer was there"
	}
	return "the connection failed, or the answer was no HTTP"
}

// opText leaves out what a proxy may have said.
func opText(e *net.OpError) string {
	if inner, is := errors.AsType[*net.OpError](e.Err); is {
		return opText(inner)
	}
	if _, is := errors.AsType[syscall.Errno](e.Err); is || e.Timeout() {
		return e.Error()
	}
	if e.Addr != nil {
		return e.Op + " " + e.Addr.String() + " failed"
	}
	return e.Op + " failed"
}

// shorten keeps a strange upstream from filling the log.
func shorten(s string) string {
	const most = 1024
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
