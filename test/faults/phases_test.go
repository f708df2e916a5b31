//go:build linux

package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// The phases of the extension's life in which a fault begins.
const (
	firstLoad = iota
	withinTTL
	pastTTL
	refresh
	rotation
	shutdown
	phases
)

var phaseNames = [phases]string{"first load", "read within the TTL", "read past the TTL", "refresh", "rotation event", "shutdown"}

const (
	ttl = 5 * time.Minute // the default of SECRETS_MANAGER_TTL
	// idle is longer than the extension keeps a connection, and than it answers
	// refreshes with one fetch: calls that come seconds after the last one are usual.
	idle = 10 * time.Second
)

// outcome is what was seen of one cell, or is expected.
type outcome struct {
	Answer string        // to the first request after the fault began
	Next   string        // to a read just after that; "" when there is none
	Took   time.Duration // until Answer; expected: what waiting may take, without the machine's own work
	Calls  count         // that reached Secrets Manager
	Log    []string      // each line once
	File   string        // the dotenv file afterwards
}

// count is a number, or what it is between.
type count struct{ Least, Most int }

func (c count) String() string {
	if c.Least < c.Most {
		return fmt.Sprintf("%d to %d", c.Least, c.Most)
	}
	return strconv.Itoa(c.Most)
}

// attempt is one run of a cell.
type attempt struct {
	*sandbox
	fault    *fault
	want     outcome
	seen     outcome
	pause    time.Time // when the last answer came
	hurried  bool      // the machine was so busy that a pause was longer than a back-off
	recovers bool      // it lives on, and must be well when the fault is over
	arn      string
	version  string // the new one
}

// run lets the fault begin in a phase. The secret has a new version by then, which is
// what every answer should have, and can have or not.
func (a *attempt) run(phase int) {
	a.t.Helper()
	if phase == firstLoad {
		a.load()
	} else {
		if err := a.start(); err != nil {
			a.t.Fatalf("a start without a fault: %v\n%s", err, a.out)
		}
		a.arn, a.version = a.aws.Put("db", value(2))
		if got, want := a.fileState(), "old value"; got != want {
			a.t.Fatalf("dotenv file after the start: %s, want the %s", got, want)
		}
		a.meet(phase)
	}
	calls := int(a.aws.calls.Load()) - a.seen.Calls.Least
	a.seen.Calls = count{calls, calls}
	a.seen.File = a.fileState()
}

// load is the first load and the first read after it, if there is one.
func (a *attempt) load() {
	a.t.Helper()
	a.arn, a.version = a.aws.Put("db", value(2))
	if !a.fault.afterInit {
		a.fault.begin(a.sandbox)
	}
	began := time.Now()
	a.pause = began.Add(a.want.Took) // no later: the start of the process comes on top
	err := a.start()
	a.seen.Took = time.Since(began)
	if err != nil {
		if report := a.lambda.InitError(); report != nil {
			a.seen.Answer = "init error " + report.Type
		} else {
			a.seen.Answer = err.Error()
		}
		<-a.extension.Done()
		return
	}
	if a.fault.afterInit {
		a.seen.Calls.Least = int(a.aws.calls.Load())
		a.fault.begin(a.sandbox)
		a.pause = time.Now()
	}
	a.invoke(func() {
		var took time.Duration
		a.seen.Answer, took = a.reads()
		a.seen.Took = max(a.seen.Took, took)
		a.seen.Next, _ = a.reads()
	})
	a.recovers = true
}

