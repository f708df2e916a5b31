package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// wrapped is a function whose runtime is started by the wrapper.
type wrapped struct {
	*lambdatest.Lambda
	began   time.Time     // the start of the extension
	started time.Duration // of the runtime, from its exec to its call for an event
}

// answer is the function's, as far as it is looked at.
type answer struct {
	Bytes int    `json:"bytes"`
	Value string `json:"value"`
	PID   int    `json:"pid"`
}

// startWrapped starts a function; with the empty wrapper, its runtime alone.
func (b *bench) startWrapped(ctx context.Context, aws *awstest.SecretsManager, wrapper string, variables ...string) (*wrapped, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, err
	}
	w := &wrapped{began: time.Now()}
	w.Lambda = lambdatest.New(lambdatest.Options{Timeout: 30 * time.Second, Env: append(append(aws.Env(),
		"SECRET=bench/db", "SECRETS_DOTENV_PATH=off", "AWS_SESSION_TOKEN="+token, "AWS_LAMBDA_EXEC_WRAPPER=/opt/secrets-wrapper",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+ports[0], "SECRETS_RUNTIME_PROXY_PORT="+ports[1]), variables...)})
	err = w.init(ctx, exec.Command(b.path(extension)), wrapper, b.path("runtime"))
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *wrapped) init(ctx context.Context, extension *exec.Cmd, wrapper, runtime string) error {
	if _, err := w.StartExtension(extension); err != nil {
		return err
	}
	if err := w.WaitRegistered(ctx); err != nil {
		return err
	}
	command := exec.Command(runtime)
	if wrapper != "" {
		command = exec.Command(wrapper, runtime)
	}
	began := time.Now()
	if _, err := w.StartRuntime(command); err != nil {
		return err
	}
	err := w.WaitInit(ctx)
	w.started = time.Since(began)
	return err
}

// invoke returns how long the runtime took for an event.
func (w *wrapped) invoke(ctx context.Context, event []byte) (a answer, took time.Duration, err error) {
	res, err := w.Invoke(ctx, event)
	if err == nil && res.Error != nil {
		err = res.Error
	}
	if err == nil {
		err = json.Unmarshal(res.Payload, &a)
	}
	return a, res.Duration, err
}

// writeWrapper makes the layer's wrapper for the binary that is measured.
func (b *bench) writeWrapper() (path string, err error) {
	path = b.path("secrets-wrapper")
	return path, os.WriteFile(path, []byte("#!"+b.path(extension)+" exec\n"), 0o755)
}

// proxy compares invocations through the Runtime API proxy with those without it.
func (b *bench) proxy(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("bench/db", `{"DB_PASSWORD":"made-up"}`)
	wrapper, err := b.writeWrapper()
	if err != nil {
		return nil, err
	}
	direct, err := b.startWrapped(ctx, aws, wrapper)
	if err != nil {
		return nil, fmt.Errorf("without the proxy: %w", err)
	}
	defer direct.Close()
	proxied, err := b.startWrapped(ctx, aws, wrapper, "SECRETS_RUNTIME_PROXY=on")
	if err != nil {
		return nil, fmt.Errorf("with the proxy: %w", err)
	}
	defer proxied.Close()
	small, plain, err := alternate(ctx, proxied, direct, 1<<10, b.times(1000, 200))
	if err != nil {
		return nil, err
	}
	large, bare, err := alternate(ctx, proxied, direct, 6<<20, b.times(60, 15))
	if err != nil {
		return nil, err
	}
	times := ratio(large, bare)
	return []figure{
		{
			Name: "Runtime API proxy, added to an invocation with 1 kB", Unit: "ms", timing: true,
			Got: ms(median(small) - median(plain)), Must: 0.4, Aim: 0.2, Detail: fmt.Sprintf("%.3f ms against %.3f ms", ms(median(small)), ms(median(plain))),
		},
		{
			Name: "Runtime API proxy, an invocation with 6 MB", Unit: "×", timing: true,
			Got: times, Must: 1.15, Aim: 1.15, Detail: fmt.Sprintf("%.1f ms against %.1f ms", ms(median(large)), ms(median(bare))),
		},
	}, nil
}

