package fleet

import "time"

// kind says what an event is.
type kind uint8

const (
	arrival   kind = iota // of an invocation
	release               // of an environment that has ended its invocation
	notice                // a rotation event arrives
	broadcast             // environments with the old configuration are used no more
	tick                  // the timer on Managed Instances
)

// event is something that happens at a time since the start.
type event struct {
	at       time.Duration
	seq      uint64 // decides between events of the same time
	kind     kind
	env      *environment // of a release
	rotation int          // of a notice
}

func (e event) before(f event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// queue is a heap of events, the next one first. container/heap would box each of
// the millions of events.
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) push(e event) {
	q.seq++
	e.seq = q.seq
	q.events = append(q.events, e)
	for i := len(q.events) - 1; i > 0; {
		up := (i - 1) / 2
		if !q.events[i].before(q.events[up]) {
			return
		}
		q.events[i], q.events[up] = q.events[up], q.events[i]
		i = up
	}
}

func (q *queue) pop() event {
	first, last := q.events[0], len(q.events)-1
	q.events[0] = q.events[last]
	q.events[last] = event{} // lets go of its environment
	q.events = q.events[:last]
	for i := 0; ; {
		next := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < last && q.events[child].before(q.events[next]) {
				next = child
			}
		}
		if next == i {
			return first
		}
		q.events[i], q.events[next] = q.events[next], q.events[i]
		i = next
	}
}
