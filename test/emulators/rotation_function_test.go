package emulators

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/lambdatest"
)

// A whole rotation by the example's binary: it is called as Secrets Manager calls
// it, and its event comes out of EventBridge where a rule sends it.
func TestRotationFunction(t *testing.T) {
	bootstrap := buildRotationFunction(t)
	each(t, func(t *testing.T, e *emulator) {
		const start, end = `{"port":5432.0,"password":"`, `", "user":"app"}`
		arn, _ := e.create("db", start+canary+end)
		token := "11111111-2222-3333-4444-555555555555"
		old := e.beginRotation(arn, token)
		queue := e.queueOf(`{"source":["secretsmanager"],"detail-type":["Secret Rotation"],"detail":{"secretId":["` + e.prefix + `db"]}}`)

		log := rotate(t, e, bootstrap, arn, token)

		out, err := e.client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: aws.String("AWSCURRENT")})
		if err != nil {
			t.Fatal(err)
		}
		rest, hasStart := strings.CutPrefix(*out.SecretString, start)
		made, hasEnd := strings.CutSuffix(rest, end)
		if !hasStart || !hasEnd || len(made) != 32 || *out.VersionId != token {
			t.Errorf("version %s with %q, want %s with another password and nothing else changed", *out.VersionId, *out.SecretString, token)
		}
		out, err = e.client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn, VersionStage: aws.String("AWSPREVIOUS")})
		if err != nil || *out.VersionId != old || *out.SecretString != start+canary+end {
			t.Errorf("AWSPREVIOUS: %+v, %v, want version %s with the old value", out, err, old)
		}
		want := map[string]string{"secretId": e.prefix + "db", "versionId": token}
		for i := range 2 { // finishSecret ran twice
			if diff := cmp.Diff(want, e.receive(queue).Detail); diff != "" {
				t.Errorf("event %d (-want +got)\n%s", i, diff)
			}
		}
		if strings.Contains(log, canary) || made != "" && strings.Contains(log, made) {
			t.Errorf("the function printed a password:\n%s", log)
		}
	})
}

// rotate runs the four steps, and the last one twice, in the function's binary.
func rotate(t *testing.T, e *emulator, bootstrap, arn, token string) (log string) {
	t.Helper()
	l := lambdatest.New(lambdatest.Options{
		TB: t, Function: "rotate", Timeout: patience,
		Env: []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + e.url, "AWS_ENDPOINT_URL_EVENTBRIDGE=" + e.url},
	})
	defer l.Close()
	function, err := l.StartRuntime(exec.Command(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	in := events.SecretsManagerSecretRotationEvent{SecretID: arn, ClientRequestToken: token}
	for _, in.Step = range []string{"createSecret", "setSecret", "testSecret", "finishSecret", "finishSecret"} {
		payload, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := l.Invoke(t.Context(), payload); err != nil || res.Error != nil {
			t.Fatalf("%s: %v, %v", in.Step, res.Error, err)
		}
	}
	return function.Log()
}

// beginRotation brings a secret to where Secrets Manager calls the function: with
// rotation on, and a version AWSPENDING that has no value. It returns the version
// that is current.
func (e *emulator) beginRotation(arn, token string) (current string) {
	e.t.Helper()
	in := &secretsmanager.RotateSecretInput{SecretId: &arn, ClientRequestToken: &token}
	if e.name == "moto" {
		in.RotationLambdaARN = aws.String(e.standIn())
		in.RotationRules = &secrettypes.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}
	} else {
		in.ClientRequestToken = aws.String(strings.Repeat("0", 36))
	}
	if _, err := e.client.RotateSecret(e.t.Context(), in); err != nil {
		e.t.Fatal(err)
	}
	if e.name == "ministack" {
		// Its RotateSecret makes a copy of the value current at once, and stores a version without a value if asked.
		_, err := e.client.PutSecretValue(e.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &arn, ClientRequestToken: &token, VersionStages: []string{"AWSPENDING"}})
		if err != nil {
			e.t.Fatal(err)
		}
	}
	secret, err := e.client.DescribeSecret(e.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &arn})
	if err != nil {
		e.t.Fatal(err)
	}
	for id, stages := range secret.VersionIdsToStages {
		if strings.Join(stages, " ") == "AWSCURRENT" {
			current = id
		}
	}
	if pending := strings.Join(secret.VersionIdsToStages[token], " "); current == "" || pending != "AWSPENDING" || !*secret.RotationEnabled {
		e.t.Fatalf("rotation %v, labels %v, want the beginning of a rotation", *secret.RotationEnabled, secret.VersionIdsToStages)
	}
	return current
}

