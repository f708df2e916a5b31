package endpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// sessionToken is that of [lambdatest.Lambda.Env], and so the endpoint's.
const sessionToken = "lambdatest-session-token"

// function is an environment of Lambda with the extension and a handler that hands
// its event to the endpoint.
type function struct {
	t      *testing.T
	lambda *lambdatest.Lambda
	url    string
}

func (u *upstream) startFunction(timeout time.Duration, env ...string) *function {
	u.t.Helper()
	port := process.Port(u.t)
	f := &function{t: u.t, url: "http://127.0.0.1:" + port}
	f.lambda = lambdatest.New(lambdatest.Options{TB: u.t, Timeout: timeout, InitTimeout: patience, Env: append([]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + u.gate.url, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + port,
		"SECRETS_DOTENV_PATH=" + filepath.Join(u.t.TempDir(), "secrets.env"), "SECRETS_MANAGER_TTL=86400",
		"SECRETS_MANAGER_TIMEOUT_MILLIS=20000", "SECRETS_INIT_TIMEOUT_MILLIS=30000",
	}, env...)})
	u.t.Cleanup(func() {
		f.lambda.Close()
		if strings.Contains(f.lambda.Log(), canary) {
			u.t.Error("the extension printed a value")
		}
	})
	if _, err := f.lambda.StartExtension(exec.Command(binary)); err != nil {
		u.t.Fatal(err)
	}
	return f
}

// do sends one request with the token that every function has.
func (f *function) do(method, path, body string) reply {
	f.t.Helper()
	return do(f.t, f.url, sessionToken, method, path, body)
}

// handle starts a handler that posts its event to /rotation, as a function of one's
// own does, and returns what came back, status first.
func (f *function) handle() {
	f.t.Helper()
	_, err := f.lambda.StartHandler(func(ctx context.Context, event []byte) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, "POST", f.url+"/rotation", strings.NewReader(string(event)))
		if err != nil {
			return nil, err
		}
		req.Header.Set("X-Vault-Token", sessionToken)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		r := replyOf(f.t, resp)
		return []byte(text(fmt.Sprintf("%d %s", r.status, r.body))), nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *function) invoke(event string) string {
	f.t.Helper()
	res, err := f.lambda.Invoke(f.t.Context(), []byte(event))
	if err != nil || res.Error != nil {
		f.t.Fatalf("the invocation failed: %v, %v", err, res.Error)
	}
	var got string
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		f.t.Fatal(err)
	}
	return got
}

func TestInLambda(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`1"}`)
		other := u.create("other", canary)
		f := u.startFunction(30*time.Second, "SECRET="+v.arn)
		// Before the first invocation, while the runtime starts.
		if err := f.lambda.WaitRegistered(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantMark(t, "before the first invocation", f.do("GET", "/v1/"+v.arn, ""), "hit", v)
		want(t, "another token", do(t, f.url, process.Token, "GET", "/v1/"+v.name, ""), 403, "Bad Token")
		f.handle()
		if got, want := f.invoke(`{"order":1}`), "200 "+notRotated; got != want {
			t.Errorf("an order: got %s, want %s", got, want)
		}
		if strings.Contains(v.arn, ":123456789012:") { // the account that Lambda says is the function's
			u.gate.take()
			wantMark(t, "by the name of what SECRET names by ARN", f.do("GET", "/v1/"+v.name, ""), "hit", v)
			wantCalls(t, "by name", u, 0)
		}
		v = u.put(v, `{"a":"`+canary+`2"}`)
		if got, want := f.invoke(native(now(v))), "200 "+rotated(v.arn, v, true); got != want {
			t.Errorf("a rotation: got %s, want %s", got, want)
		}
		want(t, "/env after it", f.do("GET", "/env", ""), 200, `{"a":"`+canary+`2"}`)
		wantMark(t, "after it", f.do("GET", "/secretsmanager/get?secretId="+v.arn, ""), "hit", v)
		wantMark(t, "what nobody named", f.do("GET", "/v1/"+other.name, ""), "miss", other)
		if err := f.lambda.Shutdown(t.Context(), lambdatest.Spindown); err != nil {
			t.Error(err)
		}
	})
}

// The named version is looked for until half a second before the invocation's end.
func TestVersionThatIsNotSeen(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		v := u.create("db", `{"a":"`+canary+`"}`)
		f := u.startFunction(3*time.Second, "SECRET="+v.name)
		f.handle()
		f.invoke(`{}`)
		unseen := v
		unseen.id = "00000000-0000-4000-8000-000000000000"
		u.gate.take()
		began := time.Now()
		got := f.invoke(native(now(unseen)))
		if !strings.HasPrefix(got, "502 ") || !strings.Contains(got, "was not seen in time") || !strings.Contains(got, v.id) {
			t.Errorf("got %s", got)
		}
		if took := time.Since(began); took < 2*time.Second {
			t.Errorf("gave up after %v, with an invocation of 3 s", took)
		}
		if n := len(u.gate.take()); n < 3 || n > 15 {
			t.Errorf("%d calls within the invocation", n)
		}
		wantMark(t, "the old value", f.do("GET", "/v1/"+v.name, ""), "hit", v)
	})
}
