package runtimeproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxPeek is the size up to which an event is looked at. EventBridge and SNS send
// no larger ones; of SQS this is a batch of hundreds of rotations. What is larger
// passes as it comes.
const maxPeek = 1 << 20

// next answers with the runtime's next event. Rotations that come first are
// answered here.
func (p *Proxy) next(w http.ResponseWriter, r *http.Request) {
	if p.restarts != nil {
		p.restarts.asked()
	}
	for {
		if p.restarts != nil && p.restarts.begin(r.Context(), p.log) {
			<-r.Context().Done() // the end of the runtime that asked
			panic(http.ErrAbortHandler)
		}
		res, err := p.send(r)
		if err != nil {
			p.abort(r, err)
		}
		done, err := p.take(w, r, res)
		res.Body.Close()
		if err != nil {
			p.abort(r, err)
		}
		if done {
			return
		}
	}
}

// take gives the event that res is to the runtime, or answers it here: then it is
// not done.
func (p *Proxy) take(w http.ResponseWriter, r *http.Request, res *http.Response) (done bool, err error) {
	id := res.Header.Get("Lambda-Runtime-Aws-Request-Id")
	if res.StatusCode != http.StatusOK || id == "" || res.ContentLength > maxPeek {
		return true, reply(w, res, res.Body)
	}
	event, whole, err := peek(res)
	if err != nil {
		return false, err
	}
	if !whole {
		return true, reply(w, res, io.MultiReader(bytes.NewReader(event), res.Body))
	}
	answer, failure := p.rotate(r.Context(), event, deadline(res.Header))
	if answer == nil && failure == nil {
		return true, reply(w, res, bytes.NewReader(event))
	}
	return false, p.answer(r, id, answer, failure)
}

// peek reads the body, or of one larger than maxPeek the beginning.
func peek(res *http.Response) (event []byte, whole bool, err error) {
	if res.ContentLength >= 0 {
		event = make([]byte, res.ContentLength)
		_, err = io.ReadFull(res.Body, event)
		return event, true, err
	}
	event, err = io.ReadAll(io.LimitReader(res.Body, maxPeek+1))
	return event, len(event) <= maxPeek, err
}

// deadline is that of an invocation, zero where the header has none.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func deadline(h http.Header) time.Time {
	ms, err := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// answer ends the invocation of a rotation event. An answer that Lambda refuses,
// because the time of the invocation is over, is no reason to stop.
func (p *Proxy) answer(r *http.Request, id string, answer []byte, failure error) error {
	end, header := "/response", http.Header{"Content-Type": {"application/json"}, "User-Agent": {r.UserAgent()}}
	if failure != nil {
		const kind = "RotationError"
		p.log.Error("a rotation event could not be followed, Lambda is told to send it again", "requestId", id, "error", failure.Error())
		end, answer = "/error", ErrorBody(kind, failure.Error())
		header.Set("Lambda-Runtime-Function-Error-Type", "Function."+kind)
	}
	// The refresh is done, whatever becomes of the runtime meanwhile.
	ctx := context.WithoutCancel(r.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.api+"/2018-06-01/runtime/invocation/"+id+end, bytes.NewReader(answer))
	if err != nil {
		return err
	}
	req.Header = header
	res, err := p.upstream.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("answer a rotation event: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		p.log.Warn("the answer to a rotation event was refused", "requestId", id, "status", res.StatusCode)
	}
	_, err = io.Copy(io.Discard, res.Body) // to keep the connection
	return err
}

// ErrorBody is an error as runtimes report it.
func ErrorBody(kind, message string) []byte {
	body, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{kind, message})
	if err != nil {
		panic(err) // two strings can be marshalled
	}
	return body
}
