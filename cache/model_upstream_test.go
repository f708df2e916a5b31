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
	order  uint64 // of all that happens
	random *rand.Rand
	calls  map[string]uint64 // of each secret: they draw what their number says
	lag    time.Duration     // for which an answer may still be of the version before
	plan   mishap            // what is wrong now
	stored map[string]*stored
	fetch  map[*Secret]*fetched
	log    []*fetched
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
	remade  []int // versions that were the first of a secret made anew
}

// first returns the oldest version of the secret that has the name now.
func (s *stored) first() int {
	if len(s.remade) == 0 {
		return 1
	}
	return s.remade[len(s.remade)-1]
}

// fetched is one call and what came of it.
type fetched struct {
	query        Query
	name         string
	current      bool // it asked for the current version
	start, end   uint64
	began, ended time.Time
	arn          string
	version      int
	err          error
}

func newSource(seed uint64, names []string) *source {
	s := &source{seed: seed, random: rand.New(rand.NewPCG(seed, 2000)), calls: map[string]uint64{}, stored: map[string]*stored{}, fetch: map[*Secret]*fetched{}}
	for _, name := range names {
		s.stored[name] = &stored{version: 1, created: map[int]time.Time{1: time.Now()}}
	}
	return s
}

func (s *source) tick() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ticked()
}

func (s *source) ticked() uint64 {
	s.order++
	return s.order
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

// remake deletes a secret and makes one of the same name.
func (s *source) remake(name string) {
	version := s.put(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[name].remade = append(s.stored[name].remade, version)
}

func (s *source) arnOf(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return modelARN(name, len(s.stored[name].remade))
}

func (s *source) become(m mishap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = m
}

func versionID(n int) string { return fmt.Sprintf("v%06d", n) }

// modelARN is the ARN of a secret after it was made anew so often.
func modelARN(name string, remade int) string {
	return fmt.Sprintf("%s%s-AbCd%02d", arnPrefix, name, remade)
}

// nameOf returns the name that an id is of.
func nameOf(id string) string { return nameIn(withoutSuffix(id)) }

func (s *source) Fetch(ctx context.Context, q Query) (*Secret, error) {
	f, secret, latency, err := s.begin(q)
	err = suffer(ctx, err, latency)
	s.mu.Lock()
	defer s.mu.Unlock()
	f.end, f.ended, f.err = s.ticked(), time.Now(), err
	if err != nil {
		return nil, err
	}
	s.fetch[secret] = f
	return secret, nil
}

// begin decides what a call will bring, and when.
func (s *source) begin(q Query) (f *fetched, secret *Secret, latency time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := nameOf(q.ID)
	v := s.stored[name]
	f = &fetched{
		query: q, name: name, current: q.VersionID == "" && q.Stage == "", arn: modelARN(name, len(v.remade)),
		start: s.ticked(), began: time.Now(), version: v.version,
	}
	s.log = append(s.log, f)
	s.calls[name]++
	own := rand.New(rand.NewPCG(s.seed+uint64(name[0])<<32, s.calls[name]))
	if f.current && f.version > v.first() && time.Since(v.created[v.version]) < s.lag && own.IntN(2) == 0 || q.Stage != "" {
		f.version--
	}
	if q.VersionID != "" {
		_, _ = fmt.Sscanf(q.VersionID, "v%d", &f.version)
	}
	secret = &Secret{ARN: f.arn, Name: name, VersionID: versionID(f.version), Created: v.created[f.version], Value: Text(versionID(f.version))}
	if f.version == v.version {
		secret.Stages = []string{Current}
	}
	latency, err = time.Duration(own.IntN(600))*time.Millisecond, s.plan.of(q.ID)
	switch {
	case s.plan == hanging:
		latency = time.Hour
	case isFull(q.ID) && q.ID != f.arn, f.version < v.first():
		err = deleted.of(q.ID)
	}
	return f, secret, latency, err
}

// suffer waits as long as the answer takes.
func suffer(ctx context.Context, err error, latency time.Duration) error {
	select {
	case <-time.After(latency):
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// of returns the error that a mishap answers with, nil if it is none.
func (m mishap) of(id string) error {
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
