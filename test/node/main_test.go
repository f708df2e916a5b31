// Package node tests the layer's Node package: its suites, its types, and real functions under AWS's runtime client.
//
// The tests run only when the variable NODES names the versions of Node; scripts/test-node installs what they need:
//
//	scripts/test-node
package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// canary is part of every secret value here, and must never be seen in what a process prints.
	canary = "c4n4ry"
	// patience is how long anything may take before it counts as hanging: the machine may be busy with other things.
	patience = 60 * time.Second
)

// node is one version of Node with the packages that go with it.
type node struct {
	version string // "22.23.3"
	major   int
	modules string // its node_modules folder
}

func (n node) binary() string { return filepath.Join(n.modules, "node") }
func (n node) middy() string  { return filepath.Join(n.modules, "@middy", "core", "index.js") }

var (
	nodes     []node
	compilers []string // tsc of several TypeScripts
	clients   struct {
		current   string // AWS's runtime client
		callbacks string // the last one that knew handlers with a callback
	}
	extension string // the built binary
	pkg       string // the Node package
)

func TestMain(m *testing.M) {
	if os.Getenv("NODES") == "" {
		fmt.Println("node: no test was run, because NODES does not name the versions of Node: see scripts/test-node")
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	return m.Run()
}

func prepare(dir string) (err error) {
	for _, modules := range filepath.SplitList(os.Getenv("NODES")) {
		n := node{modules: modules}
		version, err := exec.Command(n.binary(), "--version").Output()
		if err != nil {
			return fmt.Errorf("NODES: %s: %w", n.binary(), err)
		}
		n.version = strings.Trim(string(version), "v\n")
		major, _, _ := strings.Cut(n.version, ".")
		if n.major, err = strconv.Atoi(major); err != nil {
			return fmt.Errorf("NODES: %s has the version %q", n.binary(), n.version)
		}
		nodes = append(nodes, n)
	}
	clients.current, clients.callbacks = os.Getenv("NODE_RIC"), os.Getenv("NODE_RIC_CALLBACKS")
	compilers = filepath.SplitList(os.Getenv("NODE_TSC"))
	if clients.current == "" || clients.callbacks == "" || len(compilers) == 0 {
		return fmt.Errorf("NODES is set, but not all of NODE_RIC, NODE_RIC_CALLBACKS and NODE_TSC")
	}
	if pkg, err = filepath.Abs("../../layer/nodejs/node_modules/aws-secretsmanager"); err != nil {
		return err
	}
	extension = filepath.Join(dir, "aws-secretsmanager")
	if out, err := exec.Command("go", "build", "-o", extension, "../../cmd/extension").CombinedOutput(); err != nil {
		return fmt.Errorf("build the extension: %w\n%s", err, out)
	}
	return nil
}

// each runs a test with every Node from one major version to another, 0 being no limit.
func each(t *testing.T, from, to int, test func(t *testing.T, n node)) {
	ran := false
	for _, n := range nodes {
		if n.major >= from && (to == 0 || n.major <= to) {
			ran = true
			t.Run("node"+strconv.Itoa(n.major), func(t *testing.T) { test(t, n) })
		}
	}
	if !ran {
		t.Errorf("NODES has no Node from %d to %d", from, to)
	}
}

// project copies files into a folder whose node_modules has the layer's package and middy.
func project(t *testing.T, n node, files ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{pkg: "aws-secretsmanager", filepath.Join(n.modules, "@middy"): "@middy"}
	modules := filepath.Join(dir, "node_modules")
	if err := os.Mkdir(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range links {
		if err := os.Symlink(from, filepath.Join(modules, to)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// custom is the event that a rotation function sends.
func custom(id string) string {
	return fmt.Sprintf(`{"source":"secretsmanager","detail-type":"Secret Rotation","time":%q,"detail":{"secretId":%q}}`,
		time.Now().UTC().Format(time.RFC3339), id)
}

func password(n int) string { return fmt.Sprintf("%s-%d", canary, n) }

func value(n int) string { return fmt.Sprintf(`{"PASSWORD":%q}`, password(n)) }
