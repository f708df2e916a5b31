package fleet

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// task is an invocation that takes more than a look into memory, or the start of an
// environment without one.
type task struct {
	seq      uint64
	env      *environment
	cold     bool          // the environment is new
	init     time.Duration // of its start, without the load
	rotation int           // of the event that is the invocation; 0 for an ordinary one
	start    bool          // the environment only starts
	learnt   bool          // by the event
	attempt  attempt
}

// simulation is one run. Its loop is the only goroutine that changes it; tasks run
// in goroutines of their own and are handed back by way of done.
type simulation struct {
	Scenario
	began    time.Time
	traffic  *rand.Rand
	queue    queue
	h        *history
	meter    *meter
	lambda   *lambda
	made     uint64 // environments
	recorder *recorder

	tasks   uint64
	running int // tasks
	wake    chan struct{}
	mu      sync.Mutex
	done    []*task
}

// Run simulates s. It must be called in a bubble of testing/synctest, whose clock
// it moves.
func Run(s Scenario) Result {
	x := newSimulation(s)
	x.run()
	return x.result()
}

func newSimulation(s Scenario) *simulation {
	began := time.Now()
	rng := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(s.Seed, stream<<32)) }
	x := &simulation{
		Scenario: s, began: began, traffic: rng(1), wake: make(chan struct{}, 1),
		h: newHistory(s, began, rng(2)), meter: &meter{quota: s.Secret.Quota},
	}
	x.recorder = newRecorder(s, x.h)
	x.lambda = newLambda(s.Lambda, x.create, func(e *environment) { x.recorder.endOf(e) }, rng(3))
	x.prepare(rng(4))
	return x
}

func (x *simulation) run() {
	for len(x.queue.events) > 0 || x.running > 0 {
		x.sleep()
		synctest.Wait() // what ends at this moment ends before what begins
		x.collect()
		for now := x.now(); len(x.queue.events) > 0 && x.queue.events[0].at <= now; {
			x.handle(x.queue.pop())
		}
	}
}

func (x *simulation) result() Result {
	x.lambda.replace() // ends the lives that are not over
	return x.recorder.result(x.meter, x.lambda.most)
}

func (x *simulation) now() time.Duration { return time.Since(x.began) }

func (x *simulation) create() *environment {
	x.made++
	return newEnvironment(x.Strategy, x.h, x.meter, x.Seed, x.made)
}

// prepare puts into the queue what is known beforehand.
func (x *simulation) prepare(rng *rand.Rand) {
	for i, at := range x.h.labels {
		if x.Strategy.Event {
			x.queue.push(event{at: at + around(x.Secret.EventDelay, rng.Float64()), kind: notice, rotation: i + 1})
		}
		if x.Strategy.Broadcast {
			x.queue.push(event{at: at + x.Secret.BroadcastDelay, kind: broadcast})
		}
	}
	for range x.Lambda.Burst {
		x.launch(&task{env: x.lambda.addFree(), cold: true, init: spread(x.Lambda.Init, x.lambda.rng), start: true})
	}
	if x.Lambda.Managed && x.Strategy.Ahead {
		x.queue.push(event{at: x.tickEvery(), kind: tick})
	}
	first := time.Duration(0)
	if x.Lambda.Burst > 0 {
		first = 2 * x.Lambda.Init // when they have started
	}
	x.expect(first)
}

// tickEvery is how often cmd/extension looks for what is due on Managed Instances.
func (x *simulation) tickEvery() time.Duration {
	return min(max(x.Strategy.TTL/20, time.Second), time.Minute)
}

// expect puts the next arrival into the queue, if there is one in the time.
func (x *simulation) expect(after time.Duration) {
	if x.Traffic.Rate <= 0 {
		return
	}
	if at := x.Traffic.next(after, x.traffic); at < x.WarmUp+x.Window {
		x.queue.push(event{at: at, kind: arrival})
	}
}

// sleep moves the clock to the next event, or to the end of a task before it.
func (x *simulation) sleep() {
	if x.running == 0 {
		time.Sleep(x.queue.events[0].at - x.now())
		return
	}
	if len(x.queue.events) == 0 {
		<-x.wake
		return
	}
	timer := time.NewTimer(x.queue.events[0].at - x.now())
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-x.wake:
	}
}

func (x *simulation) handle(e event) {
	switch e.kind {
	case arrival:
		x.expect(e.at)
		x.invoke(0)
	case notice:
		if !x.invoke(e.rotation) { // Lambda tries asynchronous invocations again
			e.at += time.Second
			x.queue.push(e)
		}
	case release:
		if busy := e.env.line.busyUntil(); busy > e.at {
			e.at = busy // a fetch ahead is not frozen half-way
			x.queue.push(e)
			return
		}
		x.lambda.put(e.env, e.at)
	case broadcast:
		x.lambda.replace()
	case tick:
		for _, env := range x.lambda.idle {
			env.cache.RefreshAhead(ended)
		}
		if e.at += x.tickEvery(); e.at < x.WarmUp+x.Window {
			x.queue.push(e)
		}
	}
}

// invoke begins an invocation: of the function's work, or with the event of a
// rotation. It reports whether there was an environment for it.
func (x *simulation) invoke(rotation int) bool {
	now := x.now()
	t := &task{env: x.lambda.take(now), rotation: rotation}
	if t.env == nil {
		t.env, t.cold, t.init = x.lambda.add(now), true, spread(x.Lambda.Init, x.lambda.rng)
		if t.env == nil {
			x.recorder.turnedAway(now)
			return false
		}
		x.launch(t)
		return true
	}
	if !x.Lambda.Managed { // which tells extensions of no invocation
		t.env.invoked()
	}
	if rotation == 0 {
		if a, ok := t.env.quick(); ok {
			x.recorder.add(t.env, a, false)
			x.release(t.env, exponential(x.Traffic.Duration, x.traffic))
			return true
		}
	}
	x.launch(t)
	return true
}

// launch runs t, which is handed back by collect.
func (x *simulation) launch(t *task) {
	x.tasks++
	t.seq = x.tasks
	x.running++
	go func() {
		t.run()
		x.mu.Lock()
		x.done = append(x.done, t)
		x.mu.Unlock()
		select {
		case x.wake <- struct{}{}:
		default:
		}
	}()
}

func (t *task) run() {
	if t.cold {
		t.env.start(t.init)
		t.env.invoked()
	}
	switch {
	case t.start:
	case t.rotation > 0:
		t.learnt = t.env.rotate(t.rotation)
	default:
		t.attempt = t.env.work()
	}
}

// collect takes the tasks that have ended, in the order in which they began.
func (x *simulation) collect() {
	x.mu.Lock()
	done := x.done
	x.done = nil
	x.mu.Unlock()
	slices.SortFunc(done, func(a, b *task) int { return cmp.Compare(a.seq, b.seq) })
	for _, t := range done {
		x.running--
		switch {
		case t.start:
			x.lambda.put(t.env, x.now())
		case t.rotation > 0:
			x.recorder.event(t.learnt)
			x.release(t.env, 0)
		default:
			x.recorder.add(t.env, t.attempt, t.cold)
			x.release(t.env, exponential(x.Traffic.Duration, x.traffic))
		}
	}
}

// release plans the end of an invocation whose code still works for a time.
func (x *simulation) release(e *environment, in time.Duration) {
	if x.Lambda.Managed {
		return // it was not taken
	}
	x.queue.push(event{at: x.now() + in, kind: release, env: e})
}
