package awstest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// start returns a fake and the real SDK's client of it.
func start(t *testing.T) (*awstest.SecretsManager, *secretsmanager.Client) {
	fake := awstest.New()
	t.Cleanup(fake.Close)
	return fake, clientOf(fake.URL(), awstest.AccessKeyID)
}

func clientOf(url, key string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:       awstest.Region,
		BaseEndpoint: &url,
		Credentials:  credentials.NewStaticCredentialsProvider(key, awstest.SecretAccessKey, awstest.SessionToken),
		Retryer:      aws.NopRetryer{},
	})
}

type get struct{ id, version, stage string }

// read returns the value, or the error's type and text.
func read(ctx context.Context, c *secretsmanager.Client, g get) string {
	in := &secretsmanager.GetSecretValueInput{SecretId: &g.id}
	if g.version != "" {
		in.VersionId = &g.version
	}
	if g.stage != "" {
		in.VersionStage = &g.stage
	}
	out, err := c.GetSecretValue(ctx, in)
	if api, is := errors.AsType[smithy.APIError](err); is {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	if out.SecretBinary != nil {
		return string(out.SecretBinary)
	}
	return aws.ToString(out.SecretString)
}

const (
	notFound = "ResourceNotFoundException: Secrets Manager can't find the specified secret."
	noValue  = "ResourceNotFoundException: Secrets Manager can't find the specified secret value for "
	marked   = "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."
)

func TestReads(t *testing.T) {
	fake, client := start(t)
	arn, v1 := fake.Put("db", "one")
	_, v2 := fake.Put("db", "two")
	v3 := fake.PutPending("db", "three")
	fake.PutStaged("db", "blue", "BLUE")
	fake.PutBinary("bin", []byte{0, 1})
	hyphen, _ := fake.Put("ends-AbCdEf", "hyphen")
	fake.Put("gone", "x")
	fake.Delete("gone")
	partial := func(arn string) string { return arn[:len(arn)-7] }

	tests := []struct {
		get  get
		want string
	}{
		{get{id: "db"}, "two"},
		{get{id: arn}, "two"},
		{get{id: partial(arn)}, "two"},
		{get{id: hyphen}, "hyphen"},
		{get{id: partial(hyphen)}, notFound},
		{get{id: "bin"}, "\x00\x01"},
		{get{id: "db", stage: "AWSCURRENT"}, "two"},
		{get{id: "db", stage: "AWSPREVIOUS"}, "one"},
		{get{id: "db", stage: "AWSPENDING"}, "three"},
		{get{id: "db", stage: "BLUE"}, "blue"},
		{get{id: "db", version: v1}, "one"},
		{get{id: "db", version: v2, stage: "AWSCURRENT"}, "two"},
		{get{id: "db", version: v1, stage: "AWSCURRENT"}, "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId."},
		{get{id: "db", stage: "GREEN"}, noValue + "staging label: GREEN"},
		{get{id: "db", version: strings.Repeat("0", 36)}, noValue + "VersionId: " + strings.Repeat("0", 36)},
		{get{id: "none"}, notFound},
		{get{id: "gone"}, marked},
		{get{id: ""}, "ValidationException: 1 validation error detected: Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	}
	for _, tt := range tests {
		if got := read(t.Context(), client, tt.get); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.get, got, tt.want)
		}
	}

	fake.Promote("db", v3)
	want := map[string]string{"AWSCURRENT": v3, "AWSPREVIOUS": v2}
	got := fake.Stages("db")
	delete(got, "BLUE")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels after Promote (-want +got)\n%s", diff)
	}
}

func TestRecreationChangesTheARN(t *testing.T) {
	fake, client := start(t)
	first, _ := fake.Put("db", "one")
	fake.Delete("db")
	fake.Restore("db")
	if got := read(t.Context(), client, get{id: "db"}); got != "one" {
		t.Errorf("after Restore: got %q", got)
	}
	fake.Purge("db")
	if got := read(t.Context(), client, get{id: "db"}); got != notFound {
		t.Errorf("after Purge: got %q", got)
	}
	second, _ := fake.Put("db", "two")
	if first == second || first[:len(first)-6] != second[:len(second)-6] {
		t.Errorf("got ARN %s after %s", second, first)
	}
	if got := read(t.Context(), client, get{id: first}); got != notFound {
		t.Errorf("by the old ARN: got %q", got)
	}
}

