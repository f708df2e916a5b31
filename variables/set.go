// Package variables keeps the environment variables that references to secrets
// stand for.
//
// A [Set] gives them out through [Set.Env] and keeps them in a dotenv file. Make
// it from the references of the variable SECRET, let the cache call its Publish
// when a secret changes, and load it at start:
//
//	refs, err := variables.Parse("prod/db API_KEY=prod/api-key")
//	set := variables.New(refs, secrets, variables.Options{Path: "/tmp/secrets.env"})
//	err = set.Load(ctx)
//	defer set.Close()
package variables

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// Options of a [Set]. The zero value writes no file and tolerates every problem.
type Options struct {
	// Path of the dotenv file; "" for none.
	Path string
	// PathRequired makes a file that cannot be written an error of Load.
	PathRequired bool
	// Strict makes a secret that cannot be had an error of Load, if trying again
	// would not help, and of Env.
	Strict bool
	Log    *slog.Logger // nil discards
}

// Env is all variables, and the tag of their generation as HTTP wants it: quoted.
// Tags are never equal when variables are not, nor between processes.
type Env struct {
	Vars map[string]string
	ETag string
}

// Set is the variables that references stand for. It is safe for concurrent use.
type Set struct {
	refs  []Reference
	ids   []string
	cache *cache.Cache
	o     Options

	process   string // tells this process's generations from those of others
	odd       atomic.Uint64
	published atomic.Pointer[generation]

	publishing sync.Mutex // one publish at a time, the write of the file included
	loaded     bool
	closed     bool
	secrets    map[string]*cache.Secret // the last one had of each id
	warned     map[string]bool          // the warnings that hold now
	file       file
}

// generation is the variables between two changes. It is immutable.
type generation struct {
	n    uint64
	vars map[string]string
	from map[string]string
}

// New returns the set of the variables that refs stand for. It is empty before
// [Set.Load].
func New(refs []Reference, c *cache.Cache, o Options) *Set {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Set{
		refs: refs, ids: IDs(refs), cache: c, o: o,
		process: rand.Text()[:12],
		secrets: make(map[string]*cache.Secret),
		file:    file{path: o.Path, log: o.Log},
	}
	s.published.Store(&generation{})
	return s
}

// Load loads all secrets side by side, within the time that ctx leaves, and
// publishes what came. It returns one error for each reference that has no value
// and will have none without somebody's doing, where [Options.Strict] is set, and
// that of writing the file where [Options.PathRequired] is; without them such
// errors are logged. A secret that failed for another reason comes when it is
// read next, and is published then.
func (s *Set) Load(ctx context.Context) error {
	failed := s.cache.Load(ctx, s.ids)

	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.loaded = true
	r, fileErr := s.publish()
	final := append(s.final(failed), r.missing...)
	if !s.o.Strict {
		for _, err := range r.missing {
			s.o.Log.Error("variable cannot be set", "error", err.Error())
		}
		final = nil
	}
	if s.o.PathRequired {
		final = append(final, fileErr)
	}
	s.report(append(r.warnings, s.file.warnings...), r.missing)
	return errors.Join(final...)
}

// final returns the errors of failed that last. The cache has logged all of them
// but those of fetches that still go on.
func (s *Set) final(failed map[string]error) []error {
	var final []error
	for _, id := range s.ids {
		err := failed[id]
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s: %w", s.references(id), err)
		if e, ok := errors.AsType[*cache.Error](err); ok && !e.Transient() {
			final = append(final, err)
		}
		if _, last := s.cache.Peek(id); last == cache.ErrNotLoaded {
			s.o.Log.Warn("secret is not loaded yet, its next read tries again", "error", err.Error())
		}
	}
	return final
}

// references names the references to id.
func (s *Set) references(id string) string {
	var names []string
	for _, ref := range s.refs {
		if ref.ID == id {
			names = append(names, ref.String())
		}
	}
	return strings.Join(names, ", ")
}

