package extension

import (
	"context"
	"net/http"
)

// TransportProxy returns the proxy function of the transport that a session has.
func TransportProxy() any {
	if p := newClient().Transport.(*http.Transport).Proxy; p != nil {
		return p
	}
	return nil
}

// DecodeEvent is decodeEvent.
var DecodeEvent = decodeEvent

// RegisterThrough is Register with another transport.
func RegisterThrough(ctx context.Context, rt http.RoundTripper) (*Session, error) {
	o := Options{API: "lambda", Name: "ext", Events: EventsFor("")}
	return register(ctx, o, &http.Client{Transport: rt})
}