// standIn makes a function of moto that does nothing, for RotateSecret to call:
// moto runs functions in Docker or not at all.
func (e *emulator) standIn() (arn string) {
	e.t.Helper()
	resp, err := http.Post(e.url+"/moto-api/config", "application/json", strings.NewReader(`{"lambda":{"use_docker":false}}`))
	if err != nil {
		e.t.Fatal(err)
	}
	resp.Body.Close()
	name := aws.String("rotate-" + e.prefix[:len(e.prefix)-1])
	o := e.client.Options()
	role, err := iam.New(iam.Options{Region: region, BaseEndpoint: &e.url, Credentials: o.Credentials}).CreateRole(e.t.Context(), &iam.CreateRoleInput{
		RoleName: name, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`),
	})
	if err != nil {
		e.t.Fatal(err)
	}
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	if _, err := z.Create("bootstrap"); err != nil {
		e.t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		e.t.Fatal(err)
	}
	function, err := lambda.New(lambda.Options{Region: region, BaseEndpoint: &e.url, Credentials: o.Credentials}).CreateFunction(e.t.Context(), &lambda.CreateFunctionInput{
		FunctionName: name, Role: role.Role.Arn, Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return *function.FunctionArn
}

// queueOf makes a queue that gets the events of a pattern, and returns its URL.
func (e *emulator) queueOf(pattern string) (url string) {
	e.t.Helper()
	name := "rotation-" + e.prefix[:len(e.prefix)-1]
	var queue struct {
		QueueURL   string `json:"QueueUrl"`
		Attributes struct{ QueueArn string }
	}
	e.sqs("CreateQueue", map[string]any{"QueueName": name}, &queue)
	e.sqs("GetQueueAttributes", map[string]any{"QueueUrl": queue.QueueURL, "AttributeNames": []string{"QueueArn"}}, &queue)

	bus := eventbridge.New(eventbridge.Options{Region: region, BaseEndpoint: &e.url, Credentials: e.client.Options().Credentials})
	if _, err := bus.PutRule(e.t.Context(), &eventbridge.PutRuleInput{Name: &name, EventPattern: &pattern}); err != nil {
		e.t.Fatal(err)
	}
	out, err := bus.PutTargets(e.t.Context(), &eventbridge.PutTargetsInput{
		Rule: &name, Targets: []eventtypes.Target{{Id: aws.String("queue"), Arn: &queue.Attributes.QueueArn}},
	})
	if err != nil || out.FailedEntryCount > 0 {
		e.t.Fatal(out, err)
	}
	return queue.QueueURL
}

// arrived is an event as a target gets it.
type arrived struct {
	Source string
	Detail map[string]string
}

// receive waits for the next event of a queue.
func (e *emulator) receive(queue string) (event arrived) {
	e.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var got struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		e.sqs("ReceiveMessage", map[string]any{"QueueUrl": queue, "MaxNumberOfMessages": 1, "VisibilityTimeout": 600}, &got)
		if len(got.Messages) == 0 {
			continue
		}
		if err := json.Unmarshal([]byte(got.Messages[0].Body), &event); err != nil {
			e.t.Fatalf("%v in %s", err, got.Messages[0].Body)
		}
		return event
	}
	e.t.Fatalf("no event within %v", patience)
	return event
}

// sqs makes one call in SQS's JSON protocol.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
func (e *emulator) sqs(operation string, in, out any) {
	e.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	// Emulators look up the service in the credential and do not verify the signature.
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=test/%s/%s/sqs/aws4_request, SignedHeaders=host, Signature=0", time.Now().UTC().Format("20060102"), region))
	resp, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil || resp.StatusCode != http.StatusOK {
		e.t.Fatalf("%s: %s, %v", operation, resp.Status, err)
	}
}
