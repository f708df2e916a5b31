package cache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// source is the Secrets Manager of the model. It knows which of its answers began
// when, and so what a reader may have been given.
type source struct {
	seed   uint64
	mu     sync.Mutex
	random *rand.Rand
	calls  map[string]uint64 // of each secret: they draw what their number says
	lag    time.Duration     // for which an answer may still be of the version before
	plan   mishap            // what is wrong now
	stored map[string]*stored
	fetch  map[*Secret]*fetched
	log    []*fetched
	flying map[Query]int
	most   int // fetches of one current version at once
}

type mishap int

const (
	well mishap = iota
	throttling
	denying
	hanging
	answeringNothing
	deleted
	mishaps
)

// stored is one secret. Its versions are numbers, from 1 to the current one.
type stored struct {
	version int
	created map[int]time.Time
}

// fetched is one call and what came of it.
type fetched struct {
	name       string
	current    bool // it asked for the current version
	began, end time.Time
	version    int
	err        error
}

func newSource(seed uint64, names []string) *source {
	s := &source{seed: seed, random: rand.New(rand.NewPCG(seed, 2000)), calls: map[string]uint64{}, stored: map[string]*stored{}, fetch: map[*Secret]*fetched{}, flying: map[Query]int{}}
	for _, name := range names {
		s.stored[name] = &stored{1, map[int]time.Time{1: time.Now()}}
	}
	return s
}

// jitter draws in the order of calls, which two runs of a seed may differ in.
func (s *source) jitter() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64()
}

// put makes a new version current.
func (s *source) put(name string) (version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.stored[name]
	v.version++
	v.created[v.version] = time.Now()
	return v.version
}

func (s *source) become(m mishap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = m
}

func versionID(n int) string { return fmt.Sprintf("v%06d", n) }

func modelARN(name string) string { return arnPrefix + name + "-AbCdEf" }

// nameOf returns the name that an id is of.
func nameOf(id string) string { return nameIn(withoutSuffix(id)) }

func (s *source) Fetch(ctx context.Context, q Query) (*Secret, error) {
	s.mu.Lock()
	name := nameOf(q.ID)
	v, f := s.stored[name], &fetched{name: name, current: q.VersionID == "" && q.Stage == "", began: time.Now()}
	s.log = append(s.log, f)
	s.calls[name]++
	own := rand.New(rand.NewPCG(s.seed+uint64(name[0])<<32, s.calls[name]))
	flying := Query{ID: name, VersionID: q.VersionID, Stage: q.Stage}
	s.flying[flying]++
	if f.current { // a rotation forgets the other versions, those on their way too
		s.most = max(s.most, s.flying[flying])
	}
	f.version = v.version
	if f.current && f.version > 1 && time.Since(v.created[v.version]) < s.lag && own.IntN(2) == 0 || q.Stage != "" {
		f.version = max(1, f.version-1)
	}
	if q.VersionID != "" {
		_, _ = fmt.Sscanf(q.VersionID, "v%d", &f.version)
	}
	secret := &Secret{ARN: modelARN(name), Name: name, VersionID: versionID(f.version), Created: v.created[f.version], Value: Text(versionID(f.version))}
	if f.version == v.version {
		secret.Stages = []string{Current}
	}
	plan, latency := s.plan, time.Duration(own.IntN(600))*time.Millisecond
	s.mu.Unlock()

	err := suffer(ctx, plan, q.ID, latency)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying[flying]--
	f.end, f.err = time.Now(), err
	if err != nil {
		return nil, err
	}
	s.fetch[secret] = f
	return secret, nil
}

// suffer waits as long as the answer takes, and returns its error.
func suffer(ctx context.Context, m mishap, id string, latency time.Duration) error {
	if m == hanging {
		latency = time.Hour
	}
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		return ctx.Err()
	}
	e := &Error{ID: id, Status: http.StatusBadRequest}
	switch m {
	case throttling:
		e.Type = "ThrottlingException"
	case denying:
		e.Type = "AccessDeniedException"
	case answeringNothing:
		e.Status, e.Type = http.StatusBadGateway, TypeConnection
	case deleted:
		e.Type = "ResourceNotFoundException"
	default:
		return nil
	}
	return e
}