func TestLag(t *testing.T) {
	fake, client := start(t)
	fake.Put("db", "one")
	fake.SetLag(awstest.Lag{Reads: 2})
	_, v2 := fake.Put("db", "two")
	if got := read(t.Context(), client, get{id: "db", version: v2}); got != "two" {
		t.Errorf("by version: got %q", got)
	}
	var got []string
	for range 3 {
		got = append(got, read(t.Context(), client, get{id: "db"}))
	}
	if want := []string{"one", "one", "two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLagOfTime(t *testing.T) {
	fake, client := start(t)
	fake.Put("db", "one")
	fake.SetLag(awstest.Lag{For: 50 * time.Millisecond})
	since := time.Now()
	fake.Put("db", "two")
	if got := read(t.Context(), client, get{id: "db"}); got != "one" && time.Since(since) < 50*time.Millisecond {
		t.Errorf("at once: got %q", got)
	}
	for read(t.Context(), client, get{id: "db"}) != "two" {
	}
	if d := time.Since(since); d < 50*time.Millisecond {
		t.Errorf("seen after %v", d)
	}
}

// The steps of a rotation function, over the wire.
func TestRotation(t *testing.T) {
	fake, client := start(t)
	ctx := t.Context()
	created, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("one"), ClientRequestToken: aws.String(strings.Repeat("a", 32))})
	if err != nil {
		t.Fatal(err)
	}
	id := created.ARN
	token := aws.String(strings.Repeat("b", 32))
	if _, err := client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: id, ClientRequestToken: token}); err != nil {
		t.Fatal(err)
	}
	if got := read(ctx, client, get{id: "db", stage: "AWSPENDING"}); got != noValue+"staging label: AWSPENDING" {
		t.Errorf("before the value is put: got %q", got)
	}
	put := &secretsmanager.PutSecretValueInput{SecretId: id, ClientRequestToken: token, SecretString: aws.String("two"), VersionStages: []string{"AWSPENDING"}}
	for range 2 { // the second is the same call again
		if _, err := client.PutSecretValue(ctx, put); err != nil {
			t.Fatal(err)
		}
	}
	put.SecretString = aws.String("changed")
	if _, err := client.PutSecretValue(ctx, put); err == nil || !strings.Contains(err.Error(), "ResourceExistsException") {
		t.Errorf("another value for a version: got %v", err)
	}
	move := &secretsmanager.UpdateSecretVersionStageInput{SecretId: id, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: token}
	if _, err := client.UpdateSecretVersionStage(ctx, move); err == nil || !strings.Contains(err.Error(), "RemoveFromVersionId can't be empty") {
		t.Errorf("move without RemoveFromVersionId: got %v", err)
	}
	move.RemoveFromVersionId = created.VersionId
	if _, err := client.UpdateSecretVersionStage(ctx, move); err != nil {
		t.Fatal(err)
	}
	about, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: id})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{*token: {"AWSCURRENT", "AWSPENDING"}, *created.VersionId: {"AWSPREVIOUS"}}
	if diff := cmp.Diff(want, about.VersionIdsToStages); diff != "" || !*about.RotationEnabled {
		t.Errorf("RotationEnabled %v, labels (-want +got)\n%s", *about.RotationEnabled, diff)
	}
	if got := read(ctx, client, get{id: "db"}); got != "two" {
		t.Errorf("got %q", got)
	}
	if got := fake.Calls()[0].Op; got != "CreateSecret" {
		t.Errorf("first call %q", got)
	}
}

func TestDeletionOverTheWire(t *testing.T) {
	fake, client := start(t)
	ctx, id := t.Context(), aws.String("db")
	fake.Put("db", "one")
	if _, err := client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: id}); err != nil {
		t.Fatal(err)
	}
	if got := read(ctx, client, get{id: "db"}); got != marked {
		t.Errorf("got %q", got)
	}
	if _, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: id, SecretString: id}); err == nil || !strings.Contains(err.Error(), "already scheduled for deletion") {
		t.Errorf("create: got %v", err)
	}
	if _, err := client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: id, SecretString: aws.String("two")}); err != nil {
		t.Fatal(err)
	}
	if got := read(ctx, client, get{id: "db"}); got != "two" {
		t.Errorf("got %q", got)
	}
	if _, err := client.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: id, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if got := read(ctx, client, get{id: "db"}); got != notFound {
		t.Errorf("got %q", got)
	}
	password, err := client.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{PasswordLength: aws.Int64(20), ExcludeCharacters: aws.String("abc"), ExcludePunctuation: aws.Bool(true)})
	if err != nil || len(*password.RandomPassword) != 20 || strings.ContainsAny(*password.RandomPassword, "abc!") {
		t.Errorf("got %v, %v", password, err)
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		fault  awstest.Fault
		status int
		want   string // a part of the error, "" for none
	}{
		{awstest.Fault{Kind: awstest.ResourceNotFound}, 400, "ResourceNotFoundException"},
		{awstest.Fault{Kind: awstest.MarkedForDeletion}, 400, "marked for deletion"},
		{awstest.Fault{Kind: awstest.InvalidParameter}, 400, "InvalidParameterException"},
		{awstest.Fault{Kind: awstest.DecryptionFailure}, 400, "DecryptionFailure"},
		{awstest.Fault{Kind: awstest.AccessDenied}, 400, "not authorized to perform: secretsmanager:GetSecretValue on resource: db because"},
		{awstest.Fault{Kind: awstest.KMSAccessDenied}, 400, "Access to KMS is not allowed"},
		{awstest.Fault{Kind: awstest.Throttling}, 400, "ThrottlingException"},
		{awstest.Fault{Kind: awstest.ExpiredToken}, 400, "ExpiredTokenException"},
		{awstest.Fault{Kind: awstest.InternalServiceError}, 500, "InternalServiceError"},
		{awstest.Fault{Kind: awstest.Unavailable}, 503, "StatusCode: 503"},
		{awstest.Fault{Kind: awstest.Error, Status: 418, Type: "Teapot", Message: "short"}, 418, "Teapot: short"},
		{awstest.Fault{Kind: awstest.Slow, Delay: time.Millisecond}, 200, ""},
		{awstest.Fault{Kind: awstest.Drip, Delay: time.Microsecond}, 200, ""},
		{awstest.Fault{Kind: awstest.Reset}, 0, "reset by peer"},
		{awstest.Fault{Kind: awstest.Truncated}, 200, "unexpected EOF"},
		{awstest.Fault{Kind: awstest.Garbage}, 200, "deserialization"},
	}
	fake, client := start(t)
	fake.Put("db", "one")
	for _, tt := range tests {
		fake.ResetCalls()
		tt.fault.Times = 1
		fake.Fail(tt.fault)
		_, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("db")})
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.fault.Kind, err, tt.want)
		}
		if re, is := errors.AsType[*smithyhttp.ResponseError](err); is && re.HTTPStatusCode() != tt.status {
			t.Errorf("%s: got status %d, want %d", tt.fault.Kind, re.HTTPStatusCode(), tt.status)
		}
		if got := read(t.Context(), client, get{id: "db"}); got != "one" {
			t.Errorf("%s: the call after it: %q", tt.fault.Kind, got)
		}
	}
}

