package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// What a runtime says and is told is the same with the proxy and without it.
func TestStreamsAndPayloadsAreTheSameWithTheProxy(t *testing.T) {
	large := `{"Text":"` + strings.Repeat("ö", 3_100_000-10) + `"}`
	type outcome struct {
		event, payload, trailer, kind string
		streamed                      bool
	}
	run := func(vars ...string) (all []outcome) {
		f := newFunction(t, lambdatest.Options{}, vars...)
		f.startExtension()
		api := make(chan string, 1)
		if _, err := f.lambda.StartRuntime(exec.Command(f.path("secrets-wrapper"), "sh", "-c", `echo "api=$AWS_LAMBDA_RUNTIME_API="; exec sleep 60`)); err != nil {
			t.Fatal(err)
		}
		f.waitFor("the runtime's variables", func() bool {
			_, rest, found := strings.Cut(f.out.String(), "api=")
			addr, _, ended := strings.Cut(rest, "=")
			if found && ended {
				api <- addr
			}
			return found && ended
		})
		base := "http://" + <-api + "/2018-06-01/runtime/invocation/"
		for _, size := range []int{0, 1, 1 << 20, 6 << 20} {
			for _, kind := range []string{"response", "streamed", "streamed and broken off", "error"} {
				event := make(chan string, 1)
				go runtimeOnce(t, base, kind, size, event)
				payload := `{}`
				if size == 6<<20 {
					payload = large
				}
				var stream bytes.Buffer
				res, err := f.lambda.Do(t.Context(), lambdatest.Request{Payload: []byte(payload), Stream: &stream})
				if err != nil {
					t.Fatal(err)
				}
				o := outcome{event: <-event, payload: string(res.Payload) + stream.String(), trailer: fmt.Sprint(res.Trailer), streamed: res.Streamed}
				if res.Error != nil {
					o.kind = res.Error.Error()
				}
				if o.event != payload {
					t.Errorf("%v: an event of %d bytes came as %d others", vars, len(payload), len(o.event))
				}
				all = append(all, o)
			}
		}
		return all
	}
	direct, proxied := run(), run(proxyOn)
	for i := range direct {
		if direct[i] != proxied[i] {
			t.Errorf("answer %d: %.200v, without the proxy %.200v", i, proxied[i], direct[i])
		}
	}
	if !strings.Contains(direct[2].kind, "Broken") || !direct[2].streamed || len(direct[13].payload) != 2*6<<20 {
		t.Errorf("the answers are not what they should be: %.100v, %d bytes", direct[2], len(direct[13].payload))
	}
}

// runtimeOnce is a runtime for one invocation.
func runtimeOnce(t *testing.T, base, kind string, size int, event chan<- string) {
	res, err := http.Get(base + "next")
	if err != nil {
		t.Error(err)
		close(event)
		return
	}
	payload, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	event <- string(payload)
	body := bytes.Repeat([]byte{'r'}, size)
	end, reader, trailer := "/response", io.Reader(bytes.NewReader(body)), http.Header(nil)
	if strings.HasPrefix(kind, "streamed") {
		reader = io.MultiReader(bytes.NewReader(body[:size/3]), bytes.NewReader(body[size/3:])) // of unknown length
	}
	switch kind {
	case "error":
		end, reader = "/error", strings.NewReader(`{"errorType":"Own","errorMessage":"`+string(body[:min(size, 200_000)])+`"}`)
	case "streamed and broken off":
		trailer = http.Header{
			"Lambda-Runtime-Function-Error-Type": {"Function.Broken"},
			"Lambda-Runtime-Function-Error-Body": {"eyJlcnJvck1lc3NhZ2UiOiJvZmYifQ=="},
		}
	}
	req, err := http.NewRequest(http.MethodPost, base+res.Header.Get("Lambda-Runtime-Aws-Request-Id")+end, reader)
	if err != nil {
		t.Error(err)
		return
	}
	req.Trailer = trailer
	if strings.HasPrefix(kind, "streamed") {
		req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	}
	if res, err = http.DefaultClient.Do(req); err != nil {
		t.Error(err)
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Errorf("%s of %d bytes: status %d", kind, size, res.StatusCode)
	}
}
