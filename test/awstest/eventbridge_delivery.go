package awstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Delivery is an event on its way to a target.
type Delivery struct {
	Bus      string // its name
	Rule     string // its name
	RuleARN  string
	TargetID string
	// TargetARN says what is to be done: a function is invoked with the event.
	TargetARN string
	Event     []byte // what the target gets: its Input, or the event or a part of it
}

// Deliverer hands an event to its target. An error has it tried again: three times
// in all.
type Deliverer func(context.Context, Delivery) error

// maxAttempts of a delivery.
const maxAttempts = 3

// Undelivered is an event that no target got, and why.
type Undelivered struct {
	Delivery
	Reason string
}

// Disorder is what EventBridge may do to events: deliver them at least once, in
// any order. The same seed and the same events give the same deliveries. The zero
// value is each event once, in order.
type Disorder struct {
	Seed       uint64
	Duplicates float64 // probability that a delivery is made twice
	Window     int     // deliveries held back, one of which goes when another comes; all go on Drain
}

// Deliver sets where events go. Without it they are undelivered.
func (e *EventBridge) Deliver(f Deliverer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deliver = f
}

// Allow sets who is asked before a delivery whether the target's policy lets the
// rule in. Without it all are let in.
func (e *EventBridge) Allow(f func(targetARN, ruleARN string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.allow = f
}

// SetDisorder applies to events from now on. Those held back go first.
func (e *EventBridge) SetDisorder(d Disorder) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.releaseAll()
	e.disorder, e.chance = d, rand.New(rand.NewPCG(d.Seed, 0))
}

// Undelivered returns the deliveries that were given up so far, in that order.
func (e *EventBridge) Undelivered() []Undelivered {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.undelivered)
}

// Drain waits until everything that was accepted has been delivered or given up,
// also what is accepted meanwhile.
func (e *EventBridge) Drain(ctx context.Context) error {
	e.mu.Lock()
	e.draining++
	e.releaseAll()
	idle := e.idle
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.draining--
	}()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("awstest: deliveries are under way: %w", ctx.Err())
	}
}

// accept puts an event on a bus: every enabled rule that it matches sends it to
// all targets. The lock is held.
func (e *EventBridge) accept(bus string, event []byte) {
	if e.closed {
		return
	}
	e.accepted = append(e.accepted, event)
	b, failure := e.bus(bus)
	if failure != nil {
		e.undelivered = append(e.undelivered, Undelivered{Delivery{Bus: busName(bus), Event: event}, failure.message})
		return
	}
	rules := make([]*eventRule, 0, len(b.rules))
	for _, r := range b.rules {
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b *eventRule) int { return strings.Compare(a.name, b.name) })
	for _, r := range rules {
		if r.state == "DISABLED" || r.matcher == nil {
			continue
		}
		if matches, err := r.matcher.Match(event); err != nil || !matches {
			continue
		}
		for _, t := range r.targets {
			e.send(Delivery{Bus: b.name, Rule: r.name, RuleARN: r.arn, TargetID: t.ID, TargetARN: t.ARN}, t, event)
		}
	}
}

// send brings a delivery on its way, or two of them.
func (e *EventBridge) send(d Delivery, t eventTarget, event []byte) {
	input, wrong := t.input(event)
	d.Event = input
	if wrong != "" {
		e.undelivered = append(e.undelivered, Undelivered{d, wrong})
		return
	}
	copies := 1
	if e.chance != nil && e.chance.Float64() < e.disorder.Duplicates {
		copies = 2
	}
	for range copies {
		e.held = append(e.held, d)
		if len(e.held) > e.disorder.Window {
			e.release()
		}
	}
	if e.draining > 0 {
		e.releaseAll()
	}
}

// input is what a target gets of an event.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
func (t eventTarget) input(event []byte) (input []byte, wrong string) {
	switch {
	case t.InputTransformer != nil:
		return event, "awstest: an InputTransformer is kept but not applied"
	case t.Input != "":
		return []byte(t.Input), ""
	case t.InputPath == "":
		return event, ""
	}
	part := json.RawMessage(event)
	for name := range strings.SplitSeq(strings.TrimPrefix(t.InputPath, "$"), ".") {
		if name == "" {
			continue
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(part, &members) != nil || members[name] == nil {
			return event, fmt.Sprintf("the event has no %s", t.InputPath)
		}
		part = members[name]
	}
	return part, ""
}

// release lets one of the held deliveries go, whichever it is.
func (e *EventBridge) release() {
	at := 0
	if e.chance != nil {
		at = e.chance.IntN(len(e.held))
	}
	e.queue = append(e.queue, e.held[at])
	e.held = slices.Delete(e.held, at, at+1)
	if e.idle == nil {
		e.idle = make(chan struct{})
	}
	if !e.busy {
		e.busy = true
		var ctx context.Context
		ctx, e.stop = context.WithCancel(context.Background())
		e.work.Go(func() { e.run(ctx) })
	}
}

func (e *EventBridge) releaseAll() {
	for len(e.held) > 0 {
		e.release()
	}
}

// run makes deliveries until there are none.
func (e *EventBridge) run(ctx context.Context) {
	for {
		e.mu.Lock()
		if len(e.queue) == 0 {
			e.busy = false
			e.stop()
			close(e.idle)
			e.idle = nil
			e.mu.Unlock()
			return
		}
		d := e.queue[0]
		e.queue = e.queue[1:]
		deliver, allow := e.deliver, e.allow
		e.mu.Unlock()
		if reason := d.attempt(ctx, deliver, allow); reason != "" {
			e.mu.Lock()
			e.undelivered = append(e.undelivered, Undelivered{d, reason})
			e.mu.Unlock()
		}
	}
}

// attempt returns why a delivery had to be given up, "" if it was made.
func (d Delivery) attempt(ctx context.Context, deliver Deliverer, allow func(targetARN, ruleARN string) bool) (reason string) {
	switch {
	case allow != nil && !allow(d.TargetARN, d.RuleARN):
		return "the target's policy does not let the rule in"
	case deliver == nil:
		return "nobody delivers"
	}
	event := d.Event
	for range maxAttempts {
		d.Event = bytes.Clone(event) // the target may do with it what it likes
		err := deliver(ctx, d)
		if err == nil {
			return ""
		}
		if reason = err.Error(); ctx.Err() != nil {
			return reason
		}
	}
	return reason
}
