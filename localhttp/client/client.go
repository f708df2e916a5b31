// Package client reads secrets from the extension's endpoint on localhost.
//
// It needs no AWS SDK, opens no connection but to 127.0.0.1, and takes its port
// and token from the variables that the extension takes them from:
//
//	c, err := client.FromEnv(os.Getenv)
//	…
//	secret, err := c.Get(ctx, "prod/db")            // the whole record
//	password, err := c.Key(ctx, "prod/db", "password") // one key of its JSON object
//
// Calls end when their context does; the client sets no time-out of its own. An
// answer that is none of 2xx is an [*Error]. A Client is safe for concurrent use.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// DefaultURL is where the extension listens unless told otherwise. It is spelled
// as an address: "localhost" costs a look-up, and may be tried as ::1 first.
const DefaultURL = "http://127.0.0.1:2773"

// TokenHeader is the header that carries the token of a request.
const TokenHeader = "X-Aws-Parameters-Secrets-Token"

// Options says where the endpoint is and how to reach it.
type Options struct {
	URL        string       // scheme, host and port; "" is DefaultURL
	Token      string       // sent with every request
	HTTPClient *http.Client // nil is one that uses no proxy and follows no redirect
}

// Client speaks to one endpoint.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New returns a client. It opens no connection.
func New(o Options) *Client {
	c := &Client{base: strings.TrimSuffix(o.URL, "/"), token: o.Token, http: o.HTTPClient}
	if c.base == "" {
		c.base = DefaultURL
	}
	if c.http == nil {
		c.http = &http.Client{
			Transport: &http.Transport{
				Proxy:               nil, // HTTP_PROXY must never see a secret
				DisableCompression:  true,
				MaxIdleConnsPerHost: 16,
			},
			// The endpoint redirects nothing; whoever does must not get the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return c
}

// GetOption narrows what [Client.Get] asks for.
type GetOption func(url.Values)

// Version asks for one version by its id.
func Version(id string) GetOption { return func(q url.Values) { q.Set("versionId", id) } }

// Stage asks for the version that carries a staging label, such as AWSPREVIOUS.
func Stage(label string) GetOption { return func(q url.Values) { q.Set("versionStage", label) } }

// RefreshNow asks Secrets Manager instead of the cache.
func RefreshNow() GetOption { return func(q url.Values) { q.Set("refreshNow", "true") } }

// Get returns a secret, by default its current version. The id is a name, an ARN
// or a partial ARN.
func (c *Client) Get(ctx context.Context, id string, opts ...GetOption) (*Secret, error) {
	q := url.Values{"secretId": {id}}
	for _, o := range opts {
		o(q)
	}
	var w wireSecret
	if _, err := c.callJSON(ctx, http.MethodGet, "/secretsmanager/get", q, nil, &w); err != nil {
		return nil, fmt.Errorf("get secret %q: %w", id, err)
	}
	return w.secret(), nil
}

// Key returns one member of a secret whose value is a JSON object: text as it is,
// null as the empty string, anything else as JSON.
func (c *Client) Key(ctx context.Context, id, key string) (string, error) {
	_, body, err := c.call(ctx, http.MethodGet, "/secretsmanager/get", url.Values{"secretId": {id}, "key": {key}}, nil)
	if err != nil {
		return "", fmt.Errorf("get key %q of secret %q: %w", key, id, err)
	}
	return string(body), nil
}

// Env returns the variables of all secrets that the extension was told to load,
// and the ETag that changes with them.
func (c *Client) Env(ctx context.Context) (vars map[string]string, etag string, err error) {
	header, err := c.callJSON(ctx, http.MethodGet, "/env", nil, nil, &vars)
	if err != nil {
		return nil, "", fmt.Errorf("get variables: %w", err)
	}
	return vars, header.Get("Etag"), nil
}

// Rotation is what the extension made of a rotation event.
type Rotation struct {
	Rotated   bool   // false: the event is none, or its secret is not held
	SecretID  string // of the first secret, where an event tells of several
	VersionID string
	Changed   bool
	Body      []byte // the answer as it was received
}

// Rotation hands an event to the extension, and returns when every secret that
// the event tells of is renewed. The event is any JSON.
func (c *Client) Rotation(ctx context.Context, event []byte) (Rotation, error) {
	return c.rotation(ctx, nil, event)
}

// RotationOf is [Client.Rotation] for a caller that has recognised the event
// itself. The versionID may be empty.
func (c *Client) RotationOf(ctx context.Context, secretID, versionID string) (Rotation, error) {
	q := url.Values{"secretId": {secretID}}
	if versionID != "" {
		q.Set("versionId", versionID)
	}
	return c.rotation(ctx, q, nil)
}

func (c *Client) rotation(ctx context.Context, q url.Values, event []byte) (Rotation, error) {
	_, body, err := c.call(ctx, http.MethodPost, "/rotation", q, event)
	if err != nil {
		return Rotation{}, fmt.Errorf("follow rotation: %w", err)
	}
	var r struct {
		Rotated   bool   `json:"rotated"`
		SecretID  string `json:"secretId"`
		VersionID string `json:"versionId"`
		Changed   bool   `json:"changed"`
	}
	if json.Unmarshal(body, &r) != nil {
		return Rotation{}, fmt.Errorf("follow rotation: %w", errNotJSON)
	}
	return Rotation{r.Rotated, r.SecretID, r.VersionID, r.Changed, body}, nil
}

// Refresh has a secret fetched anew unless the held version already differs from
// ifVersion, which may be empty. It returns the version held afterwards, and
// whether that is another than ifVersion, or than the one held before.
func (c *Client) Refresh(ctx context.Context, id, ifVersion string) (versionID string, changed bool, err error) {
	q := url.Values{"secretId": {id}}
	if ifVersion != "" {
		q.Set("ifVersion", ifVersion)
	}
	var r struct {
		VersionID string `json:"versionId"`
		Changed   bool   `json:"changed"`
	}
	if _, err := c.callJSON(ctx, http.MethodPost, "/refresh", q, nil, &r); err != nil {
		return "", false, fmt.Errorf("refresh secret %q: %w", id, err)
	}
	return r.VersionID, r.Changed, nil
}

// Ping reports whether the endpoint answers. It needs no token.
func (c *Client) Ping(ctx context.Context) error {
	if _, _, err := c.call(ctx, http.MethodGet, "/ping", nil, nil); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// The decoder's own error may quote what it read, which may be a value.
var errNotJSON = errors.New("the answer is not the JSON that was expected")

func (c *Client) callJSON(ctx context.Context, method, path string, q url.Values, body []byte, into any) (http.Header, error) {
	header, answer, err := c.call(ctx, method, path, q, body)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(answer, into) != nil {
		return nil, errNotJSON
	}
	return header, nil
}

func (c *Client) call(ctx context.Context, method, path string, q url.Values, body []byte) (http.Header, []byte, error) {
	target := c.base + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	var payload io.Reader
	if body != nil {
		payload = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, payload)
	if err != nil {
		return nil, nil, err
	}
	if c.token != "" {
		req.Header.Set(TokenHeader, c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the caller names the secret; the URL would name it twice
		}
		return nil, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotModified {
		return nil, nil, asError(resp, answer)
	}
	return resp.Header, answer, nil
}

// Error is an answer that refuses a request or reports why a secret cannot be had.
type Error struct {
	Status  int    // HTTP status
	Type    string // the __type of the answer, such as ResourceNotFoundException; "" for an answer in plain text
	Message string
}

func (e *Error) Error() string {
	if e.Type != "" {
		return fmt.Sprintf("status %d: %s: %s", e.Status, e.Type, e.Message)
	}
	return fmt.Sprintf("status %d: %s", e.Status, e.Message)
}

func asError(resp *http.Response, body []byte) *Error {
	e := &Error{Status: resp.StatusCode}
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t == "application/json" {
		var w struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if json.Unmarshal(body, &w) == nil {
			e.Type, e.Message = w.Type, w.Message
			return e
		}
	}
	e.Message = string(bytes.TrimSpace(body[:min(len(body), 512)]))
	return e
}
