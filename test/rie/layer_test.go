package rie

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

const (
	database = `{"user":"app","password":"` + canary + `-one"}`
	apiKey   = canary + "-key"
	secret   = "SECRET=DB_*=prod/db API_KEY=prod/api-key"
	dotenv   = "API_KEY=" + apiKey + "\nDB_password=" + canary + "-one\nDB_user=app\n"
)

// upstream is a Secrets Manager with the secrets that most tests use.
func upstream(t *testing.T) *awstest.SecretsManager {
	t.Helper()
	aws := awstest.New()
	t.Cleanup(aws.Close)
	aws.Put("prod/db", database)
	aws.Put("prod/api-key", apiKey)
	return aws
}

func TestColdStartServesSecretsAndShutdownLeavesNothing(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), secret)})

	reply := s.invoke(probe.Request{Env: []string{"DB_password"}})
	want := probe.File{Text: dotenv, Mode: "-rw-------"}
	if diff := cmp.Diff(want, reply.AtStart); diff != "" {
		t.Errorf("the file when the runtime started (-want +got):\n%s", diff)
	}
	if len(reply.Env) != 0 {
		t.Errorf("a function without the shim has the variables %v", reply.Env)
	}
	if got := aws.CallCount(""); got != 2 {
		t.Errorf("cold start made %d calls, want one for each secret: %+v", got, aws.Calls())
	}

	checkEndpoint(t, s, aws)
	if got := aws.CallCount(""); got != 2 {
		t.Errorf("reads of loaded secrets made %d calls, want none", got-2)
	}
	s.shutdown()
	if text, exists := s.file(); exists {
		t.Errorf("the file is there after SHUTDOWN: %q", text)
	}
}

func checkEndpoint(t *testing.T, s *sandbox, aws *awstest.SecretsManager) {
	t.Helper()
	for _, path := range []string{
		"/secretsmanager/get?secretId=prod/db",
		"/secretsmanager/get?secretId=" + aws.ARN("prod/db"),
		"/v1/prod/db",
		"/v1/prod%2Fdb",
	} {
		a := s.get(path)
		var got struct {
			ARN, Name, SecretString string
			SecretBinary            *string
			VersionStages           []string
		}
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, a.Status, a.Body)
			continue
		}
		if got.ARN != aws.ARN("prod/db") || got.Name != "prod/db" || got.SecretString != database || got.SecretBinary != nil ||
			!cmp.Equal(got.VersionStages, []string{"AWSCURRENT"}) {
			t.Errorf("GET %s: %s", path, a.Body)
		}
		if mark := a.Header.Get("X-Secrets-Cache"); mark != "hit" {
			t.Errorf("GET %s: X-Secrets-Cache %q, want hit", path, mark)
		}
	}
	for _, tc := range []struct {
		call   probe.Call
		status int
		body   string
	}{
		{probe.Call{Path: "/v1/prod/db?key=password"}, 200, canary + "-one"},
		{probe.Call{Path: "/env?format=dotenv"}, 200, dotenv},
		{probe.Call{Path: "/ping", NoToken: true}, 200, "healthy"},
		{probe.Call{Path: "/v1/prod/db", NoToken: true}, 403, "Bad Token"},
		{probe.Call{Path: "/v1/prod/db", Method: "DELETE"}, 405, "Not allowed"},
		{probe.Call{Path: "/nowhere"}, 404, "Not found"},
	} {
		if a := s.call(tc.call); a.Status != tc.status || strings.TrimSpace(a.Body) != strings.TrimSpace(tc.body) {
			t.Errorf("%+v: got %d %q, want %d %q", tc.call, a.Status, a.Body, tc.status, tc.body)
		}
	}
	var vars map[string]string
	a := s.get("/env")
	want := map[string]string{"API_KEY": apiKey, "DB_user": "app", "DB_password": canary + "-one"}
	if err := json.Unmarshal([]byte(a.Body), &vars); err != nil || !cmp.Equal(vars, want) {
		t.Errorf("GET /env: %d %s", a.Status, a.Body)
	}
}

func TestFunctionTimeoutRestartsInTheSameTmp(t *testing.T) {
	aws := upstream(t)
	aws.Put("slow", canary)
	s := start(t, options{env: append(append(aws.Env(), patient...), "AWS_LAMBDA_FUNCTION_TIMEOUT=5")})
	s.invoke(probe.Request{})
	aws.Fail(awstest.Fault{Kind: awstest.Hang, SecretID: "slow"})
	s.ends(func() {
		if _, body := s.post(probe.Request{Calls: []probe.Call{{Path: "/v1/slow"}}}); !strings.Contains(string(body), "timed out") {
			t.Errorf("a read that hangs ended in %s, want the function's time-out", body)
		}
	})
	aws.Heal()
	slowLoads(aws)
	reply := s.invoke(probe.Request{Calls: []probe.Call{{Path: "/v1/slow"}}})
	if got := reply.Answers[0]; got.Status != http.StatusOK {
		t.Errorf("after the time-out: %+v", got)
	}
	if reply.AtStart.Text != dotenv {
		t.Errorf("the file when the runtime started again: %q", reply.AtStart.Text)
	}
}

func TestMissingSecretFailsInit(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), "SECRET=prod/db prod/gone")})
	if status, body := s.post(probe.Request{}); status != http.StatusBadGateway {
		t.Errorf("the invocation answered %d %s", status, body)
	}
	// The last two are the emulator's: of a report to init/error, without which it says Extension.Crash, and of a process
	// that was not killed.
	s.printed("prod/gone", "ResourceNotFoundException", "First fatal error stored in appctx: Extension.InitError",
		"Process extension-aws-secretsmanager-1 exited: exit status 1")

	aws.Put("prod/gone", `{"BACK":"`+canary+`-back"}`)
	if reply := s.invoke(probe.Request{}); !strings.Contains(reply.AtStart.Text, "BACK="+canary+"-back\n") {
		t.Errorf("the secret exists now, and the file when the runtime started was %q", reply.AtStart.Text)
	}
}

func (s *sandbox) printed(wanted ...string) {
	s.t.Helper()
	for _, want := range wanted {
		if !strings.Contains(s.out.String(), want) {
			s.t.Errorf("the log does not have %q", want)
		}
	}
}

func TestMissingSecretLeavesTheOthersWhenAskedTo(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), "SECRET=API_KEY=prod/api-key prod/gone", "SECRETS_ON_INIT_ERROR=continue")})
	reply := s.invoke(probe.Request{Calls: []probe.Call{{Path: "/v1/prod/gone"}}})
	if want := "API_KEY=" + apiKey + "\n"; reply.AtStart.Text != want {
		t.Errorf("the file when the runtime started: %q, want %q", reply.AtStart.Text, want)
	}
	if a := reply.Answers[0]; a.Status != http.StatusBadRequest || !strings.Contains(a.Body, "ResourceNotFoundException") {
		t.Errorf("GET /v1/prod/gone: %d %s", a.Status, a.Body)
	}
	s.printed("prod/gone")
}

func TestWrongConfigurationNamesEveryVariable(t *testing.T) {
	aws := upstream(t)
	s := start(t, options{env: append(aws.Env(), secret,
		"SECRETS_MANAGER_TTL=soon", "SECRETS_ON_INIT_ERROR=shrug", "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=-1")})
	s.post(probe.Request{})
	s.printed("SECRETS_MANAGER_TTL", "soon", "SECRETS_ON_INIT_ERROR", "shrug", "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", "-1",
		"First fatal error stored in appctx: Extension.InitError")
}
