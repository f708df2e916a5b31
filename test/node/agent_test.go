package node

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// agent is the extension's binary as the local agent, in front of a fake of Secrets Manager.
type agent struct {
	t    *testing.T
	aws  *awstest.SecretsManager
	env  []string
	proc *process.Agent // the running one, nil when stopped
	port string
}

func startAgent(t *testing.T, env ...string) *agent {
	t.Helper()
	a := &agent{t: t, aws: awstest.New(), port: process.Port(t)}
	t.Cleanup(a.aws.Close)
	a.env = append(append(a.aws.Env(), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+a.port), env...)
	return a
}

// run starts the process, or starts it anew.
func (a *agent) run() (err error) {
	a.stop()
	if a.proc, err = process.StartAgent(a.t, extension, a.env...); err != nil {
		return err
	}
	out := a.proc.Out
	a.t.Cleanup(func() {
		if strings.Contains(out.String(), canary) {
			a.t.Error("the agent printed a secret value")
		}
	})
	return nil
}

func (a *agent) stop() {
	if a.proc != nil {
		a.proc.Kill()
		a.proc = nil
	}
}

// control lets a suite change the world: POST /put?secret= with a value, /native?secret= for the event of that,
// /deny, /heal, /restart, /stop and /calls.
func (a *agent) control() *httptest.Server {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }
	mux.HandleFunc("POST /put", func(w http.ResponseWriter, r *http.Request) {
		value, _ := io.ReadAll(r.Body)
		arn, version := a.aws.Put(r.FormValue("secret"), string(value))
		reply(w, map[string]string{"arn": arn, "version": version})
	})
	mux.HandleFunc("POST /native", func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("secret")
		reply(w, json.RawMessage(awstest.LabelUpdated(a.aws.ARN(name), name, a.aws.Stages(name)["AWSCURRENT"])))
	})
	mux.HandleFunc("POST /deny", func(w http.ResponseWriter, _ *http.Request) {
		a.aws.Fail(awstest.Fault{Kind: awstest.AccessDenied})
		reply(w, nil)
	})
	mux.HandleFunc("POST /heal", func(w http.ResponseWriter, _ *http.Request) {
		a.aws.Heal()
		reply(w, nil)
	})
	mux.HandleFunc("POST /calls", func(w http.ResponseWriter, _ *http.Request) { reply(w, a.aws.CallCount("")) })
	mux.HandleFunc("POST /restart", func(w http.ResponseWriter, _ *http.Request) {
		if err := a.run(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		reply(w, nil)
	})
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, _ *http.Request) {
		a.stop()
		reply(w, nil)
	})
	s := httptest.NewServer(mux)
	a.t.Cleanup(s.Close)
	return s
}

// What the real endpoint does with what the package sends.
func TestAgent(t *testing.T) {
	each(t, 0, 0, func(t *testing.T, n node) {
		a := startAgent(t, "SECRET=db", "SECRETS_MANAGER_TTL=3600")
		awkward, err := os.ReadFile("suites/awkward.json")
		if err != nil {
			t.Fatal(err)
		}
		a.aws.Put("db", string(awkward))
		a.aws.PutBinary("binary", []byte{0, 0xff, '\n'})
		if err := a.run(); err != nil {
			t.Fatal(err)
		}
		runSuites(t, n, []string{
			"CONTROL=" + a.control().URL, "AWS_TOKEN=" + process.Token, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + a.port, "CONFIGURED=before",
		}, "suites/agent.mjs")
	})
}
