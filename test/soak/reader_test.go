//go:build linux

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// reader sends one request after the other over a connection of its own.
type reader struct {
	*world
	client *http.Client
	random *rand.Rand
}

func (w *world) newReader(random *rand.Rand) *reader {
	return &reader{w, &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: time.Minute}, random}
}

// shapes are the requests with how often each comes, in a thousand.
var shapes = []struct {
	name  string
	share int
	read  func(r *reader, secret string) (what string, err error)
}{
	{"get", 300, (*reader).plain},
	{"get by ARN", 150, (*reader).byARN},
	{"get by partial ARN", 50, (*reader).byPartialARN},
	{"path", 120, (*reader).byPath},
	{"key", 120, (*reader).byKey},
	{"If-None-Match", 150, (*reader).conditional},
	{"version", 20, (*reader).oneVersion},
	{"previous", 20, (*reader).previous},
	{"refreshNow", 10, (*reader).refreshNow},
	{"refresh", 10, (*reader).refresh},
	{"env", 40, (*reader).env},
	{"ping", 10, (*reader).ping},
}

// read sends a request of some shape for some secret, and complains of an answer
// that is wrong. Named secrets are read more often than others.
func (r *reader) read() {
	secret := r.names[r.random.IntN(len(r.names))]
	if r.random.IntN(3) == 0 {
		secret = r.names[r.random.IntN(namedSecrets)]
	}
	n := r.random.IntN(1000)
	for _, s := range shapes {
		if n -= s.share; n >= 0 {
			continue
		}
		what, err := s.read(r, secret)
		if err != nil {
			r.truth.complain("%s of %s: %v", s.name, secret, err)
			what = "wrong"
		}
		r.mu.Lock()
		r.answers[what]++
		r.mu.Unlock()
		return
	}
}

func query(secret string, more ...string) string {
	return "/secretsmanager/get?secretId=" + url.QueryEscape(secret) + strings.Join(more, "")
}

func (r *reader) plain(secret string) (string, error) { return r.secret(secret, query(secret)) }

func (r *reader) byARN(secret string) (string, error) {
	return r.secret(secret, query(r.arns[secret]))
}

func (r *reader) byPartialARN(secret string) (string, error) {
	arn := r.arns[secret]
	return r.secret(secret, query(arn[:len(arn)-len("-AbCdEf")]))
}

func (r *reader) byPath(secret string) (string, error) { return r.secret(secret, "/v1/"+secret) }

// record is a secret as the endpoint has it.
type record struct {
	ARN, Name, SecretString, VersionID string
	VersionStages                      []string
}

// secret reads the current value.
func (r *reader) secret(secret, target string) (string, error) {
	before := r.truth.now(secret)
	a, err := r.ask(secret, target, "", before)
	if err != nil || a.failed {
		return a.what, err
	}
	return a.what, r.current(a, secret, before.shown)
}

// refreshNow must bring the value of the moment, or an error.
func (r *reader) refreshNow(secret string) (string, error) {
	before := r.truth.now(secret)
	a, err := r.ask(secret, query(secret, "&refreshNow=true"), "", before)
	if err != nil || a.failed {
		return a.what, err
	}
	return a.what, r.current(a, secret, before.newest)
}

// current checks a record that must not be older than least.
func (r *reader) current(a answer, secret string, least int) error {
	v, err := r.record(a, secret)
	if err != nil {
		return err
	}
	return r.notOlder(v, least)
}

func (r *reader) notOlder(v version, least int) error {
	if v.number < least {
		return fmt.Errorf("the value is that of rotation %d, although %d was shown before", v.number, least)
	}
	r.truth.saw(v)
	return nil
}

// record checks that a body is one of the secret's versions, and whole.
func (r *reader) record(a answer, secret string) (version, error) {
	var got record
	if err := json.Unmarshal(a.body, &got); err != nil {
		return version{}, err
	}
	v, err := r.truth.version(secret, got.VersionID)
	if err != nil {
		return v, err
	}
	if got.ARN != r.arns[secret] || got.Name != secret || got.SecretString != v.value() || a.etag != `"`+got.VersionID+`"` {
		return v, fmt.Errorf("the answer is not that of the version of rotation %d: ARN %s, name %s, ETag %s, value right: %v",
			v.number, got.ARN, got.Name, a.etag, got.SecretString == v.value())
	}
	return v, nil
}

