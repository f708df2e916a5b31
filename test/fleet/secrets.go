package fleet

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

const (
	secretID  = "prod/db"
	secretARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf"
)

// history is when the secret was rotated. Version n is the one of the n-th
// rotation, version 0 the one from before.
type history struct {
	Secret
	began   time.Time       // of the simulation
	servers []time.Duration // when the server began to take version n, at n-1
	labels  []time.Duration // when AWSCURRENT moved to it
}

func newHistory(s Scenario, began time.Time, rng *rand.Rand) *history {
	h := &history{Secret: s.Secret, began: began}
	if h.Every <= 0 {
		return h
	}
	first := s.WarmUp + time.Duration(rng.Float64()*float64(h.Every))
	for at := first; at+h.Gap < s.WarmUp+s.Window; at += h.Every {
		h.servers = append(h.servers, at)
		h.labels = append(h.labels, at+h.Gap)
	}
	return h
}

// current is the version that is labelled AWSCURRENT at a time.
func (h *history) current(at time.Duration) int { return passed(h.labels, at) }

func passed(times []time.Duration, at time.Duration) int {
	n, _ := slices.BinarySearch(times, at+1)
	return n
}

// refuses reports whether the server takes no login with a version at a time. With
// alternating users a rotation gives a new password to the user that is not in use.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotation-strategy.html
func (h *history) refuses(version int, at time.Duration) bool {
	newest := passed(h.servers, at)
	if h.SingleUser {
		return version != newest
	}
	return version < newest-1
}

// meter counts calls of all environments.
type meter struct {
	mu        sync.Mutex
	seconds   []uint32 // calls in each second since the start, those throttled too
	granted   uint32   // in the last of them
	throttled int
	quota     int
}

// take counts a call and reports whether it is within the quota. One that is not
// uses up nothing of it.
func (m *meter) take(at time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	second := int(at / time.Second)
	for len(m.seconds) <= second {
		m.seconds, m.granted = append(m.seconds, 0), 0
	}
	m.seconds[second]++
	if m.quota > 0 && m.granted >= uint32(m.quota) {
		m.throttled++
		return false
	}
	m.granted++
	return true
}

// line is one environment's way to Secrets Manager. Its chance is its own, so that
// the order in which environments call does not change what they get.
type line struct {
	h     *history
	meter *meter

	mu   sync.Mutex
	rng  *rand.Rand
	busy time.Duration // until when a fetch is under way
}

// backOff is what cache/awssm waits before the second and third attempt, at most.
var backOff = [...]time.Duration{50 * time.Millisecond, 150 * time.Millisecond}

// fetch is the cache's. It tries again when it is throttled, as cache/awssm does.
func (l *line) fetch(ctx context.Context, q cache.Query) (*cache.Secret, error) {
	for try := 0; ; try++ {
		s, err := l.call(ctx, q)
		if err == nil || try == len(backOff) || ctx.Err() != nil {
			return s, err
		}
		l.pass(ctx, backOff[try]/2+time.Duration(l.random()*float64(backOff[try]/2)))
	}
}

// call is one GetSecretValue. What it brings is decided when it begins.
func (l *line) call(ctx context.Context, q cache.Query) (*cache.Secret, error) {
	at := time.Since(l.h.began)
	granted := l.meter.take(at)
	version := l.h.current(at)
	if version > 0 && at-l.h.labels[version-1] < l.h.Settle &&
		l.random() > float64(at-l.h.labels[version-1])/float64(l.h.Settle) {
		version--
	}
	l.pass(ctx, around(l.h.Latency, l.random()))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !granted:
		return nil, &cache.Error{ID: q.ID, Status: http.StatusBadRequest, Type: "ThrottlingException", Message: "Rate exceeded"}
	}
	s := &cache.Secret{ARN: secretARN, Name: secretID, VersionID: strconv.Itoa(version), Stages: []string{cache.Current}, Value: cache.Text("made up")}
	if q.VersionID != "" && q.VersionID != s.VersionID {
		s.VersionID, s.Stages = q.VersionID, nil // one that has been replaced
		if n, _ := strconv.Atoi(q.VersionID); n > version {
			s.Stages = []string{"AWSPENDING"}
		}
	}
	if version > 0 {
		s.Created = l.h.began.Add(l.h.labels[version-1])
	}
	return s, nil
}

func (l *line) pass(ctx context.Context, d time.Duration) {
	l.mu.Lock()
	l.busy = max(l.busy, time.Since(l.h.began)+d)
	l.mu.Unlock()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (l *line) random() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rng.Float64()
}

// busyUntil is when the fetches that have begun end.
func (l *line) busyUntil() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy
}