func TestDamagedAnswers(t *testing.T) {
	fake, client := start(t)
	fake.Put("db", "one")
	fake.Put("other", "another")
	for kind, want := range map[awstest.Kind]string{awstest.Empty: "", awstest.NoValue: "", awstest.AnotherSecret: "another"} {
		fake.Fail(awstest.Fault{Kind: kind, Other: "other", Times: 1})
		if got := read(t.Context(), client, get{id: "db"}); got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}

func TestFaultsAreAimed(t *testing.T) {
	fake, client := start(t)
	arn, _ := fake.Put("db", "one")
	fake.Put("other", "two")
	fake.Fail(awstest.Fault{Kind: awstest.Throttling, SecretID: "db"})
	fake.Fail(awstest.Fault{Kind: awstest.Throttling, Op: "DescribeSecret"})
	for range 2 {
		if got := read(t.Context(), client, get{id: arn}); !strings.HasPrefix(got, "Throttling") {
			t.Errorf("by ARN: got %q", got)
		}
		if got := read(t.Context(), client, get{id: "other"}); got != "two" {
			t.Errorf("the other secret: got %q", got)
		}
	}
	if _, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("other")}); err == nil {
		t.Error("DescribeSecret: got no error")
	}
	fake.Heal()
	if got := read(t.Context(), client, get{id: "db"}); got != "one" {
		t.Errorf("after Heal: got %q", got)
	}
	if n := fake.CallCount(arn); n != 3 {
		t.Errorf("CallCount(arn) = %d, want 3", n)
	}
}

func TestHang(t *testing.T) {
	fake, client := start(t)
	fake.Put("db", "one")
	fake.Fail(awstest.Fault{Kind: awstest.Hang})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got := read(ctx, client, get{id: "db"}); !strings.Contains(got, "deadline exceeded") {
		t.Errorf("got %q", got)
	}
	arrived := make(chan bool, 1)
	fake.Answer(func(http.ResponseWriter, awstest.Call) bool { arrived <- true; return false })
	var wg sync.WaitGroup
	wg.Go(func() {
		if got := read(t.Context(), client, get{id: "db"}); got != "one" {
			t.Errorf("after Heal: got %q", got)
		}
	})
	<-arrived
	fake.Heal()
	wg.Wait()
}

func TestKeysAreRecorded(t *testing.T) {
	fake, _ := start(t)
	fake.Put("db", "one")
	keys := awstest.NewCredentials(time.Hour)
	defer keys.Close()
	client := clientOf(fake.URL(), keys.Keys().AccessKeyID)
	read(t.Context(), client, get{id: "db", stage: "AWSCURRENT"})
	fake.ExpireKey(keys.Rotate(time.Hour).AccessKeyID)
	if got, want := read(t.Context(), client, get{id: "db"}), "ExpiredTokenException: The security token included in the request is expired"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c := fake.Calls()[0]
	if c.Op != "GetSecretValue" || c.SecretID != "db" || c.Stage != "AWSCURRENT" || c.Status != 200 || c.SessionToken != awstest.SessionToken || c.AccessKeyID == keys.Keys().AccessKeyID || c.Time.IsZero() {
		t.Errorf("got %+v", c)
	}
}

func TestMisusePanics(t *testing.T) {
	fake, _ := start(t)
	fake.Put("db", "one")
	for name, f := range map[string]func(){
		"Promote": func() { fake.Promote("db", "none") },
		"Delete":  func() { fake.Delete("none") },
		"ARN":     func() { fake.ARN("none") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s of what does not exist: no panic", name)
				}
			}()
			f()
		}()
	}
}
