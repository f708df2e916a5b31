package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		args []string
		next string
		want []string
	}{
		{nil, "", nil},
		{[]string{"--"}, "", nil},
		{[]string{ourWrapper}, "/opt/next", nil},
		{[]string{"cmd", "--", "x"}, "", []string{"cmd", "--", "x"}},
		{[]string{"--", "cmd", "--x"}, "", []string{"cmd", "--x"}},
		{[]string{ourWrapper, "/var/lang/bin/python3", "-u", "x.py"}, "", []string{"/var/lang/bin/python3", "-u", "x.py"}},
		{[]string{"/layers/secrets-wrapper", "node"}, "/opt/next", []string{"/opt/next", "node"}},
	} {
		if got := command(tt.args, tt.next); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.args, got, tt.want)
		}
	}
}

func TestWrapperBecomesTheRuntime(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, "PASSWORD=of the configuration")
	f.start(f.path("runtime"), "a b", `"c'`, "", "d\ne")
	r := f.do(task{Env: []string{"PASSWORD", "NUMBER", "AWS_LAMBDA_RUNTIME_API"}})
	want := map[string]string{"PASSWORD": canary + "-1", "NUMBER": "1", "AWS_LAMBDA_RUNTIME_API": f.lambda.API()}
	if diff := cmp.Diff(want, r.Env); diff != "" {
		t.Errorf("variables -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{f.path("runtime"), "a b", `"c'`, "", "d\ne"}, r.Args); diff != "" {
		t.Errorf("arguments -want +got\n%s", diff)
	}
	if r.PID != f.runtime.Pid() {
		t.Errorf("the runtime is process %d, want %d: the wrapper's own", r.PID, f.runtime.Pid())
	}
	if len(r.Twice) > 0 {
		t.Errorf("variables that are there twice: %v", r.Twice)
	}
	if got := f.aws.CallCount(""); got != 1 {
		t.Errorf("%d calls to AWS, want 1: the extension's", got)
	}
}

