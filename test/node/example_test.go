package node

import (
	"os"
	"os/exec"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// The example's own unit test, as its README runs it.
func TestExampleUnitTest(t *testing.T) {
	each(t, 0, 0, func(t *testing.T, n node) {
		dir := project(t, n, "../../examples/node/index.mjs", "../../examples/node/index.test.mjs")
		cmd := exec.Command(n.binary(), "--test")
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// The example as a function, which follows a rotation of each of its secrets.
func TestLambdaExample(t *testing.T) {
	type answer struct {
		Greeting, User string
		Order          int
	}
	each(t, 20, 0, func(t *testing.T, n node) {
		aws := awstest.New()
		defer aws.Close()
		greetings, _ := aws.Put("greetings", `{"GREETING":"hello"}`)
		db, _ := aws.Put("prod/db", `{"user":"one"}`)
		f := start(t, n, options{source: "../../examples/node/index.mjs", handler: "index.handler", aws: aws, env: []string{"SECRET=greetings"}})
		expect := func(want answer) {
			t.Helper()
			if got := ask[answer](f, `{"id":7}`); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		expect(answer{"hello", "one", 7})
		_, version := aws.Put("greetings", `{"GREETING":"good evening"}`)
		ask[any](f, string(awstest.LabelUpdated(greetings, "greetings", version)))
		expect(answer{"good evening", "one", 7})
		_, version = aws.Put("prod/db", `{"user":"two"}`)
		ask[any](f, string(awstest.LabelUpdated(db, "prod/db", version)))
		expect(answer{"good evening", "two", 7})
	})
}