// Publish makes the variables follow what the cache holds, and the dotenv file
// follow the variables; what follows already is left alone. The variables of a
// secret that does not exist any more go, those of one that cannot be had at the
// moment stay. It is the only writer of the file, and the one to call whenever a
// secret changed. Before the end of [Set.Load], which publishes once itself, it
// does nothing. Its error is that of writing the file: the next Publish tries
// again.
func (s *Set) Publish() error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if !s.loaded || s.closed {
		return nil
	}
	r, err := s.publish()
	s.report(append(r.warnings, s.file.warnings...), r.missing)
	return err
}

func (s *Set) publish() (resolved, error) {
	for _, id := range s.ids {
		secret, err := s.cache.Peek(id)
		if secret != nil {
			s.secrets[id] = secret
		} else if gone(err) {
			delete(s.secrets, id)
		}
	}
	r := resolve(s.refs, s.secrets)
	last := s.published.Load()
	if !maps.Equal(r.vars, last.vars) {
		s.published.Store(&generation{n: last.n + 1, vars: r.vars, from: r.from})
		s.logGone(last, r.vars)
	}
	return r, s.file.keep(r.vars)
}

// logGone says which variables last has that vars has not, a line for each secret.
func (s *Set) logGone(last *generation, vars map[string]string) {
	names := make(map[string][]string)
	for name, id := range last.from {
		if _, ok := vars[name]; !ok {
			names[id] = append(names[id], name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		slices.Sort(names[id])
		s.o.Log.Warn("variables are gone with their secret or key", "secretId", id, "names", list(names[id]))
	}
}

// report logs those warnings that did not hold at the last publish. Load has
// told of the missing keys in its own way.
func (s *Set) report(warnings []string, missing []error) {
	first := s.warned == nil
	now := make(map[string]bool)
	for _, err := range missing {
		w := err.Error()
		if !first && !s.warned[w] {
			s.o.Log.Warn(w)
		}
		now[w] = true
	}
	for _, w := range warnings {
		if !s.warned[w] && !now[w] {
			s.o.Log.Warn(w)
		}
		now[w] = true
	}
	s.warned = now
}

// Env reads every secret as a read of it would, side by side, and returns the
// variables. Without [Options.Strict] it leaves out those of a secret that
// cannot be read; with it the first such error is returned, unless the secret
// does not exist any more: then its variables went with it.
func (s *Set) Env(ctx context.Context) (Env, error) {
	secrets, err := s.read(ctx)
	if err != nil {
		return Env{}, err
	}
	vars := resolve(s.refs, secrets).vars
	current := s.published.Load()
	if maps.Equal(vars, current.vars) {
		return Env{Vars: vars, ETag: fmt.Sprintf(`"%s-%d"`, s.process, current.n)}, nil
	}
	// Variables that are not those published: a change is under way, a secret
	// cannot be read, or nothing is kept yet because a snapshot will be taken.
	// No other answer may share their tag.
	return Env{Vars: vars, ETag: fmt.Sprintf(`"%s-x%d"`, s.process, s.odd.Add(1))}, nil
}

func (s *Set) read(ctx context.Context) (map[string]*cache.Secret, error) {
	answers := make([]cache.Answer, len(s.ids))
	errs := make([]error, len(s.ids))
	var reads sync.WaitGroup
	for i, id := range s.ids {
		reads.Go(func() { answers[i], errs[i] = s.cache.Get(ctx, cache.Query{ID: id}) })
	}
	reads.Wait()

	secrets := make(map[string]*cache.Secret, len(s.ids))
	for i, id := range s.ids {
		switch err := errs[i]; {
		case err == nil:
			secrets[id] = answers[i].Secret
		case ctx.Err() != nil:
			return nil, err
		case s.o.Strict && !gone(err):
			return nil, err
		}
	}
	return secrets, nil
}

func gone(err error) bool {
	e, ok := errors.AsType[*cache.Error](err)
	return ok && e.Gone()
}

// Close removes the file, if this set wrote it. Publish writes none after it.
func (s *Set) Close() error {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	s.closed = true
	return s.file.remove()
}
