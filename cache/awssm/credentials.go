package awssm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/smithy-go"
)

// TypeCredentials is the Type of a [*cache.Error] when there were no keys to sign
// a fetch with. Its Status is 502.
const TypeCredentials = "CredentialsError"

// CredentialOptions holds what the environment says about keys. An empty field
// is one that is not set: Lambda's SnapStart sets some of the variables to
// nothing.
type CredentialOptions struct {
	AccessKeyID, SecretAccessKey, SessionToken string // AWS_ACCESS_KEY_ID and so on

	ContainerURL       string // AWS_CONTAINER_CREDENTIALS_FULL_URI
	ContainerToken     string // AWS_CONTAINER_AUTHORIZATION_TOKEN
	ContainerTokenFile string // read for every call; goes before ContainerToken

	Process string // a command that prints keys as JSON, run by the shell when there is nothing else
}

// expiryWindow is how long before their end keys are renewed.
const expiryWindow = 5 * time.Minute

// Credentials chooses where keys come from: the options themselves, else the
// container URL, else the command. Keys that expire are renewed before they do,
// and used until they do when that fails.
func Credentials(o CredentialOptions) (aws.CredentialsProvider, error) {
	switch {
	case o.AccessKeyID != "" && o.SecretAccessKey != "":
		return sdkcredentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey, o.SessionToken), nil
	case o.AccessKeyID != "":
		return nil, errors.New("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not")
	case o.SecretAccessKey != "":
		return nil, errors.New("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not")
	case o.ContainerURL != "":
		if err := checkContainerURL(o.ContainerURL); err != nil {
			return nil, err
		}
		return renewed(newContainer(o)), nil
	case o.Process != "":
		return renewed(processcreds.NewProvider(o.Process)), nil
	}
	return nil, errors.New("no credentials: none of AWS_ACCESS_KEY_ID, AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set")
}

// containerHosts are where ECS and EKS serve keys over plain http.
var containerHosts = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}

// checkContainerURL has the rule of the AWS SDKs: the token, and the keys, go in
// the clear only where nobody can listen
// (docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
func checkContainerURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is not an absolute http or https URL")
	}
	if u.Scheme == "https" {
		return nil
	}
	ip := net.ParseIP(u.Hostname())
	if strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback() {
		return nil
	}
	for _, allowed := range containerHosts {
		if ip != nil && ip.Equal(net.ParseIP(allowed)) {
			return nil
		}
	}
	return fmt.Errorf("AWS_CONTAINER_CREDENTIALS_FULL_URI has the host %q: over http it must be a loopback address or one of %s", u.Hostname(), strings.Join(containerHosts, ", "))
}

// container asks the endpoint that Lambda's SnapStart, ECS and EKS have.
type container struct {
	url, token, tokenFile string
	client                *httpClient
}

func newContainer(o CredentialOptions) *container {
	// A client of its own: the endpoint is on this machine, behind no proxy. It
	// needs a time-out, because the SDK's cache hides the caller's deadline from
	// it. It is asked too seldom to keep a connection, which a freeze would kill.
	return &container{o.ContainerURL, o.ContainerToken, o.ContainerTokenFile, &httpClient{http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: noRedirect,
		Timeout:       2 * time.Second,
	}}}
}

// Retrieve reads the token file, if there is one, before every call: EKS renews it.
func (c *container) Retrieve(ctx context.Context) (keys aws.Credentials, err error) {
	// The SDK (credentials v1.20) dereferences the answer `null`, in a goroutine
	// where that ends the process.
	defer func() {
		if recover() != nil {
			err = &credentialsError{text: notCredentials}
		}
	}()
	token := c.token
	if c.tokenFile != "" {
		b, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return aws.Credentials{}, &credentialsError{text: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: " + err.Error()}
		}
		token = strings.TrimSpace(string(b))
	}
	return endpointcreds.New(c.url, func(e *endpointcreds.Options) {
		e.HTTPClient = c.client
		e.Retryer = aws.NopRetryer{} // Fetch tries again
		e.AuthorizationToken = token
	}).Retrieve(ctx)
}

func renewed(p aws.CredentialsProvider) aws.CredentialsProvider {
	return aws.NewCredentialsCache(keeping{p}, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow })
}

// keeping is a provider whose last keys are used to their end when new ones
// cannot be had.
type keeping struct{ aws.CredentialsProvider }

// HandleFailToRefresh is called by the cache when Retrieve failed.
func (keeping) HandleFailToRefresh(_ context.Context, old aws.Credentials, err error) (aws.Credentials, error) {
	// The cache moved the end of the keys up by the window, and will do it again.
	old.Expires = old.Expires.Add(expiryWindow)
	if !old.HasKeys() || !old.CanExpire || old.Expired() {
		return aws.Credentials{}, err
	}
	return old, nil
}

// credentials is the provider of a client. It marks errors as what they are.
type credentials struct{ provider aws.CredentialsProvider }

// Retrieve returns keys, or a *credentialsError.
func (c *credentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	keys, err := c.provider.Retrieve(ctx)
	if err != nil {
		return keys, credentialsErrorOf(err)
	}
	if !keys.HasKeys() {
		return keys, &credentialsError{text: "the source of credentials answered without keys", retry: true}
	}
	return keys, nil
}

// Invalidate has the keys read anew and reports whether that can be done.
func (c *credentials) Invalidate() bool {
	cached, can := c.provider.(interface{ Invalidate() })
	if can {
		cached.Invalidate()
	}
	return can
}

// credentialsError has a text of its own: those of the SDK quote the output of a
// command, or the answer of the endpoint, and with them the keys.
type credentialsError struct {
	text  string
	retry bool
}

func (e *credentialsError) Error() string { return "no credentials: " + e.text }

const notCredentials = "the container endpoint did not answer with credentials as JSON"

// usualCommand says what to look at; the command itself is not shown, for one of
// somebody's own may hold a password.
const usualCommand = " (outside Lambda it is `aws configure export-credentials`, which AWS CLI 2 has)"

func credentialsErrorOf(err error) error {
	if e, is := errors.AsType[*credentialsError](err); is {
		return e
	}
	if _, is := errors.AsType[*processcreds.ProviderError](err); is {
		if exit, is := errors.AsType[*exec.ExitError](err); is {
			return &credentialsError{text: "the command ended with " + exit.String() + usualCommand}
		}
		return &credentialsError{text: "the command did not print credentials as JSON" + usualCommand}
	}
	if e, is := errors.AsType[smithy.APIError](err); is {
		text := "the container endpoint answered with an error"
		if e.ErrorCode() != "" {
			text += ", code " + shorten(e.ErrorCode())
		}
		return &credentialsError{text, e.ErrorFault() == smithy.FaultServer}
	}
	if _, is := errors.AsType[*smithy.DeserializationError](err); is && !broken(err) {
		return &credentialsError{text: notCredentials}
	}
	return &credentialsError{"the container endpoint: " + describe(err), true}
}
