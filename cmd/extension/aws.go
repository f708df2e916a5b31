package main

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/cache/awssm"
)

// aws reads how Secrets Manager is reached, as AWS's SDKs do.
// https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
func (e *environment) aws(c *config) {
	c.AWS.Region = e.region()
	c.AWS.Endpoint = e.endpoint()
	c.AWS.FIPS = e.boolean("AWS_USE_FIPS_ENDPOINT", false)
	c.AWS.DualStack = e.boolean("AWS_USE_DUALSTACK_ENDPOINT", false)
	c.AWS.CABundle = e.caBundle()
	c.AWS.Proxy = e.proxy()
	// The SDK's endpoint rules refuse these, but only at the first call.
	if c.AWS.Endpoint != "" && c.AWS.FIPS {
		e.bad("AWS_USE_FIPS_ENDPOINT", "no FIPS endpoint, as an endpoint URL is set")
	}
	if c.AWS.Endpoint != "" && c.AWS.DualStack {
		e.bad("AWS_USE_DUALSTACK_ENDPOINT", "no dual-stack endpoint, as an endpoint URL is set")
	}
}

func (e *environment) region() string {
	name := "AWS_REGION"
	if e.getenv(name) == "" && e.getenv("AWS_DEFAULT_REGION") != "" {
		name = "AWS_DEFAULT_REGION"
	}
	region := e.getenv(name)
	// It becomes a part of a host name, and must not turn that into another host.
	notInRegion := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}
	if region == "" || strings.IndexFunc(region, notInRegion) >= 0 {
		e.bad(name, `a Region such as "eu-west-1"`)
	}
	return region
}

func (e *environment) endpoint() string {
	names := []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"}
	if e.boolean("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", false) {
		return ""
	}
	for _, name := range names {
		s := e.getenv(name)
		if s == "" {
			continue
		}
		if !isHTTP(s) {
			// Not printed, for it may hold a password.
			e.problem(`%s: got something else, want a URL such as "https://vpce-….amazonaws.com"`, name)
		}
		return s
	}
	return ""
}

func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

func (e *environment) caBundle() []byte {
	const name = "AWS_CA_BUNDLE"
	path := e.getenv(name)
	if path == "" {
		return nil
	}
	pem, err := e.readFile(path)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err // it would show the path once more, as it is
		}
		e.problem("%s: got %q, want a file that can be read: %w", name, path, err)
		return nil
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		e.bad(name, "a file with a certificate in PEM form")
		return nil
	}
	return pem
}

// proxy leaves the choice to net/http. It looks at the proxies first, because
// net/http's own error for a bad one shows it, password included.
func (e *environment) proxy() func(*http.Request) (*url.URL, error) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		if s := e.getenv(name); s != "" && !isProxy(s) {
			e.problem(`%s: got something else, want a URL such as "http://proxy:3128"`, name)
		}
	}
	return http.ProxyFromEnvironment
}

// isProxy accepts a URL that net/http can use, also one that lacks its http://.
func isProxy(s string) bool {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}

// credentials reads where keys come from, with the order and the rules of the
// AWS SDKs.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func (e *environment) credentials(c *config) {
	o := awssm.CredentialOptions{
		AccessKeyID:        e.getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey:    e.getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:       e.getenv("AWS_SESSION_TOKEN"),
		ContainerURL:       e.getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
		ContainerToken:     e.getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
		ContainerTokenFile: e.getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
	}
	const relative, host = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "169.254.170.2"
	if path := e.getenv(relative); path != "" {
		o.ContainerURL = "http://" + host + path
		if u, err := url.Parse(o.ContainerURL); err != nil || u.Host != host || path[0] != '/' {
			e.problem("%s: got something else, want a path that begins with /", relative)
		}
	}
	if strings.ContainsAny(o.ContainerToken, "\r\n") {
		e.problem("AWS_CONTAINER_AUTHORIZATION_TOKEN: got several lines, want one, as it becomes a header")
	}
	if !c.inLambda() && o.AccessKeyID == "" && o.SecretAccessKey == "" && o.ContainerURL == "" {
		// Knows profiles and single sign-on without linking what reads them.
		o.Process = "aws configure export-credentials --format process"
	}
	if _, err := awssm.Credentials(o); err != nil {
		e.problem("%w", err)
	}
	c.Credentials = o
}
