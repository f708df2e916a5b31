package runtimeproxy

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// forward passes a request on as it is, and its answer back.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request) {
	res, err := p.send(r)
	if err != nil {
		p.abort(r, err)
	}
	defer res.Body.Close()
	if err := reply(w, res, res.Body); err != nil {
		p.abort(r, err)
	}
}

// abort breaks the runtime's connection: it sees what it would see if its
// connection to the Runtime API itself had broken.
func (p *Proxy) abort(r *http.Request, err error) {
	if r.Context().Err() == nil {
		p.log.Warn("a call to the Runtime API broke off", "method", r.Method, "path", r.URL.Path, "error", cause(err).Error())
	}
	panic(http.ErrAbortHandler)
}

// cause leaves out the URL, which the log line has.
func cause(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// send sends r to the Runtime API. Header and trailers are r's own, the latter
// because their values come when the body has been read.
func (p *Proxy) send(r *http.Request) (*http.Response, error) {
	target := *r.URL
	target.Scheme, target.Host = "http", p.api
	out := (&http.Request{
		Method: r.Method, URL: &target, Header: r.Header, ContentLength: r.ContentLength,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(r.Context())
	dropHopByHop(out.Header)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // else net/http sends its own
	}
	if r.ContentLength != 0 {
		if r.Trailer == nil {
			r.Trailer = http.Header{} // for those that nothing announces
		}
		out.Body, out.Trailer = r.Body, r.Trailer
	}
	return p.upstream.RoundTrip(out)
}

// hopByHop are the headers of one connection: RFC 9110, 7.6.1. Expect is answered
// at either hop by net/http.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
}

func dropHopByHop(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// reply answers as res does, with body in the place of its own.
func reply(w http.ResponseWriter, res *http.Response, body io.Reader) error {
	h := w.Header()
	dropHopByHop(res.Header)
	for name, values := range res.Header {
		h[name] = values
	}
	for _, name := range []string{"Date", "Content-Type"} {
		if _, ok := h[name]; !ok {
			h[name] = nil // else net/http makes one up
		}
	}
	announced := slices.Collect(keys(res.Trailer))
	if len(announced) > 0 {
		h["Trailer"] = announced
	}
	w.WriteHeader(res.StatusCode)
	if err := copyBody(w, body, res.ContentLength < 0); err != nil {
		return err
	}
	for name, values := range res.Trailer {
		if !slices.Contains(announced, name) {
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
	return nil
}

func keys(h http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range h {
			if !yield(name) {
				return
			}
		}
	}
}

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// copyBody copies src to w, and where streamed, each piece as it comes.
func copyBody(w http.ResponseWriter, src io.Reader, streamed bool) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	flusher := http.NewResponseController(w)
	if streamed {
		// The first piece may be a long time coming.
		if err := flusher.Flush(); err != nil {
			return err
		}
	}
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if streamed {
				if err := flusher.Flush(); err != nil {
					return err
				}
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}
