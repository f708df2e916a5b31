package awssm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const (
	canary = "canary-7f3a"
	value  = `{"password":"` + canary + `"}`
)

// leaks fails the test if any way to print err, or what it wraps, has the canary.
func leaks(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%x"} {
			if s := fmt.Sprintf(verb, err); strings.Contains(s, canary) || strings.Contains(s, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T has the value: %s", verb, err, s)
			}
		}
	}
}

type want struct {
	Status  int
	Type    string
	Message string // a part of it
	Calls   int
}

func expect(t *testing.T, aws *awstest.SecretsManager, err error, w want) *cache.Error {
	t.Helper()
	leaks(t, err)
	e, is := errors.AsType[*cache.Error](err)
	if !is {
		t.Fatalf("got %T %v, want a *cache.Error", err, err)
	}
	got := want{e.Status, e.Type, e.Message, aws.CallCount("")}
	if strings.Contains(e.Message, w.Message) {
		got.Message = w.Message
	}
	if diff := cmp.Diff(w, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if e.ID != "prod/db" {
		t.Errorf("got id %q", e.ID)
	}
	return e
}

func TestErrors(t *testing.T) {
	tests := []struct {
		fault awstest.Fault
		want  want
	}{
		{awstest.Fault{Kind: awstest.ResourceNotFound}, want{400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 1}},
		{awstest.Fault{Kind: awstest.MarkedForDeletion}, want{400, "InvalidRequestException", "marked for deletion", 1}},
		{awstest.Fault{Kind: awstest.InvalidParameter}, want{400, "InvalidParameterException", "invalid", 1}},
		{awstest.Fault{Kind: awstest.DecryptionFailure}, want{400, "DecryptionFailure", "KMS", 1}},
		{awstest.Fault{Kind: awstest.AccessDenied}, want{400, "AccessDeniedException", "secretsmanager:GetSecretValue on resource: prod/db", 1}},
		{awstest.Fault{Kind: awstest.KMSAccessDenied}, want{400, "AccessDeniedException", "Access to KMS is not allowed", 1}},
		{awstest.Fault{Kind: awstest.ExpiredToken}, want{400, "ExpiredTokenException", "expired", 1}},
		{awstest.Fault{Kind: awstest.Throttling}, want{400, "ThrottlingException", "Rate exceeded", 3}},
		{awstest.Fault{Kind: awstest.InternalServiceError}, want{500, "InternalServiceError", "server side", 3}},
		{awstest.Fault{Kind: awstest.Unavailable}, want{503, "ServiceUnavailable", "status 503", 3}},
		{awstest.Fault{Kind: awstest.Error, Type: "com.amazonaws.secretsmanager#ResourceNotFoundException", Message: "m"}, want{400, "ResourceNotFoundException", "m", 1}},
		{awstest.Fault{Kind: awstest.Error, Type: "com.example#Strange", Message: "m"}, want{400, "Strange", "m", 1}},
		{awstest.Fault{Kind: awstest.Error, Status: 429, Type: "Slow", Message: "m"}, want{429, "Slow", "m", 3}},
		{awstest.Fault{Kind: awstest.Error, Status: 502}, want{502, "BadGateway", "status 502", 3}},
		{awstest.Fault{Kind: awstest.Reset}, want{502, "ConnectionError", "connection was closed", 3}},
		{awstest.Fault{Kind: awstest.Truncated}, want{502, "ConnectionError", "connection was closed", 3}},
		{awstest.Fault{Kind: awstest.Garbage}, want{502, "ConnectionError", "not what Secrets Manager answers", 1}},
		{awstest.Fault{Kind: awstest.Empty}, want{502, "ConnectionError", "no value", 1}},
		{awstest.Fault{Kind: awstest.NoValue}, want{502, "ConnectionError", "no value", 1}},
		{awstest.Fault{Kind: awstest.AnotherSecret, Other: "prod/other"}, want{502, "ConnectionError", "another secret", 1}},
		{awstest.Fault{Kind: awstest.Hang}, want{504, "TimeoutError", "no answer in time", 1}},
		{awstest.Fault{Kind: awstest.Drip, Delay: 100 * time.Millisecond}, want{504, "TimeoutError", "no answer in time", 1}},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Kind)+tt.fault.Type, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				aws := awstest.NewHandler()
				aws.Put("prod/db", value)
				aws.Put("prod/other", value)
				aws.Fail(tt.fault)
				client := connect(t, serve(t, aws))
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_, err := client.Fetch(ctx, cache.Query{ID: "prod/db"})
				e := expect(t, aws, err, tt.want)
				if timeout := errors.Is(e, context.DeadlineExceeded); timeout != (tt.want.Status == 504) {
					t.Errorf("errors.Is(err, context.DeadlineExceeded) = %v", timeout)
				}
			})
		})
	}
}

