package process

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Token is the one that an [Agent] asks for, unless its AWS_TOKEN is another.
const Token = "token-of-the-test"

const (
	portVariable = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
	fileVariable = "SECRETS_DOTENV_PATH"
	// patience is how long anything may take before it counts as hanging: the machine
	// may be busy with other things.
	patience = time.Minute
)

// Agent is the layer's binary outside Lambda.
type Agent struct {
	URL  string // of the endpoint, with 127.0.0.1
	Port string
	File string // the dotenv file
	Out  *Output

	cmd    *exec.Cmd
	exited chan struct{}
	status error // of the process, once exited is closed
}

// StartAgent starts binary and returns when its endpoint answers, which it does
// after the first load. Variables that env does not have get a free port, a file in
// a temporary folder and [Token]; nothing of the test's own environment is passed
// on but PATH. Any goroutine may call it.
//
// When the test ends the process is killed, and what it printed is logged if the
// test has failed.
func StartAgent(t testing.TB, binary string, env ...string) (*Agent, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	a := &Agent{Out: &Output{}, cmd: exec.Command(binary), exited: make(chan struct{})}
	a.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_TOKEN=" + Token,
		portVariable + "=" + port, fileVariable + "=" + filepath.Join(t.TempDir(), "secrets.env"),
	}, env...)
	a.Port, a.File = a.variable(portVariable), a.variable(fileVariable)
	a.URL = "http://127.0.0.1:" + a.Port
	a.cmd.Stdout, a.cmd.Stderr = a.Out, a.Out
	dieWithTest(a.cmd)
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		a.status = a.cmd.Wait()
		close(a.exited)
	}()
	t.Cleanup(func() {
		a.Kill()
		if t.Failed() {
			t.Logf("output of the agent:\n%s", a.Out)
		}
	})
	return a, a.ready()
}

// variable is what the process has: the last one of a name counts.
func (a *Agent) variable(name string) (value string) {
	for _, v := range a.cmd.Env {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			value = rest
		}
	}
	return value
}

func (a *Agent) ready() error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if resp, err := http.Get(a.URL + "/ping"); err == nil {
			return resp.Body.Close()
		}
		select {
		case <-a.exited:
			return fmt.Errorf("the agent ended at once: %w\n%s", a.status, a.Out)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the agent did not answer within %v\n%s", patience, a.Out)
		}
	}
}

// Interrupt ends the agent as Ctrl-C does, and returns the error of its process.
func (a *Agent) Interrupt() error {
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-a.exited:
		return a.status
	case <-time.After(patience):
		return fmt.Errorf("the agent did not end within %v of an interrupt", patience)
	}
}

// Kill ends the agent with no warning, if it still runs.
func (a *Agent) Kill() {
	_ = a.cmd.Process.Kill()
	<-a.exited
}