// alternate invokes both with events of that size, turn by turn.
func alternate(ctx context.Context, a, b *wrapped, size, times int) (ofA, ofB []time.Duration, err error) {
	event := []byte(`{"records":["` + strings.Repeat("Secret Rotation ", size/16)[:size-16] + `"]}`)
	var took [2][]time.Duration
	for range times {
		for i, w := range []*wrapped{a, b} {
			answer, t, err := w.invoke(ctx, event)
			if err == nil && answer.Bytes != len(event) {
				err = fmt.Errorf("%d bytes came, want %d", answer.Bytes, len(event))
			}
			if err != nil {
				return nil, nil, fmt.Errorf("invoke: %w", err)
			}
			took[i] = append(took[i], t)
		}
	}
	return took[0], took[1], nil
}

// wrapperStart is what the wrapper adds to the start of a runtime.
func (b *bench) wrapperStart(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("bench/db", `{"DB_PASSWORD":"made-up"}`)
	wrapper, err := b.writeWrapper()
	if err != nil {
		return nil, err
	}
	var took [2][]time.Duration
	for range b.times(40, 8) {
		for i, command := range []string{wrapper, ""} {
			w, err := b.startWrapped(ctx, aws, command)
			if err != nil {
				return nil, fmt.Errorf("start of the runtime: %w", err)
			}
			took[i] = append(took[i], w.started)
			w.Close()
		}
	}
	b.sampleAll("WrapperStart", took[0])
	with, without := median(took[0]), median(took[1])
	return []figure{{
		Name: "wrapper, added to the start of a runtime", Unit: "ms", timing: true,
		Got: ms(with - without), Must: 8, Aim: 4, Detail: fmt.Sprintf("%.2f ms against %.2f ms", ms(with), ms(without)),
	}}, nil
}

// restart compares a warm restart, from the answer to a rotation event to that of
// the next event, with a cold start of the same function.
func (b *bench) restart(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.SetLatency(10 * time.Millisecond)
	wrapper, err := b.writeWrapper()
	if err != nil {
		return nil, err
	}
	var warm, cold []time.Duration
	for i := range b.times(25, 6) {
		arn, _ := aws.Put("bench/db", `{"DB_PASSWORD":"made-up"}`)
		w, err := b.startWrapped(ctx, aws, wrapper, "SECRETS_RUNTIME_PROXY=on", "SECRETS_ON_ROTATION=restart")
		if err != nil {
			return nil, fmt.Errorf("cold start: %w", err)
		}
		first, _, err := w.invoke(ctx, []byte(`{}`))
		cold = append(cold, time.Since(w.began))
		value := fmt.Sprintf("made-up-%d", i)
		_, version := aws.Put("bench/db", fmt.Sprintf(`{"DB_PASSWORD":%q}`, value))
		_, _, rotationErr := w.invoke(ctx, awstest.LabelUpdated(arn, "bench/db", version))
		began := time.Now()
		second, _, nextErr := w.invoke(ctx, []byte(`{}`))
		warm = append(warm, time.Since(began))
		w.Close()
		if err := errors.Join(err, rotationErr, nextErr); err != nil {
			return nil, fmt.Errorf("warm restart: %w", err)
		}
		if second.Value != value || second.PID == first.PID {
			return nil, fmt.Errorf("warm restart: the runtime has the value %q, want %q in another process than before", second.Value, value)
		}
	}
	b.sampleAll("WarmRestart", warm)
	times := ratio(warm, cold)
	restarted, started := median(warm), median(cold)
	return []figure{{
		Name: "warm restart with new variables, against a cold start", Unit: "×", timing: true,
		Got: times, Must: 0.7, Aim: 0.7, Detail: fmt.Sprintf("%.1f ms against %.1f ms", ms(restarted), ms(started)),
	}}, nil
}
