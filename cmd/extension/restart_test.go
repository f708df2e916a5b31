package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func TestRestartGivesTheNextInvocationTheNewVariables(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, proxyOn, restartOn)
	f.aws.Put("db", `{"NUMBER":"1","OLD":"x"}`)
	f.start(f.path("runtime"), "a b")
	first := f.do(task{Env: []string{"NUMBER", "OLD"}})
	f.aws.Put("db", `{"NUMBER":"2"}`)
	arn := f.aws.ARN("db")
	if res := f.invoke([]byte(`{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"` + arn + `"}}`)); res.Error != nil {
		t.Fatal(res.Error)
	}
	r := f.do(task{Env: []string{"NUMBER", "OLD"}})
	if _, old := r.Env["OLD"]; r.Env["NUMBER"] != "2" || old || r.PID == first.PID || r.Calls != 1 || len(r.Twice) > 0 || len(r.Args) != 2 {
		t.Errorf("%+v, want a new process with the new variables", r)
	}
	if got := len(f.processes()); got != 3 {
		t.Errorf("there are %d processes, want the extension, the wrapper and the runtime: %q", got, f.processes())
	}

	// A rotation that changes no variable is no reason.
	f.aws.Put("db", `{"NUMBER":"2"}`)
	if res := f.invoke([]byte(`{"source":"secretsmanager","detail-type":"Secret Rotation","detail":{"secretId":"` + arn + `"}}`)); res.Error != nil {
		t.Fatal(res.Error)
	}
	if again := f.do(task{}); again.PID != r.PID || again.Calls != 2 {
		t.Errorf("%+v, want process %d to stay", again, r.PID)
	}
	if err := f.lambda.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	f.waitFor("the end of all processes", func() bool { return len(f.processes()) == 0 })
}

// Every ordinary event is answered exactly once, by a process that has the newest
// variables; and nothing is left of those that had others.
func TestAThousandInvocationsWithRestarts(t *testing.T) {
	f := newFunction(t, lambdatest.Options{Timeout: 10 * time.Second}, proxyOn, restartOn)
	f.start()
	n, pids := 1, map[int]int{}
	for i := range 1000 {
		if i%10 == 9 {
			n++
			if res := f.rotate(n); res.Error != nil || !bytes.HasPrefix(res.Payload, []byte(`{"rotated":true`)) {
				t.Fatalf("rotation %d: %s, %v", n, res.Payload, res.Error)
			}
			continue
		}
		text := fmt.Sprint("event ", i)
		r := f.do(task{Env: []string{"NUMBER"}, Text: text})
		var event task
		if err := json.Unmarshal(r.Event, &event); err != nil || event.Text != text || r.Env["NUMBER"] != fmt.Sprint(n) {
			t.Fatalf("invocation %d: answer to %q with NUMBER=%s, want %q and %d", i, event.Text, r.Env["NUMBER"], text, n)
		}
		pids[r.PID]++
		if r.Calls != pids[r.PID] {
			t.Fatalf("invocation %d: call %d of process %d, which has answered %d", i, r.Calls, r.PID, pids[r.PID])
		}
	}
	if len(pids) != 100 {
		t.Errorf("%d processes for 100 values", len(pids))
	}
	f.do(task{}) // the last rotation's restart is over
	if got := f.processes(); len(got) != 3 {
		t.Errorf("processes left over: %q", got)
	}
}

func TestRotationStorm(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, proxyOn, restartOn)
	f.start()
	pids := map[int]bool{f.do(task{}).PID: true}
	const versions = 5
	arn, version := "", ""
	for i := range 100 {
		if i%(100/versions) == 0 {
			arn, version = f.aws.Put("db", dbValue(i+2))
		}
		if res := f.invoke(nativeEvent(arn, version)); res.Error != nil {
			t.Fatal(res.Error)
		}
		if i%7 == 0 {
			pids[f.do(task{}).PID] = true
		}
	}
	pids[f.do(task{}).PID] = true
	if len(pids) != 1+versions {
		t.Errorf("%d processes, want the first one and one for each of %d versions", len(pids), versions)
	}
}

