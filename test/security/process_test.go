//go:build linux

package security

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// binary is the layer's.
var binary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "security-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "aws-secretsmanager")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/extension").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build: %v\n%s", err, out))
	}
	return m.Run()
}

func secretsManager(t *testing.T) *awstest.SecretsManager {
	t.Helper()
	aws := awstest.New()
	t.Cleanup(aws.Close)
	aws.Put("db", `{"PASSWORD":"`+canary+`"}`)
	return aws
}

// In Lambda, the endpoint and the proxy are all that listens, and do so on loopback.
func TestListensOnLoopbackAlone(t *testing.T) {
	aws, ports := secretsManager(t), process.Ports(t, 2)
	lambda := lambdatest.New(lambdatest.Options{TB: t, InitTimeout: time.Minute, Env: []string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + aws.URL(), "SECRET=db", "SECRETS_DOTENV_PATH=off", "SECRETS_RUNTIME_PROXY=on",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + ports[0], "SECRETS_RUNTIME_PROXY_PORT=" + ports[1],
	}})
	defer lambda.Close()
	if _, err := lambda.StartExtension(exec.Command(binary)); err != nil {
		t.Fatal(err)
	}
	if err := lambda.WaitRegistered(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid, _ := look(t, binary)
	open := listeners(t, pid)
	for _, port := range ports {
		if address := net.JoinHostPort("127.0.0.1", port); !open[address] {
			t.Errorf("nothing listens on %s", address)
		}
		delete(open, net.JoinHostPort("127.0.0.1", port))
		delete(open, net.JoinHostPort("::1", port))
	}
	if len(open) > 0 {
		t.Errorf("it listens on %v as well", open)
	}
}

// listeners returns the addresses on which a process listens: proc_pid_net(5).
func listeners(t *testing.T, pid int) map[string]bool {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("no descriptors of process %d: %v", pid, err)
	}
	own := map[string]bool{}
	for _, fd := range fds {
		target, _ := os.Readlink(fd)
		own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
	}
	addresses := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table)) // one may be missing
		for line := range bytes.Lines(data) {
			const local, state, inode, listening = 1, 3, 9, "0A"
			fields := strings.Fields(string(line))
			if len(fields) > inode && own[fields[inode]] && (fields[state] == listening || strings.HasPrefix(table, "udp")) {
				addresses[address(t, fields[local])] = true
			}
		}
	}
	return addresses
}

// address reads what Linux writes: four bytes at a time, each in the order of the machine.
func address(t *testing.T, s string) string {
	t.Helper()
	var ip net.IP
	host, port, _ := strings.Cut(s, ":")
	for ; len(host) >= 8; host = host[8:] {
		var a, b, c, d byte
		if _, err := fmt.Sscanf(host[:8], "%2x%2x%2x%2x", &a, &b, &c, &d); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		ip = append(ip, d, c, b, a)
	}
	var n int
	if _, err := fmt.Sscanf(port, "%x", &n); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return net.JoinHostPort(ip.String(), fmt.Sprint(n))
}

// The file is no one else's, is no link, and goes at the end.
func TestFile(t *testing.T) {
	aws := secretsManager(t)
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	file, victim := filepath.Join(dir, "secrets.env"), filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, file); err != nil {
		t.Fatal(err)
	}
	a, err := process.StartAgent(t, binary, append(aws.Env(), "SECRET=db", "SECRETS_DOTENV_PATH="+file)...)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file: got %v and %v, want mode 0600", info, err)
	}
	if got, err := os.ReadFile(file); err != nil || leaks(string(got)) == nil {
		t.Errorf("the file has no value: %q, %v", got, err)
	}
	if got, err := os.ReadFile(victim); err != nil || len(got) > 0 {
		t.Errorf("the link was followed: %q, %v", got, err)
	}
	if err := a.Interrupt(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("after the end: %v, %v; want the other file alone", entries, err)
	}
}

// A command gets values in its environment; no process has one among its arguments.
func TestNoValueAmongArguments(t *testing.T) {
	aws, port := secretsManager(t), process.Port(t)
	for name, env := range map[string][]string{
		"beside the endpoint": nil,
		"in its place":        {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port}, // which is taken
	} {
		t.Run(name, func(t *testing.T) {
			if env != nil {
				l, err := net.Listen("tcp4", "127.0.0.1:"+port)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			} else {
				env = []string{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + process.Port(t)}
			}
			var out process.Output
			cmd := exec.CommandContext(t.Context(), binary, "exec", "--", "sh", "-c", `echo "pid $$"; read -r _`, "the-command")
			cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "SECRET=db"}, aws.Env()...), env...)
			cmd.Stdout, cmd.Stderr = &out, &out
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var pid []string
			for end := time.Now().Add(time.Minute); pid == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				pid = regexp.MustCompile(`pid (\d+)\n`).FindStringSubmatch(out.String())
			}
			if pid == nil {
				t.Fatalf("the command does not run: %s", &out)
			}
			_, arguments := look(t, "sh")
			if got := leaks(arguments); got != nil {
				t.Errorf("the argument lists have %q", got)
			}
			if !strings.Contains(arguments, "the-command") {
				t.Error("the argument lists were not read")
			}
			if environ, err := os.ReadFile("/proc/" + pid[1] + "/environ"); err != nil || leaks(string(environ)) == nil {
				t.Errorf("the command has no value: %v", err)
			}
			_ = stdin.Close()
			_ = cmd.Wait() // read has found nothing
			if got := leaks(out.String()); got != nil {
				t.Errorf("it printed %q", got)
			}
		})
	}
}
