package rie

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/process"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

// canary is part of every secret value here, and must never be seen in what the processes print.
const canary = "c4n4ry"

// patience is how long anything may take before it counts as hanging: the machine may be busy with other things.
const patience = 30 * time.Second

// sandbox is one execution environment: the emulator, the layer's extension and a function in a mount and process
// namespace of their own. The end of the emulator is the end of all of them.
type sandbox struct {
	t      *testing.T
	tmp    string // what the processes see as /tmp
	port   string // of the extension's endpoint
	url    string // where to post invocations
	cmd    *exec.Cmd
	out    *process.Output
	exited chan struct{}
	status error // of the emulator, once exited is closed
}

type options struct {
	function string            // name of a built function; "" = plain
	folder   string            // of a function in another language, instead
	env      []string          // of the function and the extension, besides what every sandbox has
	args     []string          // of the emulator
	binds    map[string]string // files and folders to be seen as /var/NAME
	opt      string            // folder to be seen as /opt; "" = the layer
	harden   string            // shell code that runs last, before the emulator
	launcher string            // command that starts the emulator; "" = none
}

// mountScript builds the file system that Lambda documents: the layer at /opt, the function at /var/task, both
// read-only, and an own /tmp. /opt/extensions cannot be changed in the emulator, hence the namespace.
const mountScript = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /var
mkdir /var/task
touch /var/rie
mount --bind "$RIE_BINARY" /var/rie
mount --bind "$RIE_TASK" /var/task
mount -o remount,ro,bind /var/task
mount --bind "$RIE_OPT" /opt
mount -o remount,ro,bind /opt
for bind in $RIE_BINDS; do
  if [ -d "${bind#*=}" ]; then mkdir "/var/${bind%%=*}"; else touch "/var/${bind%%=*}"; fi
  mount --bind "${bind#*=}" "/var/${bind%%=*}"
done
mount --bind "$RIE_TMP" /tmp
cd /var/task
eval "$RIE_HARDEN"
launcher=$RIE_LAUNCHER
unset RIE_BINARY RIE_TASK RIE_OPT RIE_TMP RIE_BINDS RIE_HARDEN RIE_LAUNCHER OLDPWD SHLVL bind
exec $launcher /var/rie "$@"
`

func start(t *testing.T, o options) *sandbox {
	t.Helper()
	s := &sandbox{t: t, tmp: t.TempDir(), out: &process.Output{}, exited: make(chan struct{})}
	// go test's folders are 0700, and Lambda's /tmp is everybody's.
	if err := os.Chmod(s.tmp, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	ports := process.Ports(t, 3)
	s.port = ports[0]
	s.url = "http://127.0.0.1:" + ports[1] + "/2015-03-31/functions/function/invocations"
	if o.function == "" {
		o.function = "plain"
	}
	folder := o.folder
	if folder == "" {
		folder = task(t, o.function)
	}
	if o.opt == "" {
		o.opt = built.opt
	}
	var binds []string
	for name, path := range o.binds {
		binds = append(binds, name+"="+path)
	}
	args := append([]string{
		"-c", mountScript, "sandbox",
		"--runtime-interface-emulator-address", "127.0.0.1:" + ports[1],
		"--runtime-api-address", "127.0.0.1:" + ports[2],
	}, o.args...)
	s.cmd = exec.Command("bash", args...)
	s.cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
		"AWS_LAMBDA_FUNCTION_TIMEOUT=20",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + s.port,
		"RIE_BINARY=" + built.rie, "RIE_OPT=" + o.opt, "RIE_TASK=" + folder,
		"RIE_HARDEN=" + o.harden, "RIE_LAUNCHER=" + o.launcher,
		"RIE_BINDS=" + strings.Join(binds, " "),
		"RIE_TMP=" + s.tmp,
	}, o.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("the sandbox cannot run: start the emulator in namespaces of its own (root is needed): %v", err)
	}
	go func() {
		s.status = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(s.end)
	listens := func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+ports[1])
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	if err := s.await(listens); err != nil {
		t.Fatalf("the sandbox cannot run: wait for the emulator to listen: %v", err)
	}
	return s
}

// end kills what still runs, and looks at what was printed all along.
func (s *sandbox) end() {
	s.cmd.Process.Kill()
	<-s.exited
	if strings.Contains(s.out.String(), canary) {
		s.t.Errorf("a secret value was printed")
	}
	if s.t.Failed() {
		s.t.Logf("output of the sandbox:\n%s", s.out)
	}
}

// waitFor polls until ok; the emulator's end or too long a wait fails the test.
func (s *sandbox) waitFor(what string, ok func() bool) {
	s.t.Helper()
	if err := s.await(ok); err != nil {
		s.t.Fatalf("wait for the %s: %v", what, err)
	}
}

func (s *sandbox) await(ok func() bool) error {
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		select {
		case <-s.exited:
			return fmt.Errorf("the emulator ended: %v", s.status)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v", patience)
		}
	}
	return nil
}

// post sends one invocation. Two at once make the emulator panic, except in its mode of Managed Instances.
func (s *sandbox) post(event any) (status int, body []byte) {
	s.t.Helper()
	status, body, err := s.send(event)
	// In that mode it turns invocations away until a worker of the function waits.
	for deadline := time.Now().Add(patience); err == nil && unavailable(body) && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		status, body, err = s.send(event)
	}
	if err != nil {
		s.t.Fatalf("invoke: %v", err)
	}
	return status, body
}

func unavailable(body []byte) bool { return bytes.Contains(body, []byte("Runtime.Unavailable")) }

// send is post for any goroutine. A string is sent as it is.
func (s *sandbox) send(event any) (status int, body []byte, err error) {
	payload, ok := event.(string)
	if !ok {
		encoded, err := json.Marshal(event)
		if err != nil {
			return 0, nil, err
		}
		payload = string(encoded)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// invoke has the function do what r says.
func (s *sandbox) invoke(r probe.Request) probe.Reply {
	s.t.Helper()
	status, body := s.post(r)
	var reply probe.Reply
	if err := json.Unmarshal(body, &reply); err != nil || status != http.StatusOK || bytes.Contains(body, []byte("errorType")) {
		s.t.Fatalf("invoke: %d %s", status, body)
	}
	return reply
}

// call has the function call the endpoint once.
func (s *sandbox) call(c probe.Call) probe.Answer {
	s.t.Helper()
	a := s.invoke(probe.Request{Calls: []probe.Call{c}}).Answers[0]
	if a.Error != "" {
		s.t.Fatalf("%s: %s", c.Path, a.Error)
	}
	return a
}

func (s *sandbox) get(path string) probe.Answer {
	s.t.Helper()
	return s.call(probe.Call{Path: path})
}

// shutdown does what Lambda does at the end of an environment's life, by the signal that the emulator takes for it.
func (s *sandbox) shutdown() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Fatalf("the emulator did not end within %v of SIGTERM", patience)
	}
	if s.status != nil {
		s.t.Errorf("the emulator ended with %v", s.status)
	}
}

// file is the dotenv file as seen from outside.
func (s *sandbox) file() (text string, exists bool) {
	b, err := os.ReadFile(filepath.Join(s.tmp, filepath.Base(probe.Path)))
	return string(b), err == nil
}