func TestNewRuntimeFails(t *testing.T) {
	for name, tt := range map[string]struct {
		vars    []string
		command []string
		err     string
		log     []string
	}{
		"its init": {vars: []string{"FAIL_AFTER=2"}, err: "exit status 3", log: []string{"the function's init says no", "ended, after it was started anew"}},
		"its init, with a report": {
			command: []string{"bash", "-c", `base=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime
				[ "$NUMBER" = 1 ] || { curl -s -d "{\"errorType\":\"Import\",\"errorMessage\":\"no $PASSWORD here\"}" $base/init/error; exit 4; }
				id=$(curl -s -D - -o /dev/null $base/invocation/next | tr -d '\r' | sed -n 's/Lambda-Runtime-Aws-Request-Id: //p')
				curl -s -d '{}' $base/invocation/$id/response; curl -s $base/invocation/next`},
			err: "exit status 4", log: []string{`"errorType":"Import"`, `no [secret] here`},
		},
		"its start": {
			command: []string{"sh", "-c", `cp "$0" "$0.once"; exec "$0.once"`},
			err:     "exit status", log: nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFunction(t, lambdatest.Options{}, append(tt.vars, proxyOn, restartOn)...)
			if name == "its start" {
				// What is run is gone when it is to be run again.
				once := f.write("once", "#!/bin/sh\nrm \"$0\"; exec "+f.path("runtime")+"\n")
				tt.command, tt.err, tt.log = []string{once}, "exit status 127", []string{"the command is not run", "no such file"}
			}
			f.start(tt.command...)
			if name != "its init" {
				f.invoke(task{})
			}
			res := f.rotate(2)
			if res.Error != nil || !strings.Contains(string(res.Payload), "rotated") {
				t.Errorf("the rotation itself was followed, and its answer is %s, %v", res.Payload, res.Error)
			}
			_, err := f.lambda.Invoke(t.Context(), []byte(`{}`))
			if err == nil || !strings.Contains(err.Error(), "Runtime.ExitError") || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("invoke: %v, want the environment to be given up with %q", err, tt.err)
			}
			for _, want := range tt.log {
				if !strings.Contains(f.out.String(), want) {
					t.Errorf("the log does not have %q: %s", want, f.out)
				}
			}
			f.waitFor("the end of all processes", func() bool { return len(f.processes()) == 0 })
		})
	}
}

// A runtime that is a script has children, and one of them holds the call for the
// next event. Others are in sessions of their own, and some ignore SIGTERM.
func TestRestartOfARuntimeWithChildren(t *testing.T) {
	f := newFunction(t, lambdatest.Options{Timeout: 10 * time.Second}, proxyOn, restartOn)
	script := f.write("bootstrap", `#!/bin/bash
trap '' TERM
base=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
setsid bash -c 'trap "" TERM; while :; do sleep 1; done' `+f.dir+` &
(sleep 1000 `+`& ) 
while :; do
  id=$(curl -s -D - -o /dev/null $base/next | tr -d '\r' | sed -n 's/Lambda-Runtime-Aws-Request-Id: //p')
  [ -n "$id" ] || exit 1
  curl -s -d "{\"Env\":{\"NUMBER\":\"$NUMBER\"}}" $base/$id/response > /dev/null
done
`)
	f.start("bash", script)
	for n := 1; n < 4; n++ {
		if n > 1 {
			if res := f.rotate(n); res.Error != nil {
				t.Fatal(res.Error)
			}
		}
		if got := f.do(task{}).Env["NUMBER"]; got != fmt.Sprint(n) {
			t.Errorf("NUMBER = %s, want %d", got, n)
		}
	}
	f.waitFor("the end of what the old ones left", func() bool {
		n := 0
		for _, p := range f.processes() {
			if strings.Contains(p, "bootstrap") || strings.Contains(p, "while :") {
				n++
			}
		}
		return n <= 4 // wrapper, script, its subshell, the one in a session of its own
	})
	if out := f.out.String(); !strings.Contains(out, "does not end by SIGTERM") {
		t.Errorf("the log does not tell of what had to be killed: %s", out)
	}
}

func TestSignalsReachARuntimeThatIsSupervised(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, proxyOn, restartOn)
	f.startExtension()
	script := `import os, signal, sys, urllib.request
def say(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM: os._exit(0)
for s in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM): signal.signal(s, say)
urllib.request.urlopen("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/next").read()
`
	var err error
	if f.runtime, err = f.lambda.StartRuntime(exec.Command(f.path("secrets-wrapper"), "python3", "-c", script)); err != nil {
		t.Fatal(err)
	}
	if err := f.lambda.WaitInit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for sig, name := range map[syscall.Signal]string{syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT", syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2"} {
		_ = syscall.Kill(f.runtime.Pid(), sig)
		f.waitFor(name, func() bool { return strings.Contains(f.out.String(), "got "+name) })
	}
	if err := f.lambda.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
		t.Error(err)
	}
	if got := strings.Count(f.out.String(), "got SIGTERM"); got != 1 {
		t.Errorf("the runtime got %d SIGTERM at the shutdown, want 1", got)
	}
	if err := f.runtime.Err(); err != nil {
		t.Errorf("the wrapper ended with %v, want the runtime's status 0", err)
	}
}
