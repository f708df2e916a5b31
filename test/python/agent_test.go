package python

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// startAgent may be called by any goroutine.
func startAgent(t *testing.T, aws *awstest.SecretsManager, env ...string) (*process.Agent, error) {
	a, err := process.StartAgent(t, extension, append(aws.Env(), env...)...)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if strings.Contains(a.Out.String(), canary) {
			t.Error("the agent printed a secret value")
		}
	})
	return a, nil
}

// control lets the suite arrange what it tests: secrets, faults, agents. Whoever asks for an agent is told its port and
// its token.
func control(t *testing.T, aws *awstest.SecretsManager) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	agents := map[string]*process.Agent{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /put", func(w http.ResponseWriter, r *http.Request) {
		value, _ := io.ReadAll(r.Body)
		arn, version := aws.Put(r.FormValue("name"), string(value))
		writeJSON(w, map[string]any{"arn": arn, "version": version})
	})
	mux.HandleFunc("POST /binary", func(w http.ResponseWriter, r *http.Request) {
		value, _ := io.ReadAll(r.Body)
		arn, version := aws.PutBinary(r.FormValue("name"), value)
		writeJSON(w, map[string]any{"arn": arn, "version": version})
	})
	mux.HandleFunc("POST /delete", func(_ http.ResponseWriter, r *http.Request) { aws.Purge(r.FormValue("name")) })
	mux.HandleFunc("POST /deny", func(_ http.ResponseWriter, r *http.Request) {
		aws.Fail(awstest.Fault{Kind: awstest.AccessDenied, SecretID: r.FormValue("name")})
	})
	mux.HandleFunc("POST /throttle", func(_ http.ResponseWriter, r *http.Request) {
		aws.Fail(awstest.Fault{Kind: awstest.Throttling, SecretID: r.FormValue("name")})
	})
	mux.HandleFunc("POST /heal", func(http.ResponseWriter, *http.Request) { aws.Heal() })
	mux.HandleFunc("POST /agent", func(w http.ResponseWriter, r *http.Request) {
		var env []string
		err := json.NewDecoder(r.Body).Decode(&env)
		var a *process.Agent
		if err == nil {
			a, err = startAgent(t, aws, env...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		agents[a.Port] = a
		writeJSON(w, map[string]any{"port": a.Port, "token": process.Token})
	})
	mux.HandleFunc("POST /stop", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		agents[r.FormValue("port")].Kill()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func writeJSON(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v)
}
