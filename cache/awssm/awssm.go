// Package awssm fetches secrets from AWS Secrets Manager.
//
// A fetch ends within its context: up to three attempts are made, and only for
// what an attempt may mend. Every error is a [*cache.Error] that says what
// Secrets Manager or the network said, and no error holds a value.
//
//	keys, err := awssm.Credentials(awssm.CredentialOptions{ContainerURL: url, ContainerToken: token})
//	client, err := awssm.New(awssm.Options{Region: "eu-west-1", Credentials: keys})
//	secrets := cache.New(client.Fetch, cache.Options{…})
package awssm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// Options says where Secrets Manager is and how to get there.
type Options struct {
	Region   string // required, also with an Endpoint: it is part of the signature
	Endpoint string // an http or https URL; "" = the region's own
	FIPS     bool   // the region's FIPS endpoint; not together with Endpoint
	// DualStack takes the region's endpoint that has IPv6; not together with Endpoint.
	DualStack bool

	CABundle []byte                                // PEM of the only roots to trust, nil = the system's
	Proxy    func(*http.Request) (*url.URL, error) // nil = none

	Credentials aws.CredentialsProvider // required, see [Credentials]
	MaxConns    int                     // connections, and so calls, at the same time; 0 = 8
	UserAgent   string                  // name or name/version, added to the SDK's User-Agent
}

// Client fetches from one region's Secrets Manager. It may be used by any number
// of goroutines.
type Client struct {
	sdk  *secretsmanager.Client
	keys *credentials
}

// New makes a client. It connects to nothing. The error names the environment
// variable to mend where there is one.
func New(o Options) (*Client, error) {
	return newClient(o, nil)
}

// dialFunc is the type of net.Dialer.DialContext.
type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func newClient(o Options, dial dialFunc) (*Client, error) {
	transport, err := newTransport(o, dial)
	if err := errors.Join(check(o), err); err != nil {
		return nil, err
	}
	keys := &credentials{provider: o.Credentials}
	opt := secretsmanager.Options{
		Region:      o.Region,
		Credentials: keys,
		HTTPClient:  &httpClient{http.Client{Transport: transport, CheckRedirect: noRedirect}},
		Retryer:     aws.NopRetryer{}, // Fetch tries again; the SDK's own retryer may spend 20 s
		APIOptions:  userAgent(o.UserAgent),
	}
	if o.Endpoint != "" {
		opt.BaseEndpoint = &o.Endpoint
	}
	if o.FIPS {
		opt.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if o.DualStack {
		opt.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	return &Client{sdk: secretsmanager.New(opt), keys: keys}, nil
}

// check finds at start what would otherwise fail every fetch.
func check(o Options) error {
	var problems []error
	if o.Credentials == nil {
		problems = append(problems, errors.New("no credentials"))
	}
	if o.Region == "" {
		problems = append(problems, errors.New("AWS_REGION is not set"))
	}
	if u, err := url.Parse(o.Endpoint); o.Endpoint != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "") {
		// Not quoted: it may hold a password.
		problems = append(problems, errors.New("AWS_ENDPOINT_URL_SECRETS_MANAGER or AWS_ENDPOINT_URL is not an absolute http or https URL"))
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	params := secretsmanager.EndpointParameters{Region: &o.Region, UseFIPS: &o.FIPS, UseDualStack: &o.DualStack}
	if o.Endpoint != "" {
		params.Endpoint = &o.Endpoint
	}
	if _, err := secretsmanager.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(), params); err != nil {
		return fmt.Errorf("no endpoint for AWS_REGION %q with AWS_ENDPOINT_URL_SECRETS_MANAGER, AWS_ENDPOINT_URL, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT as they are: %w", o.Region, err)
	}
	return nil
}

func userAgent(name string) []func(*middleware.Stack) error {
	if name == "" {
		return nil
	}
	product, version, hasVersion := strings.Cut(name, "/")
	if !hasVersion {
		return []func(*middleware.Stack) error{awsmiddleware.AddUserAgentKey(product)}
	}
	return []func(*middleware.Stack) error{awsmiddleware.AddUserAgentKeyValue(product, version)}
}

// backOff is how long to wait before the second and the third attempt, at most;
// at least it is half of that.
var backOff = [...]time.Duration{50 * time.Millisecond, 150 * time.Millisecond}

// Fetch gets one version of a secret. Its errors are [*cache.Error].
func (c *Client) Fetch(ctx context.Context, q cache.Query) (*cache.Secret, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &q.ID}
	if q.VersionID != "" {
		in.VersionId = &q.VersionID
	}
	if q.Stage != "" {
		in.VersionStage = &q.Stage
	}
	var earlier *failure
	renewed, corrected := false, false
	for retries := 0; ; {
		out, err := c.ask(ctx, in)
		switch {
		case errors.Is(err, errPanic):
			return nil, noAnswer(q.ID, notAnAnswer+": "+err.Error())
		case err == nil:
			return secretOf(q, out)
		}
		f := failureOf(ctx, q.ID, err, earlier)
		switch {
		case f.Type == "ExpiredTokenException" && !renewed && c.keys.Invalidate():
			// The keys went out of date since they were read: new ones work at once.
			renewed = true
		case f.skewed && !corrected:
			corrected = true
		case !f.retry || retries == len(backOff) || !pause(ctx, backOff[retries]):
			return nil, f.Error
		default:
			retries++
		}
		earlier = f
	}
}