func TestValuesAreExact(t *testing.T) {
	values := map[string]string{
		"SPACES": "  a  b ", "QUOTES": `'"` + "`$(x) ${y} \\", "LINES": "a\nb\r\n", "EQUALS": "=a=b=", "EMPTY": "",
		"LARGE": canary + strings.Repeat("x", 60<<10), "UNICODE": "ä\u2028😀",
	}
	// None of these may reach a process; nor may the name of a key that is none.
	object := `{"PATH":"/evil","NODE_OPTIONS":"--evil","LD_PRELOAD":"/evil","AWS_LAMBDA_RUNTIME_API":"evil:80","a-b":"x","NUL":"a\u0000b"`
	for name, value := range values {
		if name != "LARGE" {
			object += fmt.Sprintf(",%q:%s", name, quoteJSON(value))
		}
	}
	f := newFunction(t, lambdatest.Options{}, "SECRET=odd LARGE=large BAD=bad")
	f.aws.Put("odd", object+"}")
	f.aws.Put("large", values["LARGE"])
	f.aws.PutBinary("bad", []byte(canary+"\xff"))
	f.start()
	names := []string{"NODE_OPTIONS", "LD_PRELOAD", "NUL", "BAD", "a-b"}
	for name := range values {
		names = append(names, name)
	}
	if diff := cmp.Diff(values, f.do(task{Env: names}).Env); diff != "" {
		t.Errorf("variables -want +got\n%s", diff)
	}
	if got := f.do(task{Env: []string{"PATH"}}).Env["PATH"]; strings.Contains(got, "evil") {
		t.Errorf("PATH is %q", got)
	}
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		switch {
		case r < ' ' || r == '"' || r == '\\':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// A function never runs without its secrets, unless that is what was asked for.
func TestWrapperWithoutTheExtension(t *testing.T) {
	for _, mode := range []string{"", "SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart"} {
		vars := []string{mode}
		if strings.Contains(mode, "restart") {
			vars = append(vars, "SECRETS_RUNTIME_PROXY=on")
		}
		f := newFunction(t, lambdatest.Options{}, vars...)
		f.startRuntime()
		err := f.lambda.WaitInit(t.Context())
		if err == nil || !strings.Contains(err.Error(), `"db": cannot reach the secrets extension`) {
			t.Errorf("%s: init: %v, want an error that says which secret and why", mode, err)
		}
		if out := f.out.String(); !strings.Contains(out, `no variables of \"db\"`) || !strings.Contains(out, "connection refused") {
			t.Errorf("%s: the log does not say which secret and why: %s", mode, out)
		}
		if f.runtime.Err() == nil {
			t.Errorf("%s: the wrapper ended with the status 0", mode)
		}

		f = newFunction(t, lambdatest.Options{}, append(vars, "SECRETS_ON_INIT_ERROR=continue")...)
		f.startRuntime()
		if r := f.do(task{Env: []string{"PASSWORD", "PATH"}}); len(r.Env) != 1 {
			t.Errorf("%s, continue: variables %v", mode, r.Env)
		}
		if out := f.out.String(); !strings.Contains(out, "starts without the variables") {
			t.Errorf("%s, continue: the log does not say so: %s", mode, out)
		}
	}
}

// The extension does not fail for what may be over soon. The runtime cannot start.
func TestWrapperSaysWhichSecretCannotBeHad(t *testing.T) {
	for _, vars := range [][]string{
		{"SECRET=db slow"},
		{"SECRET=db slow", "SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart"},
	} {
		f := newFunction(t, lambdatest.Options{}, append(vars, "SECRETS_INIT_TIMEOUT_MILLIS=300", "SECRETS_MANAGER_TIMEOUT_MILLIS=300")...)
		f.aws.Put("slow", canary)
		f.aws.Fail(awstest.Fault{Kind: awstest.Throttling, SecretID: "slow"})
		f.startExtension()
		f.startRuntime()
		err := f.lambda.WaitInit(t.Context())
		if err == nil || !strings.Contains(err.Error(), "Runtime.SecretsUnavailable") ||
			!strings.Contains(err.Error(), `"slow"`) || !strings.Contains(err.Error(), "Throttling") || strings.Contains(err.Error(), `"db"`) {
			t.Errorf("init: %v, want an error that names the secret and the cause", err)
		}
	}
}

func TestEnvironmentTooLarge(t *testing.T) {
	for _, vars := range [][]string{nil, {"SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart"}} {
		var refs []string
		f := newFunction(t, lambdatest.Options{})
		for i := range 40 { // 2.5 MB; Linux takes a quarter of the stack's limit, 2 MB of the usual 8
			id := fmt.Sprintf("large%d", i)
			f.aws.Put(id, canary+strings.Repeat("x", 64_000+i))
			refs = append(refs, fmt.Sprintf("V%d=%s", i, id))
		}
		f = f.again(append(vars, "SECRET="+strings.Join(refs, " "))...)
		f.startExtension()
		f.startRuntime()
		if err := f.lambda.WaitInit(t.Context()); err == nil {
			t.Fatal("the runtime started")
		}
		out := f.out.String()
		for _, want := range []string{"too large", "V39 (64050 bytes)", "V38 (64049 bytes)"} {
			if !strings.Contains(out, want) {
				t.Errorf("the log does not have %q: %.2000s", want, out)
			}
		}
		if f.runtime.Err() == nil {
			t.Error("the wrapper ended with the status 0")
		}
	}
}

func TestNextWrapperRunsFirst(t *testing.T) {
	f := newFunction(t, lambdatest.Options{})
	next := f.write("next", "#!/bin/sh\nexport NEXT=\"$PASSWORD $#\"\nexec \"$@\"\n")
	f = f.again("SECRETS_NEXT_WRAPPER=" + next)
	f.start(f.path("runtime"), "x")
	if got := f.do(task{Env: []string{"NEXT"}}).Env["NEXT"]; got != canary+"-1 2" {
		t.Errorf("the next wrapper saw %q", got)
	}
}

func TestCommandThatCannotRun(t *testing.T) {
	f := newFunction(t, lambdatest.Options{})
	file := f.write("no-program", "")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, restart := range [][]string{nil, {"SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart"}} {
		for command, status := range map[string]int{f.path("none"): 127, "surely-no-command": 127, file: 126} {
			f := f.again(restart...)
			f.startExtension()
			f.startRuntime(command)
			<-f.runtime.Done()
			if e, ok := errors.AsType[*exec.ExitError](f.runtime.Err()); !ok || e.ExitCode() != status {
				t.Errorf("%s: ended with %v, want %d", command, f.runtime.Err(), status)
			}
			if !strings.Contains(f.out.String(), "run "+command) {
				t.Errorf("%s: the log does not name it: %s", command, f.out)
			}
		}
	}
}
