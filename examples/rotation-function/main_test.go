package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// TestMain makes the test binary the function where Lambda starts it.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestInLambda(t *testing.T) {
	u := start(t, aws.NopRetryer{})
	l := lambdatest.New(lambdatest.Options{
		TB: t, Function: "rotate", Timeout: 30 * time.Second,
		Env: append(u.secrets.Env(), "AWS_ENDPOINT_URL_EVENTBRIDGE="+u.bus.URL, "GORACE=atexit_sleep_ms=0"),
	})
	defer l.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	function, err := l.StartRuntime(exec.Command(self))
	if err != nil {
		t.Fatal(err)
	}
	e := events.SecretsManagerSecretRotationEvent{SecretID: u.secrets.ARN("prod/db"), ClientRequestToken: token}
	for _, e.Step = range append(steps, "finishSecret") {
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := l.Invoke(t.Context(), payload); err != nil || res.Error != nil || string(res.Payload) != "null" {
			t.Fatalf("%s: got %s, %v, %v", e.Step, res.Payload, res.Error, err)
		}
	}
	res, err := l.Invoke(t.Context(), []byte(`{"detail-type":"Secret Rotation"}`))
	if err != nil || res.Error == nil || !strings.Contains(res.Error.Message, `event with Step ""`) {
		t.Errorf("another event: got %v, %v", res.Error, err)
	}
	u.rotator.password.Exclude = defaultExclude // as this binary has it, whose service does nothing
	u.accepts = passwordIn(u.current())
	u.log.WriteString(function.Log())
	u.check()
	if log := function.Log(); strings.Count(log, `"step":"finishSecret"`) != 2 || !strings.Contains(log, "told by event event-1") {
		t.Errorf("log: %s", log)
	}
}

func TestConfiguration(t *testing.T) {
	got, err := parsePassword(func(string) string { return "" })
	if want := (password{Key: "password", Length: 32, Exclude: `/@"'\`}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	vars := map[string]string{"PASSWORD_KEY": "key", "PASSWORD_LENGTH": "64", "EXCLUDE_CHARACTERS": "%"}
	got, err = parsePassword(func(name string) string { return vars[name] })
	if want := (password{Key: "key", Length: 64, Exclude: "%"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, length := range []string{"7", "4097", "many", "8.0"} {
		vars["PASSWORD_LENGTH"] = length
		_, err := parsePassword(func(name string) string { return vars[name] })
		want := `PASSWORD_LENGTH: got "` + length + `", want 8 to 4096`
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
