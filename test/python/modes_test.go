package python

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

func newSnapStart(t *testing.T, env ...string) *function {
	t.Helper()
	credentials := awstest.NewCredentials(time.Hour)
	t.Cleanup(credentials.Close)
	f := newFunction(t, lambdatest.Options{
		InitializationType: lambdatest.SnapStart, CredentialsURL: credentials.URL(), CredentialsToken: credentials.Token(),
	}, slices.Concat(credentials.Env(), env)...)
	f.aws.Put("MySecret", password("one"))
	return f
}

// rotateInSnapshot makes a new version between the snapshot and its restore.
func (f *function) rotateInSnapshot() (event string) {
	f.t.Helper()
	if err := f.lambda.WaitInit(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	arn, version := f.aws.Put("MySecret", password("two"))
	if err := f.lambda.Restore(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return nativeEvent(arn, version)
}

// What a snapshot holds is old after every restore.
func TestSnapStartKeepsNothing(t *testing.T) {
	for _, tc := range []struct {
		references   string
		rotatedFirst bool
	}{
		{"SECRET=MySecret", true},
		{"SECRET=MySecret", false},
		{"SECRET=", true}, // the extension has not heard of the secret when its rotation comes
		{"SECRET=", false},
	} {
		f := newSnapStart(t, tc.references)
		f.start("app.handler")
		event := f.rotateInSnapshot()
		if tc.rotatedFirst {
			if _, payload, err := f.invoke(event); err != nil || !strings.Contains(payload, `"rotated": true`) {
				t.Errorf("a rotation is the first event: got %s, %v", payload, err)
			}
		}
		if s := f.expect("two", 1); s.Import != nil {
			t.Errorf("the variable has %q at import, want nothing in the snapshot", *s.Import)
		}
	}
}

// A read at import is the function's own doing. The restore is all that says when the snapshot is over to a handler
// without the decorator.
func TestSnapStartServesReadsAtImport(t *testing.T) {
	f := newSnapStart(t, "SECRET=MySecret")
	f.start("early.handler")
	f.rotateInSnapshot()
	if s := f.expect("two", 1); s.Import == nil || *s.Import != "one" {
		t.Errorf("got %+v, want the value of then at import", s)
	}
}

// Managed Instances invoke several processes at once, and a rotation event reaches one of them.
func TestManagedInstances(t *testing.T) {
	f := newFunction(t, lambdatest.Options{InitializationType: lambdatest.ManagedInstances, MaxConcurrency: 3}, "SECRET=MySecret")
	f.aws.Put("MySecret", password("one"))
	f.start("app.handler")
	all := func(want string) {
		t.Helper()
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if s, payload, err := f.invoke(`{}`); err != nil || s.Environ == nil || *s.Environ != want || *s.Entry != want {
					t.Errorf("got %s, %v; want %s", payload, err, want)
				}
			})
		}
		wg.Wait()
	}
	all("one")
	arn, version := f.aws.Put("MySecret", password("two"))
	if _, payload, err := f.invoke(nativeEvent(arn, version)); err != nil || !strings.Contains(payload, `"changed": true`) {
		t.Errorf("rotation: got %s, %v", payload, err)
	}
	time.Sleep(1100 * time.Millisecond) // the others ask once a second
	all("two")
}

func TestLargeEventOfTheHandler(t *testing.T) {
	f := newFunction(t, lambdatest.Options{}, "SECRET=MySecret")
	f.aws.Put("MySecret", password("one"))
	f.start("app.handler")
	event := `{"body": "` + strings.Repeat("Secret Rotation secretsmanager detail-type ", 60_000) + `"}`
	s, _, err := f.invoke(event)
	if err != nil || string(s.Event) != event || s.Invocations != 1 {
		t.Errorf("got %d bytes in invocation %d, %v; want %d", len(s.Event), s.Invocations, err, len(event))
	}
}
