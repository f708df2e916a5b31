package awstest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Keys are temporary credentials as the endpoint hands them out.
type Keys struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      time.Time
}

// Credentials is a fake of the container-credentials endpoint, where Lambda's
// SnapStart functions and ECS tasks get their keys.
type Credentials struct {
	server *httptest.Server
	token  string

	mu     sync.Mutex
	keys   Keys
	calls  int
	status int
	denied int
}

// NewCredentials starts an endpoint whose keys last for lifetime. The caller must
// Close it.
func NewCredentials(lifetime time.Duration) *Credentials {
	c := &Credentials{token: rand.Text()}
	c.Rotate(lifetime)
	c.server = httptest.NewServer(c)
	return c
}

// URL is the value of AWS_CONTAINER_CREDENTIALS_FULL_URI.
func (c *Credentials) URL() string { return c.server.URL + "/credentials" }

// Token is what a caller must send in the Authorization header.
func (c *Credentials) Token() string { return c.token }

// Env returns the environment variables that make an AWS SDK, and the extension,
// use the endpoint. The key variables are empty: they hide those of the process.
func (c *Credentials) Env() []string {
	return []string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + c.URL(),
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=" + c.token,
		"AWS_ACCESS_KEY_ID=",
		"AWS_SECRET_ACCESS_KEY=",
		"AWS_SESSION_TOKEN=",
	}
}

// Keys returns what the endpoint hands out now.
func (c *Credentials) Keys() Keys {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys
}

// Rotate makes new keys that last for lifetime, and returns the old ones, for
// [SecretsManager.ExpireKey].
func (c *Credentials) Rotate(lifetime time.Duration) (old Keys) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old = c.keys
	c.keys = Keys{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: rand.Text(),
		Token:           rand.Text(),
		Expiration:      time.Now().Add(lifetime).UTC(),
	}
	return old
}

// Fail makes the endpoint answer with this HTTP status; 0 heals it.
func (c *Credentials) Fail(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

// Calls returns how many calls came, and how many of them had no valid token.
func (c *Credentials) Calls() (all, denied int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls, c.denied
}

// Close stops the endpoint.
func (c *Credentials) Close() {
	c.server.CloseClientConnections()
	c.server.Close()
}

// ServeHTTP hands out the keys.
func (c *Credentials) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Header.Get("Authorization") != c.token:
		c.denied++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"code":"Unauthorized","message":"the token is missing or wrong"}`))
	case c.status != 0:
		w.WriteHeader(c.status)
		_, _ = w.Write([]byte(`{"code":"Failure","message":"the endpoint was told to fail"}`))
	default:
		_ = json.NewEncoder(w).Encode(c.keys)
	}
}
