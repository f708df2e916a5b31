package rie

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

// The least memory that Lambda gives a function holds a hundred secrets of the greatest size. The machine's kernel
// sets the limit where it has a cgroup for that; what the two processes have had at most is looked at anyway.
func TestAHundredGreatestSecretsIn128MB(t *testing.T) {
	const limit = 128 << 20
	aws := awstest.New()
	t.Cleanup(aws.Close)
	var references []string
	for i := range 100 {
		name := fmt.Sprint("big/", i)
		aws.Put(name, canary+strings.Repeat("x", 64<<10-len(canary)))
		references = append(references, fmt.Sprintf("BIG_%d=%s", i, name))
	}
	group := memoryGroup(t, limit)
	join := ""
	if group != "" {
		join = "echo 0 > " + group + "/cgroup.procs"
	}
	// The probe answers with the file at its own path, and this one is greater than an answer may be.
	s := start(t, options{env: append(aws.Env(), "SECRET="+strings.Join(references, " "),
		"SECRETS_DOTENV_PATH=/tmp/big.env"), harden: join})
	var calls []probe.Call
	for i := range 20 {
		calls = append(calls, probe.Call{Path: fmt.Sprint("/v1/big/", i)})
	}
	for range 5 { // not more at once: an answer of Lambda is 6 MB at most
		for i, a := range s.invoke(probe.Request{Calls: calls}).Answers {
			if a.Status != 200 || len(a.Body) < 64<<10 {
				t.Errorf("secret %d: %d with %d bytes, error %q", i, a.Status, len(a.Body), a.Error)
			}
		}
	}
	sum := 0
	for _, pid := range s.children() {
		sum += peak(t, pid)
	}
	t.Logf("extension %d KiB, with the function %d KiB, cgroup %q", peak(t, s.extension())>>10, sum>>10, group)
	if sum > limit {
		t.Errorf("extension and function had %d bytes, more than %d", sum, limit)
	}
	s.shutdown()
}

// memoryGroup makes a cgroup with that limit, and returns "" where the machine has none that can be made.
func memoryGroup(t *testing.T, limit int) string {
	t.Helper()
	for root, file := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		dir := filepath.Join(root, fmt.Sprint("rie-", os.Getpid()))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(dir) }) // after the sandbox, whose cleanup was registered later
		if f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0); err == nil {
			_, err = f.WriteString(strconv.Itoa(limit))
			f.Close()
			if err == nil {
				return dir
			}
		}
	}
	return ""
}

// peak is the most resident memory that a process has had, in bytes.
func peak(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
