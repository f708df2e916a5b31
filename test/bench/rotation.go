package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
	"github.com/aws-secretsmanager/lambda-extension/test/process"
)

// rotation measures from a rotation event to its answer, when the new value must
// be in all places, less what one call to Secrets Manager takes.
func (b *bench) rotation(ctx context.Context) ([]figure, error) {
	aws := awstest.New()
	defer aws.Close()
	aws.SetLatency(20 * time.Millisecond)
	arn, _ := aws.Put("bench/db", `{"DB_PASSWORD":"made-up-0"}`)
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	file := b.path("rotation.env")
	l := lambdatest.New(lambdatest.Options{Env: append(aws.Env(),
		"SECRET=bench/db", "SECRETS_DOTENV_PATH="+file, "AWS_SESSION_TOKEN="+token,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+port)})
	defer l.Close()
	if _, err := l.StartExtension(exec.Command(b.path(extension))); err != nil {
		return nil, err
	}
	if _, err := l.StartRuntime(exec.Command(b.path("function"))); err != nil {
		return nil, err
	}
	var rotations, calls, plain []time.Duration
	for i := range b.times(25, 6) + 1 {
		call, err := upstream(aws)
		if err != nil {
			return nil, err
		}
		value := fmt.Sprintf("made-up-%d", i+1)
		_, version := aws.Put("bench/db", fmt.Sprintf(`{"DB_PASSWORD":%q}`, value))
		began := time.Now()
		res, err := l.Invoke(ctx, awstest.LabelUpdated(arn, "bench/db", version))
		took := time.Since(began)
		if err == nil && res.Error != nil {
			err = res.Error
		}
		if err != nil {
			return nil, fmt.Errorf("rotation: %w", err)
		}
		ordinary, err := everywhere(ctx, l, port, file, value)
		if err != nil {
			return nil, fmt.Errorf("rotation: %w", err)
		}
		if i > 0 { // the first one warms up
			rotations, calls, plain = append(rotations, took), append(calls, call), append(plain, ordinary)
		}
	}
	b.sampleAll("Rotation", rotations)
	all, one := median(rotations), median(calls)
	return []figure{{
		Name: "rotation event to new value everywhere, less one call", Unit: "ms", timing: true,
		Got: ms(all - one), Must: 5, Aim: 1, Detail: fmt.Sprintf("%.2f ms; the call takes %.2f ms, any invocation %.2f ms", ms(all), ms(one), ms(median(plain))),
	}}, nil
}

// everywhere checks that the value is at the endpoint, in the file and in the
// function's process. It returns what the invocation took that told the last.
func everywhere(ctx context.Context, l *lambdatest.Lambda, port, file, value string) (time.Duration, error) {
	answer, err := read("127.0.0.1:"+port, "bench/db")
	if err != nil {
		return 0, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	res, err := l.Invoke(ctx, nil)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	var process struct{ Password string }
	if err := json.Unmarshal(res.Payload, &process); err != nil {
		return 0, err
	}
	var wrong []error
	if !strings.Contains(answer, value) {
		wrong = append(wrong, fmt.Errorf("the endpoint has not %q", value))
	}
	if got, want := string(content), "DB_PASSWORD="+value+"\n"; got != want {
		wrong = append(wrong, fmt.Errorf("the file has %q, want %q", got, want))
	}
	if process.Password != value {
		wrong = append(wrong, fmt.Errorf("the process has %q, want %q", process.Password, value))
	}
	return took, errors.Join(wrong...)
}

// upstream makes one call to Secrets Manager, without an SDK's own time.
func upstream(aws *awstest.SecretsManager) (time.Duration, error) {
	req, err := http.NewRequest(http.MethodPost, aws.URL(), strings.NewReader(`{"SecretId":"bench/db"}`))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+awstest.AccessKeyID+"/20260101/us-east-1/secretsmanager/aws4_request")
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("call to the fake: %s: %s", res.Status, body)
	}
	return time.Since(began), err
}