// notAnAnswer does not quote: it may hold a value.
const notAnAnswer = "the answer was not what Secrets Manager answers"

var errPanic = errors.New("the SDK panicked")

// ask calls Secrets Manager once. The SDK (smithy-go v1.28) panics over a date of
// NaN, in a goroutine where that ends the process.
func (c *Client) ask(ctx context.Context, in *secretsmanager.GetSecretValueInput) (out *secretsmanager.GetSecretValueOutput, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, fmt.Errorf("%w with a %T", errPanic, v) // without v, which may quote
		}
	}()
	return c.sdk.GetSecretValue(ctx, in)
}

// pause waits for half of d to d. It reports false, at once, if ctx leaves no
// time for another attempt after that.
func pause(ctx context.Context, d time.Duration) bool {
	d = d/2 + rand.N(d/2)
	if deadline, limited := ctx.Deadline(); limited && time.Until(deadline) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// secretOf refuses an answer that is not one to the question: what it holds
// would be served under the wrong name.
func secretOf(q cache.Query, out *secretsmanager.GetSecretValueOutput) (*cache.Secret, error) {
	s := &cache.Secret{
		ARN:       aws.ToString(out.ARN),
		Name:      aws.ToString(out.Name),
		VersionID: aws.ToString(out.VersionId),
		Stages:    out.VersionStages,
		Created:   aws.ToTime(out.CreatedDate),
	}
	switch {
	case out.SecretString != nil:
		s.Value = cache.Text(*out.SecretString)
	case out.SecretBinary != nil:
		s.Value = cache.Binary(out.SecretBinary)
	default:
		return nil, noAnswer(q.ID, "the answer had no value")
	}
	switch {
	case !names(s, q.ID):
		return nil, noAnswer(q.ID, fmt.Sprintf("the answer was for another secret, %q", shorten(cmp.Or(s.ARN, s.Name))))
	case q.VersionID != "" && s.VersionID != q.VersionID:
		return nil, noAnswer(q.ID, fmt.Sprintf("the answer was version %q instead of %q", shorten(s.VersionID), q.VersionID))
	case strings.ContainsFunc(s.VersionID, notInTag):
		return nil, noAnswer(q.ID, fmt.Sprintf("the answer was version %q, which is no version id", shorten(s.VersionID)))
	}
	return s, nil
}

// notInTag reports what no ETag may hold, which a version id becomes: RFC 9110, 8.8.3.
func notInTag(c rune) bool { return c <= ' ' || c == '"' || c > '~' }

// names reports whether id is the name, the ARN or the partial ARN of s.
func names(s *cache.Secret, id string) bool {
	if !strings.HasPrefix(id, "arn:") {
		return s.Name == id
	}
	rest, found := strings.CutPrefix(s.ARN, id)
	return found && (rest == "" || len(rest) == len("-AbCdEf") && rest[0] == '-')
}
