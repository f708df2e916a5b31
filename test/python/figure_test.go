package python

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// What the import of the client and the first value may take, as a part of what the ancestor and boto3 take for it.
const (
	must = 1. / 10
	aim  = 1. / 20
)

// TestFirstValueAgainstTheAncestor measures both in one run, in turn, and takes the medians. The client has to be compiled
// each time, as it has in the read-only folder of a layer; the ancestor has the bytecode that an installation leaves.
func TestFirstValueAgainstTheAncestor(t *testing.T) {
	if _, err := os.Stat(filepath.Join(ancestor, "boto3", "__pycache__")); err != nil {
		t.Errorf("boto3 has no bytecode, which would make it slower than it is: %v", err)
	}
	const runs = 7
	ours, theirs := make([]float64, runs), make([]float64, runs)
	for i := range runs {
		ours[i], theirs[i] = firstValue(t, layer), firstValue(t, ancestor)
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	a, b := ours[runs/2], theirs[runs/2]
	verdict := map[bool]string{true: "aim met", false: "must met"}[a <= b*aim]
	if a > b*must {
		verdict = "missed"
		t.Errorf("import and first value take %.3f of the ancestor's time, want %.3f at most", a/b, must)
	}
	fmt.Printf("python: import + first value under awslambdaric: %.1f ms against %.1f ms of the ancestor with boto3, 1/%.0f (%s)\n", a, b, b/a, verdict)
}

var printed = regexp.MustCompile(`first value after ([0-9.]+) ms`)

// firstValue starts a function whose client is in a folder, and returns what it prints, in milliseconds.
func firstValue(t *testing.T, folder string) float64 {
	t.Helper()
	f := newFunction(quiet{t}, lambdatest.Options{}, "SECRET=MySecret")
	f.aws.Put("MySecret", password("x"))
	f.path = folder
	p := f.start("first.handler")
	if err := f.lambda.WaitInit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var match []string
	for deadline := time.Now().Add(patience); match == nil; time.Sleep(time.Millisecond) {
		if match = printed.FindStringSubmatch(p.Log()); match == nil && time.Now().After(deadline) {
			t.Fatalf("the function printed %q", p.Log())
		}
	}
	ms, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// quiet passes mistakes on and no output.
type quiet struct{ *testing.T }

func (quiet) Logf(string, ...any) {}