func (r *reader) byKey(secret string) (string, error) {
	before := r.truth.now(secret)
	a, err := r.ask(secret, query(secret, "&key=password"), "", before)
	if err != nil || a.failed {
		return a.what, err
	}
	v, err := r.truth.version(secret, strings.Trim(a.etag, `"`))
	if err == nil && string(a.body) != v.password() {
		err = fmt.Errorf("the key is not that of the version of rotation %d", v.number)
	}
	if err != nil {
		return a.what, err
	}
	return a.what, r.notOlder(v, before.shown)
}

// conditional gives the ETag of a first answer with a second request.
func (r *reader) conditional(secret string) (string, error) {
	id := r.truth.anyID(secret, func(n int) int { return n - 1 })
	before := r.truth.now(secret)
	a, err := r.ask(secret, query(secret), `"`+id+`"`, before)
	if err != nil || a.failed {
		return a.what, err
	}
	if a.status != http.StatusNotModified {
		return a.what, r.current(a, secret, before.shown)
	}
	if a.etag != `"`+id+`"` || len(a.body) > 0 {
		return a.what, fmt.Errorf("304 with the ETag %s and %d bytes, asked with %q", a.etag, len(a.body), id)
	}
	v, err := r.truth.version(secret, id)
	if err != nil {
		return a.what, err
	}
	return a.what, r.notOlder(v, before.shown)
}

func (r *reader) oneVersion(secret string) (string, error) {
	id := r.truth.anyID(secret, r.random.IntN)
	a, err := r.ask(secret, query(secret, "&versionId="+id), "", r.truth.now(secret))
	if err != nil || a.failed {
		return a.what, err
	}
	if _, err = r.record(a, secret); err == nil && a.etag != `"`+id+`"` {
		err = fmt.Errorf("got the version %s, asked for %q", a.etag, id)
	}
	return a.what, err
}

func (r *reader) previous(secret string) (string, error) {
	a, err := r.ask(secret, query(secret, "&versionStage=AWSPREVIOUS"), "", r.truth.now(secret))
	if err != nil || a.failed {
		return a.what, err
	}
	_, err = r.record(a, secret)
	return a.what, err
}

// answer is what came back.
type answer struct {
	status int
	body   []byte
	etag   string
	what   string // to be counted
	failed bool   // and may
}

// ask sends a read. An error of the endpoint is one only if nothing was wrong with
// the secret.
func (r *reader) ask(secret, target, ifNoneMatch string, before known) (a answer, err error) {
	var header http.Header
	a.status, a.body, header, err = r.get(r.client, target, ifNoneMatch)
	if err != nil {
		return a, err
	}
	a.etag, a.what = header.Get("ETag"), header.Get("X-Secrets-Cache")
	switch {
	case a.status == http.StatusOK:
		return a, nil
	case a.status == http.StatusNotModified && ifNoneMatch != "":
		a.what += ", 304"
		return a, nil
	}
	a.what, a.failed = "error", true
	return a, r.failure(secret, a.status, a.body, before.at)
}

// failure is nil for an error that a fault explains.
func (w *world) failure(secret string, status int, body []byte, since time.Time) error {
	var f struct {
		Type    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(body, &f); err != nil || f.Type == "" {
		return fmt.Errorf("status %d with the body %.100q", status, body)
	}
	if !w.truth.mayFail(secret, f.Type, since) {
		return fmt.Errorf("status %d although nothing is wrong with it: %s: %s", status, f.Type, f.Message)
	}
	return nil
}

func (w *world) get(client *http.Client, target, ifNoneMatch string) (int, []byte, http.Header, error) {
	req, err := http.NewRequest(http.MethodGet, w.url+target, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	if ifNoneMatch != "" {
		req.Header.Set("If-None-Match", ifNoneMatch)
	}
	return send(client, req)
}

func (w *world) post(ctx context.Context, client *http.Client, target string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	status, answer, _, err := send(client, req)
	return status, answer, err
}

func send(client *http.Client, req *http.Request) (int, []byte, http.Header, error) {
	req.Header.Set("X-Aws-Parameters-Secrets-Token", token)
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, body, res.Header, err
}
