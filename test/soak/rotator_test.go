//go:build linux

package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// patience is how long a rotation may take to arrive once nothing is wrong.
const patience = time.Minute

// rotator makes secrets new and sees that everybody learns of it.
type rotator struct {
	*reader
}

func (w *world) newRotator(random *rand.Rand) *rotator { return &rotator{w.newReader(random)} }

// rotate makes a version and brings its event, again and again as long as it
// fails, as Lambda does. It has arrived when the answer says so and a read, the
// variables and the file have that version or a later one.
func (r *rotator) rotate() {
	secret := r.names[r.random.IntN(len(r.names))]
	v, arn, id := r.truth.put(secret, r.upstream.aws.Put)
	deliver := r.delivery(secret, arn, id)
	for deadline := time.Now().Add(patience); ; r.redelivered.Add(1) {
		since := time.Now()
		held, err := r.deliver(deliver, v, since)
		if err == nil {
			r.rotated.Add(1)
			if !held {
				r.unheld.Add(1)
			}
			break
		}
		if time.Now().After(deadline) || !r.truth.mayFail(secret, "", since) {
			r.truth.complain("rotation %d of %s is lost: %v", v.number, secret, err)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := r.visible(v); err != nil {
		r.truth.complain("after rotation %d of %s: %v", v.number, secret, err)
	}
}

// delivery is one of the ways in which an event comes.
func (r *rotator) delivery(secret, arn, id string) func() (int, []byte, error) {
	post := func(target string, body []byte) func() (int, []byte, error) {
		return func() (int, []byte, error) { return r.post(context.Background(), r.client, target, body) }
	}
	native := awstest.LabelUpdated(arn, secret, id)
	custom := marshal(map[string]any{"source": "secretsmanager", "detail-type": "Secret Rotation", "detail": map[string]string{"secretId": secret}})
	switch n := r.random.IntN(10); {
	case n < 4:
		return post("/rotation", native)
	case n < 6 && !r.truth.mayFail(secret, "", time.Now()): // else it would keep the function busy
		return func() (int, []byte, error) { return r.invokeWith(native) }
	case n < 8:
		return post("/rotation?secretId="+url.QueryEscape(secret)+"&versionId="+id, nil)
	}
	return post("/rotation", custom)
}

// invokeWith has the function hand on the event.
func (r *rotator) invokeWith(event []byte) (int, []byte, error) {
	res, err := r.lambda.Invoke(context.Background(), event)
	if err == nil && res.Error != nil {
		err = res.Error
	}
	var o outcome
	if err == nil {
		r.invocations.Add(1)
		err = json.Unmarshal(res.Payload, &o)
	}
	return o.Status, o.Body, err
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // there is nothing in it that cannot be marshalled
	}
	return b
}

// deliver returns whether the secret was held, and an error for an event that has
// to come again.
func (r *rotator) deliver(deliver func() (int, []byte, error), v version, since time.Time) (held bool, err error) {
	status, body, err := deliver()
	if err != nil {
		return false, err
	}
	if status != http.StatusOK {
		if err := r.failure(v.secret, status, body, since); err != nil {
			return false, err
		}
		return false, fmt.Errorf("status %d: %.200q", status, body)
	}
	var got struct {
		Rotated   bool
		VersionID string
	}
	if err := json.Unmarshal(body, &got); err != nil || !got.Rotated {
		return false, err
	}
	has, err := r.truth.version(v.secret, got.VersionID)
	if err == nil && has.number < v.number {
		err = fmt.Errorf("the answer has the version of rotation %d", has.number)
	}
	if err == nil {
		r.truth.saw(has)
	}
	return true, err
}

// visible checks that everybody sees v, or what came after it, from now on. A value
// that is not held may fail to be fetched.
func (r *rotator) visible(v version) error {
	r.truth.saw(v)
	if _, err := r.plain(v.secret); err != nil {
		return err
	}
	if v.secret >= r.names[namedSecrets] {
		return nil
	}
	if _, err := r.env(v.secret); err != nil { // or /env fails, for another secret
		return fmt.Errorf("/env: %w", err)
	}
	has, err := r.written(v.secret)
	if err == nil {
		err = r.notOlder(has, v.number)
	}
	if err != nil {
		return fmt.Errorf("dotenv file: %w", err)
	}
	return nil
}

// settle waits until a read gets the newest value of a secret with which nothing is
// wrong any more: at the latest when the back-off after the last failure is over.
func (r *rotator) settle(secret string) (err error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		newest := r.truth.now(secret).newest
		var a answer
		if a.status, a.body, _, err = r.get(r.client, query(secret), ""); err != nil {
			return err
		}
		var got record
		if err = json.Unmarshal(a.body, &got); err != nil {
			return err
		}
		v, unknown := r.truth.version(secret, got.VersionID)
		if a.status == http.StatusOK && unknown == nil && v.number == newest {
			return nil
		}
		err = fmt.Errorf("%s: status %d, version of rotation %d, want %d", secret, a.status, v.number, newest)
	}
	return err
}
