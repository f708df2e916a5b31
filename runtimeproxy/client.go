package runtimeproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// Client asks a proxy for the variables to start a runtime with. Its calls end with
// their context; they have no time-out of their own.
type Client struct {
	Addr  string // host:port of the proxy
	Token string
}

// RefusedError is an answer of the proxy that has no variables, but says why.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Variables returns those to start the first runtime with.
func (c Client) Variables(ctx context.Context) (Variables, error) { return c.get(ctx, "") }

// Changed returns when the runtime is to be replaced by one with the variables
// that it returns: the runtime is then held, without an event, until its end.
func (c Client) Changed(ctx context.Context) (Variables, error) { return c.get(ctx, "?changed") }

func (c Client) get(ctx context.Context, query string) (v Variables, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.Addr+ownPath+query, nil)
	if err != nil {
		return v, err
	}
	req.Header.Set(tokenHeader, c.Token)
	// A connection of its own for each call: the next one may come hours later.
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return v, fmt.Errorf("get variables: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return v, fmt.Errorf("get variables: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return v, &RefusedError{string(bytes.TrimSpace(body))}
	}
	if json.Unmarshal(body, &v) != nil {
		return v, errors.New("get variables: the answer is not what was expected") // without quoting it
	}
	return v, nil
}
