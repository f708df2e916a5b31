// Package loop follows rotations all the way around: Secrets Manager calls the
// rotation function's four steps, an event goes out, a rule brings it to a function,
// and its extension has the new value. Both ends are the real binaries, the wiring is
// made by package rotation, and everything between them is a fake that delivers
// late, twice and in the wrong order.
package loop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/errgroup"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

var (
	extension, function, rotator string // the built binaries

	rotations = flag.Int("rotations", 100, "how many rotations there are")
	secrets   = flag.Int("secrets", 50, "of how many secrets")
	seed      = flag.Uint64("seed", 0, "of their order; 0 takes one of the clock, and prints it")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "loop")
	if err != nil {
		fmt.Fprintln(os.Stderr, "loop:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	extension, function, rotator = filepath.Join(dir, "aws-secretsmanager"), filepath.Join(dir, "function"), filepath.Join(dir, "bootstrap")
	for path, from := range map[string]string{extension: "../../cmd/extension", function: "./function", rotator: "../../examples/rotation-function"} {
		if out, err := exec.Command("go", "build", "-o", path, from).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "loop: build %s: %v\n%s", from, err, out)
			return 1
		}
	}
	return m.Run()
}

// loop is an account with everything in it.
type loop struct {
	t        *testing.T
	secrets  *awstest.SecretsManager
	bus      *awstest.EventBridge
	lambda   *awstest.Lambda
	client   *secretsmanager.Client
	rotators []*lambdatest.Lambda

	mu   sync.Mutex
	nth  map[string]int    // version id to the number of its rotation
	last map[string]string // secret to its newest version

	underWay sync.WaitGroup
	room     chan struct{} // for that many invocations under way
}

// ahead is how many invocations may be under way before the next rotation begins:
// enough for every disorder, and not so many that each event comes when two newer
// ones have come already.
const ahead = 8

// TestEveryRotationArrives runs many rotations at once. An environment is one of
// several of its function, so it is told of some rotations and not of others.
func TestEveryRotationArrives(t *testing.T) {
	if err := process.NoteSources("../.."); err != nil {
		t.Fatal(err)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	l := newLoop(t)
	var names, references []string
	for i := range *secrets {
		name := fmt.Sprintf("team/service-%02d", i)
		names = append(names, name)
		references = append(references, fmt.Sprintf("S%02d_*=%s", i, name))
		_, version := l.secrets.Put(name, `{"user":"app","password":"first"}`)
		l.last[name] = version
	}
	environments := map[string][]*environment{}
	for _, f := range []struct {
		name string
		envs int
		e    []wiring.Event
	}{
		{"native", 2, []wiring.Event{wiring.Native}},
		{"custom", 1, []wiring.Event{wiring.Custom}},
		{"both", 1, []wiring.Event{wiring.Native, wiring.Custom}},
	} {
		for i := range f.envs {
			environments[f.name] = append(environments[f.name], startEnvironment(t, fmt.Sprint(f.name, i), strings.Join(references, ","), l.secrets.Env()))
		}
		l.wire(f.name, names, f.e, environments[f.name], random.Uint64())
	}
	l.bus.SetDisorder(awstest.Disorder{Seed: random.Uint64(), Duplicates: 0.2, Window: 20})

	l.rotateAll(names, random)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.bus.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	l.underWay.Wait()
	if lost := l.bus.Undelivered(); len(lost) > 0 {
		t.Errorf("%d events were not delivered, the first: %+v", len(lost), lost[0])
	}
	total := 0
	for _, envs := range environments {
		l.check(names, envs)
		for _, e := range envs {
			total += len(e.told)
		}
	}
	t.Logf("%d rotations of %d secrets; %d pairs of environment and secret were told of one", *rotations, *secrets, total)
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	l := &loop{
		t: t, secrets: awstest.New(), bus: awstest.NewEventBridge(awstest.Place{}), lambda: awstest.NewLambda(awstest.Place{}),
		nth: map[string]int{}, last: map[string]string{}, room: make(chan struct{}, ahead),
	}
	t.Cleanup(l.secrets.Close)
	t.Cleanup(l.bus.Close)
	t.Cleanup(l.lambda.Close)
	l.secrets.OnLabel(l.bus.Emit)
	l.bus.Allow(l.lambda.AllowsInvoke)
	l.bus.Deliver(func(ctx context.Context, d awstest.Delivery) error {
		_, err := l.lambda.Invoke(ctx, d.TargetARN, d.Event)
		return err
	})
	l.client = secretsmanager.NewFromConfig(l.config(l.secrets.URL()))
	for range 2 {
		r := lambdatest.New(lambdatest.Options{TB: quiet{t}, Function: "rotate", Timeout: time.Minute, Env: slices.Concat(l.secrets.Env(), l.bus.Env())})
		t.Cleanup(r.Close)
		if _, err := r.StartRuntime(exec.Command(rotator)); err != nil {
			t.Fatal(err)
		}
		l.rotators = append(l.rotators, r)
	}
	return l
}

func (l *loop) config(url string) aws.Config {
	return aws.Config{
		Region: awstest.Region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, awstest.SessionToken),
	}
}

