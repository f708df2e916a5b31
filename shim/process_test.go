package shim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type contextKey struct{}

// functions are what this test binary is when it runs as a Lambda function.
var functions = map[string]func(){
	"stream":         func() { Start(stream) },
	"stream handler": func() { Start(lambda.NewHandler(stream)) },
	"context": func() {
		base := context.WithValue(context.Background(), contextKey{}, "base")
		Start(lambda.NewHandlerWithOptions(describe, lambda.WithContext(base)))
	},
	"options": func() { Start(describe, HandlerOptions(lambda.WithContextValue(contextKey{}, "base"))) },
	"error":   func() { Start(func() error { return &json.SyntaxError{} }) },
}

func TestMain(m *testing.M) {
	if name := os.Getenv("SHIM_TEST_FUNCTION"); name != "" {
		functions[name]()
	}
	os.Exit(m.Run())
}

// stream writes one half, and the other once its standard input has a line.
func stream() (*events.LambdaFunctionURLStreamingResponse, error) {
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, "first half, ")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		_, _ = io.WriteString(w, "second half")
		_ = w.Close()
	}()
	return &events.LambdaFunctionURLStreamingResponse{Body: r}, nil
}

func describe(ctx context.Context) (string, error) {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return fmt.Sprintf("%v %s %d %s", ctx.Value(contextKey{}), lc.AwsRequestID, deadline.UnixMilli(), os.Getenv("NAME")), nil
}

// answered is what a function posted to the Runtime API.
type answered struct {
	path, contentType string
	body              io.ReadCloser // still being written, maybe
	done              chan struct{}
}

// run starts a function of this binary beside e and gives it payloads, one after
// the other. The answers come on the channel.
func run(t *testing.T, function string, e http.Handler, payloads ...string) (*exec.Cmd, <-chan answered) {
	t.Helper()
	extension := httptest.NewServer(e)
	t.Cleanup(extension.Close)
	answers := make(chan answered)
	next := make(chan string, len(payloads))
	for _, p := range payloads {
		next <- p
	}
	runtime := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			select {
			case p := <-next:
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", "request")
				w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
				_, _ = io.WriteString(w, p)
			case <-r.Context().Done():
			}
			return
		}
		a := answered{r.URL.Path, r.Header.Get("Content-Type"), r.Body, make(chan struct{})}
		select {
		case answers <- a:
			<-a.done
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(runtime.Close)

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "SHIM_TEST_FUNCTION="+function, "AWS_SESSION_TOKEN=token",
		"AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(runtime.URL, "http://"),
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+extension.URL[strings.LastIndex(extension.URL, ":")+1:])
	return cmd, answers
}

func start(t *testing.T, cmd *exec.Cmd) io.Writer {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return stdin
}

func receive(t *testing.T, answers <-chan answered) answered {
	t.Helper()
	select {
	case a := <-answers:
		return a
	case <-time.After(20 * time.Second):
		t.Fatal("the function gives no answer")
		panic("unreachable")
	}
}

func TestResponseIsStreamed(t *testing.T) {
	for _, function := range []string{"stream", "stream handler"} {
		t.Run(function, func(t *testing.T) {
			cmd, answers := run(t, function, newEndpoint(nil), `{}`)
			stdin := start(t, cmd)
			a := receive(t, answers)
			var got []byte
			for !bytes.HasSuffix(got, []byte("first half, ")) {
				b := make([]byte, 64)
				n, err := a.body.Read(b)
				if err != nil {
					t.Fatalf("after %q: %v", got, err)
				}
				got = append(got, b[:n]...)
			}
			// The handler has not ended: it waits for this line.
			if _, err := io.WriteString(stdin, "go on\n"); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(a.body)
			close(a.done)
			if string(rest) != "second half" || err != nil {
				t.Errorf("then came %q, %v", rest, err)
			}
			if want := "application/vnd.awslambda.http-integration-response"; a.contentType != want {
				t.Errorf("content type %s, want %s", a.contentType, want)
			}
			if want := `{"statusCode":200}` + "\x00\x00\x00\x00\x00\x00\x00\x00first half, "; string(got) != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestFunctionInItsRuntime(t *testing.T) {
	const failed = `{"errorMessage":"rotation of prod/db: follow rotation: status 502: ","errorType":"RotationError"}`
	for _, test := range []struct{ function, payload, fail, path, want string }{
		{"context", `{}`, "", "/response", `"base request 4102444800000 value"`},
		{"options", `{}`, "", "/response", `"base request 4102444800000 value"`},
		{"context", rotationEvent, "", "/response", `{"changed":true,"rotated":true,"secretId":"prod/db","versionId":"v2"}` + "\n"},
		{"context", rotationEvent, "502 ", "/error", failed},
		{"error", `{}`, "", "/error", `{"errorMessage":"","errorType":"SyntaxError"}`},
	} {
		e := newEndpoint(map[string]string{"NAME": "value"})
		e.failing("/rotation", test.fail)
		cmd, answers := run(t, test.function, e, test.payload)
		start(t, cmd)
		a := receive(t, answers)
		got, _ := io.ReadAll(a.body)
		close(a.done)
		if want := "application/json"; string(got) != test.want || !strings.HasSuffix(a.path, test.path) || a.contentType != want {
			t.Errorf("%s, %s: got %s of type %s to %s\nwant %s of type %s to …%s", test.function, test.payload, got, a.contentType, a.path, test.want, want, test.path)
		}
	}
}

func TestStartWithoutTheExtensionEndsTheProcess(t *testing.T) {
	cmd, _ := run(t, "context", newEndpoint(nil))
	cmd.Env = append(cmd.Env, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "is its layer attached to the function?") {
		t.Errorf("ended with %v and\n%s\nwant status 1 and a line that names the layer", err, out)
	}
}
