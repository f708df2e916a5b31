package awstest

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

// EventBridge is a fake of Amazon EventBridge: event buses, rules and targets, and
// the events that go through them. It is an [http.Handler].
//
// Events go to [EventBridge.Deliver] one after the other, in the order in which
// they were accepted, from a goroutine that lasts while there are any.
type EventBridge struct {
	API

	// Under API.mu.
	buses    map[string]*eventBus // by name
	pageSize int
	faults   []*EventFault
	accepted []json.RawMessage

	// Under API.mu: what is on its way, see eventbridge_delivery.go.
	deliver     Deliverer
	allow       func(targetARN, ruleARN string) bool
	disorder    Disorder
	chance      *rand.Rand
	held        []Delivery // for the window of the disorder
	queue       []Delivery
	busy        bool // the goroutine is there
	closed      bool
	draining    int
	stop        func()        // ends the context of the deliveries
	idle        chan struct{} // closed when nothing is on its way
	undelivered []Undelivered

	work sync.WaitGroup
}

// NewEventBridge starts the fake, with the event bus default, on a port of
// 127.0.0.1. The caller must Close it.
func NewEventBridge(p Place) *EventBridge {
	e := NewEventBridgeHandler(p)
	e.server = httptest.NewServer(e)
	return e
}

// NewEventBridgeHandler makes the fake without a server.
func NewEventBridgeHandler(p Place) *EventBridge {
	e := &EventBridge{API: newAPI(p), buses: make(map[string]*eventBus)}
	e.createBus(defaultBus, "")
	return e
}

// Env returns the environment variables that make an AWS SDK use the fake.
func (e *EventBridge) Env() []string { return e.env("EVENTBRIDGE") }

// Close ends deliveries and stops the server. What was not delivered is not.
func (e *EventBridge) Close() {
	e.mu.Lock()
	e.closed = true
	e.queue, e.held = nil, nil
	stop := e.stop
	e.mu.Unlock()
	if stop != nil {
		stop()
	}
	e.work.Wait()
	e.API.Close()
}

// SetPageSize makes the lists be answered in pages of n at most; 0 is as many as
// the caller wants.
func (e *EventBridge) SetPageSize(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pageSize = n
}

// EventFault is something that goes wrong with calls.
type EventFault struct {
	Action        string // events:PutRule, …; "" = every one
	Code, Message string // "" = ThrottlingException, and the code
	Status        int    // 0 = 400
	Times         int    // 0 = until Heal

	// Entries makes single entries of PutEvents, PutTargets and RemoveTargets fail,
	// the answer being a success; Times then counts entries, after the first Skip.
	Entries bool
	Skip    int
}

// Fail adds a fault. When several fit, the one added first happens, until its Times
// are used up.
func (e *EventBridge) Fail(f EventFault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.Code = cmp.Or(f.Code, "ThrottlingException")
	f.Message = cmp.Or(f.Message, f.Code)
	e.faults = append(e.faults, &f)
}

// Heal takes back what was denied, and all faults.
func (e *EventBridge) Heal() {
	e.API.Heal()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = nil
}

// fault returns what goes wrong with a call, or with an entry of it; nil for
// nothing. The lock is held.
func (e *EventBridge) fault(action string, entry bool) *eventError {
	for i, f := range e.faults {
		if f.Entries != entry || f.Action != "" && f.Action != action {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				e.faults = slices.Delete(e.faults, i, i+1)
			}
		}
		return &eventError{status: f.Status, code: f.Code, message: f.Message}
	}
	return nil
}

// Events returns the events that were accepted so far, in that order: the ones of
// PutEvents as EventBridge makes them, and those of [EventBridge.Emit].
func (e *EventBridge) Events() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	events := make([][]byte, len(e.accepted))
	for i, event := range e.accepted {
		events[i] = slices.Clone(event)
	}
	return events
}

const defaultBus = "default"

type eventBus struct {
	name, arn, description string
	created                time.Time
	rules                  map[string]*eventRule
	tags                   map[string]string
}

type eventRule struct {
	name, arn, bus string
	description    string
	pattern        string
	schedule       string
	role           string
	state          string
	matcher        *pattern.Pattern // nil for a schedule, which never comes due here
	targets        []eventTarget
	tags           map[string]string
}

// eventTarget has the members that matter for a delivery, and all as they were put.
type eventTarget struct {
	ID               string `json:"Id"`
	ARN              string `json:"Arn"`
	Input, InputPath string
	InputTransformer json.RawMessage
	whole            json.RawMessage
}

func (t *eventTarget) UnmarshalJSON(b []byte) error {
	type members eventTarget
	if err := json.Unmarshal(b, (*members)(t)); err != nil {
		return err
	}
	t.whole = slices.Clone(b)
	return nil
}

func (t eventTarget) MarshalJSON() ([]byte, error) { return t.whole, nil }

func (e *EventBridge) createBus(name, description string) *eventBus {
	b := &eventBus{
		name: name, arn: e.place.arn("events", "event-bus/"+name), description: description,
		created: time.Now(), rules: make(map[string]*eventRule), tags: make(map[string]string),
	}
	e.buses[name] = b
	return b
}

func (e *EventBridge) ruleARN(bus, name string) string {
	if bus != defaultBus {
		name = bus + "/" + name
	}
	return e.place.arn("events", "rule/"+name)
}