// wire makes a function and has package rotation bring events to it. Lambda takes
// them into a queue, and each reaches one environment, whichever it is; one that
// fails is tried twice more.
func (l *loop) wire(name string, names []string, e []wiring.Event, envs []*environment, seed uint64) {
	l.t.Helper()
	l.lambda.Create(awstest.Function{Name: name})
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	l.lambda.Handle(name, func(_ context.Context, payload []byte) ([]byte, string) {
		mu.Lock()
		env := envs[random.IntN(len(envs))]
		mu.Unlock()
		l.room <- struct{}{}
		l.underWay.Go(func() {
			defer func() { <-l.room }()
			l.follow(env, payload)
		})
		return nil, ""
	})
	clients := wiring.NewClients(l.config(""))
	c := wiring.NewClients(l.config(l.lambda.URL()))
	clients.Lambda, clients.Events, clients.Secrets = c.Lambda, wiring.NewClients(l.config(l.bus.URL())).Events, l.client
	plan, err := clients.Plan(l.t.Context(), wiring.Spec{Function: wiring.FunctionID{Name: name}, Secrets: names, Events: e})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := plan.Apply(l.t.Context(), func(wiring.Step) {}); err != nil {
		l.t.Fatal(err)
	}
}

// follow is Lambda's asynchronous invocation.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func (l *loop) follow(env *environment, payload []byte) {
	for try := 0; ; try++ {
		answer, err := env.invoke(l.t.Context(), payload)
		if err == nil && !strings.Contains(string(answer), `"rotated":true`) {
			err = fmt.Errorf("answered %s", answer)
		}
		if err == nil {
			l.noteTold(env, payload)
			return
		}
		if try == 2 {
			l.t.Errorf("%s: the event %s is lost: %v", env.name, payload, err)
			return
		}
	}
}

func (l *loop) noteTold(env *environment, payload []byte) {
	for _, r := range (event.Matcher{}).Match(payload) {
		l.mu.Lock()
		n, ok := l.nth[r.VersionID]
		l.mu.Unlock()
		if !ok {
			l.t.Errorf("%s was told of version %q, which no rotation made", env.name, r.VersionID)
		}
		name := cmp.Or(r.Name, r.SecretID)
		env.note(name, n)
	}
}

// rotateAll rotates secrets in a random order, as many at a time as there are
// rotation functions, and one secret never twice at a time.
func (l *loop) rotateAll(names []string, random *rand.Rand) {
	var g errgroup.Group
	for i, r := range l.rotators {
		var own []string
		for j, name := range names {
			if j%len(l.rotators) == i {
				own = append(own, name)
			}
		}
		order := rand.New(rand.NewPCG(random.Uint64(), 0))
		share := *rotations / len(l.rotators)
		g.Go(func() error {
			for n := range share {
				if err := l.rotate(r, own[order.IntN(len(own))], n+1); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		l.t.Fatal(err)
	}
}

// rotate is what Secrets Manager does: a step that fails is tried again.
func (l *loop) rotate(function *lambdatest.Lambda, name string, n int) error {
	token := fmt.Sprintf("%08x-0000-4000-8000-%012x", n, rand.Uint64()&(1<<48-1))
	for len(l.room) > ahead/2 {
		time.Sleep(time.Millisecond)
	}
	l.mu.Lock()
	l.nth[token], l.last[name] = n, token
	l.mu.Unlock()
	if _, err := l.client.RotateSecret(l.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &name, ClientRequestToken: &token}); err != nil {
		return err
	}
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		// Secrets Manager is eventually consistent: now and then the event is faster than its readers.
		lag := awstest.Lag{}
		if step == "finishSecret" && n%20 == 0 {
			lag.Reads = 3
		}
		l.secrets.SetLag(lag)
		payload, err := json.Marshal(events.SecretsManagerSecretRotationEvent{Step: step, SecretID: l.secrets.ARN(name), ClientRequestToken: token})
		if err != nil {
			return err
		}
		for try := 0; ; try++ {
			res, err := function.Invoke(l.t.Context(), payload)
			if err == nil && res.Error != nil {
				err = res.Error
			}
			if err == nil {
				break
			}
			if try == 3 {
				return errors.Join(fmt.Errorf("%s of %s", step, name), err)
			}
		}
	}
	return nil
}

// check holds each environment to what it was told: a value is never older than the
// newest rotation that it was told of, and is the same in all three places.
func (l *loop) check(names []string, envs []*environment) {
	l.t.Helper()
	newest := map[string]bool{} // secrets that some environment has the newest version of
	for _, e := range envs {
		process, dotenv := e.process(), e.dotenv()
		for i, name := range names {
			password, version := e.held(name)
			variable := fmt.Sprintf("S%02d_password", i)
			if want := l.value(name, version); password != want {
				l.t.Errorf("%s: version %s of %s has another value than in Secrets Manager", e.name, version, name)
			}
			if dotenv[variable] != password || process[variable] != password {
				l.t.Errorf("%s: %s is not the same at endpoint, file and process", e.name, name)
			}
			if n := l.nth[version]; n < e.told[name] {
				l.t.Errorf("%s: %s is on rotation %d, and it was told of %d", e.name, name, n, e.told[name])
			}
			if e.told[name] == l.nth[l.last[name]] && version != l.last[name] {
				l.t.Errorf("%s: %s is on version %s, and it was told of %s, the newest", e.name, name, version, l.last[name])
			}
			newest[name] = newest[name] || version == l.last[name]
		}
	}
	for _, name := range names {
		if !newest[name] {
			l.t.Errorf("%s: no environment has the newest version of %s", envs[0].name, name)
		}
	}
}

// value is the password of a version, as Secrets Manager has it.
func (l *loop) value(name, version string) string {
	l.t.Helper()
	out, err := l.client.GetSecretValue(l.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &name, VersionId: &version})
	if err != nil {
		l.t.Fatal(err)
	}
	return decode[struct{ Password string }](l.t, []byte(*out.SecretString)).Password
}