// Answers made by hand: what a broken or hostile peer may send.
func TestRawAnswers(t *testing.T) {
	http200 := "HTTP/1.1 200 OK\r\nContent-Length: "
	tests := []struct {
		name, raw string
		want      want
	}{
		{"wrong type", body(200, `{"ARN":"a","SecretString":{"x":"`+canary+`"}}`), want{502, "ConnectionError", "not what", 1}},
		{"bad base64", body(200, `{"ARN":"a","SecretBinary":"!!`+canary+`"}`), want{502, "ConnectionError", "not what", 1}},
		{"list", body(200, `["`+canary+`"]`), want{502, "ConnectionError", "", 1}},
		{"bad escape", body(200, `{"SecretString":"\u12`+canary+`"}`), want{502, "ConnectionError", "", 1}},
		{"endless", body(200, `{"SecretString":"`+strings.Repeat(canary, 1<<18)+`"}`), want{502, "ConnectionError", "not what", 1}},
		{"error that is no JSON", body(500, canary), want{500, "InternalServerError", "status 500", 3}},
		{"error of a wrong type", body(400, `{"__type":"ResourceNotFoundException","Message":{"x":"`+canary+`"}}`), want{400, "BadRequest", "status 400", 1}},
		{"proxy", body(407, "<html>"), want{407, "ProxyAuthenticationRequired", "status 407", 1}},
		{"empty error", body(502, ""), want{502, "BadGateway", "status 502", 3}},
		{"redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://elsewhere.test/" + canary + "\r\nContent-Length: 0\r\n\r\n", want{502, "ConnectionError", "redirect, status 307", 1}},
		{"no HTTP", canary + "\r\n\r\n", want{502, "ConnectionError", "no HTTP", 3}},
		{"bad header", "HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n", want{502, "ConnectionError", "no HTTP", 3}},
		{"bad length", http200 + canary + "\r\n\r\n", want{502, "ConnectionError", "no HTTP", 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				aws := awstest.NewHandler()
				aws.Answer(func(w http.ResponseWriter, _ awstest.Call) bool {
					c, _, err := http.NewResponseController(w).Hijack()
					if err == nil {
						_, _ = io.WriteString(c, tt.raw)
						_ = c.Close()
					}
					return true
				})
				client := connect(t, serve(t, aws))
				_, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"})
				expect(t, aws, err, tt.want)
			})
		})
	}
}

func body(status int, s string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n%s", status, len(s), s)
}

// The network below HTTP, for real.
func TestConnectionErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = discard
	secure.StartTLS()
	defer secure.Close()
	aws := awstest.New()
	defer aws.Close()
	aws.Fail(awstest.Fault{Kind: awstest.Reset})

	tests := []struct {
		name, url string
		message   string
		dials     int
	}{
		{"refused", "http://" + closed, "dial tcp " + closed + ": connect: connection refused", 3},
		{"no TLS", "https://" + plain.Listener.Addr().String(), "TLS: the peer does not speak it", 1},
		{"unknown authority", secure.URL, "TLS: x509: certificate signed by unknown authority (AWS_CA_BUNDLE", 1},
		{"reset", aws.URL(), "connection reset by peer", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dials := 0
			client, err := newClient(Options{Region: awstest.Region, Endpoint: tt.url, Credentials: static}, func(ctx context.Context, network, addr string) (net.Conn, error) {
				dials++
				return new(net.Dialer).DialContext(ctx, network, addr)
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Fetch(t.Context(), cache.Query{ID: "prod/db"})
			e := cache.AsError("prod/db", err)
			if e.Status != 502 || e.Type != cache.TypeConnection || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %d %s %q, want 502 and %q", e.Status, e.Type, e.Message, tt.message)
			}
			if dials != tt.dials {
				t.Errorf("dialled %d times, want %d", dials, tt.dials)
			}
		})
	}
}

func TestProxyRefuses(t *testing.T) {
	for status, calls := range map[int]int32{407: 1, 502: 3} {
		var connects atomic.Int32
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			connects.Add(1)
			w.WriteHeader(status)
		}))
		u, _ := url.Parse(proxy.URL)
		u.User = url.UserPassword("user", canary)
		client := clientOf(t, "https://secretsmanager.test", func(o *Options) { o.Proxy = http.ProxyURL(u) })
		_, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"})
		leaks(t, err)
		if want := fmt.Sprintf("the proxy refused to connect, status %d", status); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if n := connects.Load(); n != calls {
			t.Errorf("status %d: asked %d times, want %d", status, n, calls)
		}
		proxy.Close()
	}
}

func TestDescribe(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", Name: "secretsmanager.nowhere-1.amazonaws.com", IsNotFound: true}, "lookup secretsmanager.nowhere-1.amazonaws.com: no such host"},
		{dial(timeout{}), "dial tcp: i/o timeout (a function in a VPC needs a route to Secrets Manager, such as a VPC endpoint)"},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: errors.New(canary)}, "the proxy: proxyconnect failed"},
		{timeout{}, "the connection timed out"},
		{errors.New(canary), "the connection failed, or the answer was no HTTP"},
	}
	for _, tt := range tests {
		if got := describe(fmt.Errorf("wrapped: %w", tt.err)); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestNoSecondLookupOfAHostThatIsNot(t *testing.T) {
	for _, notFound := range []bool{true, false} {
		if got := hopeless(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: notFound}}); got != notFound {
			t.Errorf("not found %v: got %v", notFound, got)
		}
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func TestPanicOfTheSDKTellsItsType(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"Name":"db","VersionId":"v","SecretString":"`+canary+`","CreatedDate":"NaN"}`)
	}))
	defer server.Close()
	keys, err := Credentials(CredentialOptions{AccessKeyID: "a", SecretAccessKey: "b"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{Region: "us-east-1", Endpoint: server.URL, Credentials: keys})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Fetch(t.Context(), cache.Query{ID: "db"})
	leaks(t, err)
	if err == nil || !strings.Contains(err.Error(), notAnAnswer+": the SDK panicked with a ") {
		t.Errorf("error %v, want the type of what it panicked with", err)
	}
}
