package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// local runs a command as a developer does.
func (f *function) local(vars []string, args ...string) *exec.Cmd {
	cmd := exec.Command(f.path(name), append([]string{"exec"}, args...)...)
	cmd.Env = append(append(f.aws.Env(), "PATH="+os.Getenv("PATH"), "SECRET=db", mark+f.dir,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+process.Port(f.t)), vars...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal, whoever runs the tests
	return cmd
}

func TestLocally(t *testing.T) {
	f := newFunction(t, lambdatest.Options{})
	cmd := f.local(nil, "--", "sh", "-c", `echo "$PASSWORD $1"; cat; cat <&3; exit 7`, "sh", "a  b")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, "from three\n")
	_ = w.Close()
	cmd.ExtraFiles = []*os.File{r}
	cmd.Stdin = strings.NewReader("from stdin\n")
	out, err := cmd.Output()
	if want := canary + "-1 a  b\nfrom stdin\nfrom three\n"; string(out) != want {
		t.Errorf("output %q, want %q", out, want)
	}
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 7 {
		t.Errorf("ended with %v, want the command's status 7", err)
	}
	if _, err := os.Stat(defaultDotenvPath); err == nil {
		t.Error("a dotenv file was written")
	}

	for args, status := range map[string]int{"": 2, "--": 2, "surely-no-command": 127} {
		err := f.local(nil, strings.Fields(args)...).Run()
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != status {
			t.Errorf("exec %s: ended with %v, want %d", args, err, status)
		}
	}
}

// The command is let in to the endpoint without being told a token by hand.
func TestLocallyTheEndpointIsThere(t *testing.T) {
	f := newFunction(t, lambdatest.Options{})
	const script = `import os, urllib.request
r = urllib.request.Request("http://127.0.0.1:" + os.environ["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"] + "/v1/db?key=PASSWORD",
    headers={"X-Aws-Parameters-Secrets-Token": os.environ["AWS_TOKEN"]})
print(urllib.request.urlopen(r).read().decode())`
	out, err := f.local([]string{"AWS_SESSION_TOKEN="}, "python3", "-c", script).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != canary+"-1" {
		t.Errorf("got %s, %v", out, err)
	}

	// Beside an agent, or another command, it has the variables alone.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	out, err = f.local([]string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port}, "sh", "-c", `echo "$PASSWORD"`).Output()
	if err != nil || strings.TrimSpace(string(out)) != canary+"-1" {
		t.Errorf("with a port that is taken: got %s, %v", out, err)
	}
}

func TestLocallyWithoutTheSecret(t *testing.T) {
	f := newFunction(t, lambdatest.Options{})
	out, err := f.local([]string{"SECRET=none"}, "echo", "it ran").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "none") || !strings.Contains(string(out), "ResourceNotFoundException") || strings.Contains(string(out), "it ran") {
		t.Errorf("got %s, %v; want the name and the cause alone", out, err)
	}
	f.aws.Fail(awstest.Fault{Kind: awstest.Throttling})
	out, err = f.local([]string{"SECRETS_MANAGER_TIMEOUT_MILLIS=300", "SECRETS_INIT_TIMEOUT_MILLIS=300"}, "echo", "it ran").CombinedOutput()
	if err == nil || !strings.Contains(string(out), `"db\"`) || !strings.Contains(string(out), "Throttling") || strings.Contains(string(out), "it ran") {
		t.Errorf("got %s, %v; want the name and the cause alone", out, err)
	}
	out, err = f.local([]string{"SECRET=none", "SECRETS_ON_INIT_ERROR=continue"}, "echo", "it ran").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "it ran") {
		t.Errorf("continue: got %s, %v", out, err)
	}
}

func TestLocallySignalsPassThrough(t *testing.T) {
	f := newFunction(t, lambdatest.Options{})
	const script = `for s in HUP INT QUIT USR1 TERM; do trap "echo $s" $s; done; trap 'exit 9' ALRM; echo ready; while :; do sleep 0.01; done`
	cmd := f.local(nil, "bash", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		b := make([]byte, 100)
		for {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			lines <- strings.TrimSpace(string(b[:n]))
		}
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %q within 10 s", want)
		}
	}
	expect("ready")
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGHUP: "HUP", syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT", syscall.SIGUSR1: "USR1", syscall.SIGTERM: "TERM",
	} {
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		expect(want)
	}
	_ = cmd.Process.Signal(syscall.SIGALRM)
	if e, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || e.ExitCode() != 9 {
		t.Errorf("ended with %v", e)
	}

	// Who is killed takes the command with it, and a command that a signal ends takes
	// whoever started it.
	cmd = f.local(nil, "sh", "-c", "kill -KILL $$")
	err = cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("ended with %v, want the command's signal", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd = f.local(nil, "sh", "-c", "echo; exec sleep 1000")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_, _ = r.Read(make([]byte, 1))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	go func() { <-ctx.Done(); _ = r.Close() }()
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("the command outlives its parent: %v", err)
	}
}