// meet has the fault begin in a sandbox that is at work.
func (a *attempt) meet(phase int) {
	a.t.Helper()
	switch phase {
	case pastTTL, shutdown:
		a.pass(ttl + time.Second)
	case refresh:
		a.pass(idle)
	case rotation:
		a.pass(idle)
		a.invokeAndTell()
	}
	a.seen.Calls.Least = int(a.aws.calls.Load())
	a.fault.begin(a.sandbox)
	a.recovers = true
	switch phase {
	case withinTTL, pastTTL:
		a.invoke(func() {
			a.seen.Answer, a.seen.Took = a.read()
			a.pause = time.Now()
			a.seen.Next, _ = a.reads()
		})
	case refresh:
		a.invoke(func() {
			a.seen.Answer, a.seen.Took = a.ask(http.MethodPost, "/refresh?secretId=db", nil)
			a.pause = time.Now()
			a.seen.Next, _ = a.reads()
		})
	case rotation:
		// Its own read, for the rotation takes nearly all the time of an invocation.
		a.invoke(func() { a.seen.Answer, a.seen.Took = a.ask(http.MethodPost, "/rotation", a.rotated()) })
		a.invoke(func() { a.seen.Next, _ = a.read() })
	case shutdown:
		a.recovers = false
		a.end()
	}
}

// reads is a read within the back-off after the last answer, unless the machine was
// too slow for that.
func (a *attempt) reads() (string, time.Duration) {
	a.hurried = a.hurried || time.Since(a.pause) > 700*time.Millisecond
	answer, took := a.read()
	a.pause = time.Now()
	return answer, took
}

// rotated is the native event of the new version.
func (a *attempt) rotated() []byte {
	event, err := json.Marshal(map[string]any{
		"version": "0", "id": "d5c7f0a2", "detail-type": "Secret Label Updated", "source": "aws.secretsmanager",
		"account": "123456789012", "time": a.now().UTC().Format(time.RFC3339), "region": "us-east-1", "resources": []string{a.arn},
		"detail": map[string]string{"name": "db", "labelUpdated": "AWSCURRENT", "versionId": a.version},
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return event
}

// end shuts the sandbox down: while a read is under way that lasts, and else after it.
func (a *attempt) end() {
	a.t.Helper()
	if a.fault.harmless {
		a.aws.SetLatency(300 * time.Millisecond)
	}
	answered := make(chan string, 1)
	go func() {
		answer, _ := a.read()
		answered <- answer
	}()
	if a.fault.harmless || a.fault.lasts {
		a.waitForCall()
	} else {
		answer := <-answered
		answered <- answer
	}
	began := time.Now()
	if err := a.lambda.Shutdown(a.t.Context(), lambdatest.Spindown); err != nil {
		a.t.Errorf("shutdown: %v", err)
	}
	a.seen.Took = time.Since(began)
	switch err := a.extension.Err(); {
	case errors.Is(err, exec.ErrWaitDelay):
		a.hurried = true // it ended well, and its last words were not read in time
	case err != nil:
		a.t.Errorf("the extension ended with %v, want status 0", err)
	}
	a.seen.Answer = <-answered
}

// waitForCall waits until a call has come since the fault began.
func (a *attempt) waitForCall() {
	a.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); int(a.aws.calls.Load()) == a.seen.Calls.Least; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			a.t.Fatal("no call within 10 s")
		}
	}
}

// fileState says what is in the place of the dotenv file.
func (a *attempt) fileState() string {
	a.t.Helper()
	info, err := os.Lstat(a.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "none"
	case err != nil:
		return err.Error()
	case info.Mode()&fs.ModeSymlink != 0:
		return "the link"
	case info.Size() == 0:
		return "empty"
	}
	b, err := os.ReadFile(a.file)
	if err != nil {
		return err.Error()
	}
	if mode := info.Mode(); mode != 0o600 {
		return fmt.Sprintf("mode %o", mode)
	}
	for n := 1; n <= 3; n++ {
		if string(b) == strings.NewReplacer(`{"`, "", `":"`, "=", `"}`, "\n").Replace(value(n)) {
			return whichValue(value(n))
		}
	}
	return "something else"
}

// recover ends the fault and wants everything as it should be.
func (a *attempt) recover() {
	a.t.Helper()
	a.aws.Put("db", value(3))
	var got string
	a.invoke(func() { got, _ = a.ask(http.MethodGet, "/secretsmanager/get?secretId=db&refreshNow=true", nil) })
	if want := "200 refresh, newest value"; got != want {
		a.t.Errorf("after the fault: got %q, want %q", got, want)
	}
	if got, want := a.fileState(), "newest value"; got != want {
		a.t.Errorf("dotenv file after the fault: %s, want the %s", got, want)
	}
}
