package awstest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const (
	appARN  = "arn:aws:lambda:us-east-1:123456789012:function:app"
	ruleARN = "arn:aws:events:us-east-1:123456789012:rule/rotated"
)

func startLambda(t *testing.T, p awstest.Place) (*awstest.Lambda, *lambda.Client) {
	t.Helper()
	fake := awstest.NewLambda(p)
	t.Cleanup(fake.Close)
	region := p.Region
	if region == "" {
		region = awstest.Region
	}
	return fake, lambda.New(lambda.Options{
		Region:       region,
		BaseEndpoint: aws.String(fake.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, awstest.SessionToken),
		Retryer:      aws.NopRetryer{},
	})
}

// unexported ignores the marker that every type of the SDK holds.
var unexported = cmp.FilterPath(func(p cmp.Path) bool {
	field, is := p.Last().(cmp.StructField)
	return is && field.Name() == "noSmithyDocumentSerde"
}, cmp.Ignore())

// apiError is the error in words: status, code and message; "" for none.
func apiError(err error) string {
	if err == nil {
		return ""
	}
	api, isAPI := errors.AsType[smithy.APIError](err)
	resp, isResponse := errors.AsType[*smithyhttp.ResponseError](err)
	if !isAPI || !isResponse {
		return err.Error()
	}
	return strings.Join([]string{http.StatusText(resp.HTTPStatusCode()), api.ErrorCode(), api.ErrorMessage()}, ": ")
}

func TestLambdaIdentifiers(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app", Versions: []string{"1", "2"}, Aliases: map[string]string{"live": "2"}})
	const missing = "Not Found: ResourceNotFoundException: Function not found: "
	tests := []struct {
		id, qualifier string
		arn, version  string
		err           string
	}{
		{"app", "", appARN, "$LATEST", ""},
		{"app", "$LATEST", appARN + ":$LATEST", "$LATEST", ""},
		{"app", "1", appARN + ":1", "1", ""},
		{"app", "live", appARN + ":live", "2", ""},
		{"app:live", "", appARN + ":live", "2", ""},
		{"app:live", "live", appARN + ":live", "2", ""},
		{"123456789012:function:app", "", appARN, "$LATEST", ""},
		{"123456789012:function:app:1", "", appARN + ":1", "1", ""},
		{"function:app", "", appARN, "$LATEST", ""},
		{appARN, "", appARN, "$LATEST", ""},
		{appARN, "live", appARN + ":live", "2", ""},
		{appARN + ":live", "", appARN + ":live", "2", ""},
		{"app:live", "1", "", "", "Bad Request: InvalidParameterValueException: The derived qualifier from the function name does not match the specified qualifier."},
		{"other", "", "", "", missing + "arn:aws:lambda:us-east-1:123456789012:function:other"},
		{"app", "3", "", "", missing + appARN + ":3"},
		{appARN + ":dead", "", "", "", missing + appARN + ":dead"},
		{"arn:aws:lambda:us-west-2:123456789012:function:app", "", "", "", "Not Found: ResourceNotFoundException: Functions from 'us-west-2' are not reachable in this region ('us-east-1')"},
		{
			"210987654321:function:app", "", "", "",
			"Forbidden: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ops/me is not authorized to perform: lambda:GetFunctionConfiguration on resource: arn:aws:lambda:us-east-1:210987654321:function:app because no resource-based policy allows the lambda:GetFunctionConfiguration action",
		},
	}
	for _, tt := range tests {
		in := &lambda.GetFunctionConfigurationInput{FunctionName: &tt.id}
		if tt.qualifier != "" {
			in.Qualifier = &tt.qualifier
		}
		out, err := client.GetFunctionConfiguration(t.Context(), in)
		if got := apiError(err); got != tt.err {
			t.Errorf("%s %s: got error %q, want %q", tt.id, tt.qualifier, got, tt.err)
		}
		if err == nil && (aws.ToString(out.FunctionArn) != tt.arn || aws.ToString(out.Version) != tt.version) {
			t.Errorf("%s %s: got %s, version %s; want %s, version %s", tt.id, tt.qualifier, *out.FunctionArn, *out.Version, tt.arn, tt.version)
		}
	}
	_, err := client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("no function")})
	if got := apiError(err); !strings.HasPrefix(got, "Bad Request: ValidationException: 1 validation error detected: Value 'no function' at 'functionName'") {
		t.Errorf("got %q", got)
	}
}

func TestGetFunction(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	layer := fake.PutLayer("secrets", []string{"arm64"}, "")
	fake.Create(awstest.Function{
		Name: "app", Runtime: "nodejs24.x", Architectures: []string{"arm64"}, Layers: []string{layer}, Timeout: 7, MemorySize: 256,
		Env: map[string]string{"SECRET": "prod/db"}, SnapStart: true, Versions: []string{"1"}, LastUpdateStatus: "InProgress",
	})
	out, err := client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("app"), Qualifier: aws.String("1")})
	if err != nil {
		t.Fatal(err)
	}
	got := *out.Configuration
	if got.RevisionId == nil || got.LastModified == nil || got.CodeSha256 == nil || aws.ToString(out.Code.RepositoryType) != "S3" || out.Concurrency != nil {
		t.Errorf("got %+v and code %+v", got, out.Code)
	}
	got.RevisionId, got.LastModified, got.CodeSha256, got.Handler = nil, nil, nil, nil
	want := types.FunctionConfiguration{
		FunctionName: aws.String("app"), FunctionArn: aws.String(appARN + ":1"), Version: aws.String("1"),
		Role: aws.String("arn:aws:iam::123456789012:role/app"), Runtime: types.RuntimeNodejs24x, PackageType: types.PackageTypeZip,
		Architectures: []types.Architecture{types.ArchitectureArm64}, Timeout: aws.Int32(7), MemorySize: aws.Int32(256), CodeSize: 512,
		Layers:      []types.Layer{{Arn: &layer, CodeSize: 4096}},
		Environment: &types.EnvironmentResponse{Variables: map[string]string{"SECRET": "prod/db"}},
		State:       types.StateActive, LastUpdateStatus: types.LastUpdateStatusInProgress,
		TracingConfig: &types.TracingConfigResponse{Mode: types.TracingModePassThrough}, EphemeralStorage: &types.EphemeralStorage{Size: aws.Int32(512)},
		SnapStart: &types.SnapStartResponse{ApplyOn: types.SnapStartApplyOnPublishedVersions, OptimizationStatus: types.SnapStartOptimizationStatusOn},
	}
	if diff := cmp.Diff(want, got, unexported); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImageFunction(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app", PackageType: "Image"})
	fake.SetConcurrency("app", 5)
	out, err := client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	if c := out.Configuration; c.PackageType != types.PackageTypeImage || c.Runtime != "" || c.Handler != nil || aws.ToString(out.Code.RepositoryType) != "ECR" {
		t.Errorf("got %+v and code %+v", c, out.Code)
	}
	if out.Concurrency == nil || aws.ToInt32(out.Concurrency.ReservedConcurrentExecutions) != 5 {
		t.Errorf("got concurrency %+v", out.Concurrency)
	}
}

func TestAliasesAndVersions(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	variables := map[string]string{"SECRET": "old"}
	fake.Create(awstest.Function{Name: "app", Env: variables})
	variables["SECRET"] = "other"
	version := fake.Publish("app", "live")
	fake.Configure("app", func(f *awstest.Function) { f.Env["SECRET"] = "new" })

	alias, err := client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("app"), Name: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	if *alias.AliasArn != appARN+":live" || *alias.FunctionVersion != version || version != "1" {
		t.Errorf("got %+v, want version %s", alias, version)
	}
	for qualifier, want := range map[string]string{"live": "old", "1": "old", "$LATEST": "new"} {
		c, err := client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("app"), Qualifier: &qualifier})
		if err != nil || c.Environment.Variables["SECRET"] != want {
			t.Errorf("%s: got %v, %v, want %s", qualifier, c, err, want)
		}
	}
	_, err = client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: aws.String("app"), Name: aws.String("dead")})
	if got, want := apiError(err), "Not Found: ResourceNotFoundException: Cannot find alias arn: "+appARN+":dead"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.Delete("app")
	_, err = client.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("app")})
	if got, want := apiError(err), "Not Found: ResourceNotFoundException: Function not found: "+appARN; got != want {
		t.Errorf("deleted: got %q, want %q", got, want)
	}
}

func TestLayers(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.PutLayer("secrets", []string{"x86_64"}, "one")
	arn := fake.PutLayer("secrets", []string{"x86_64", "arm64"}, "two")
	const layerARN = "arn:aws:lambda:us-east-1:123456789012:layer:secrets"
	if arn != layerARN+":2" {
		t.Fatalf("got %s", arn)
	}
	byARN, err := client.GetLayerVersionByArn(t.Context(), &lambda.GetLayerVersionByArnInput{Arn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if *byARN.LayerArn != layerARN || *byARN.LayerVersionArn != arn || byARN.Version != 2 || *byARN.Description != "two" || len(byARN.CompatibleArchitectures) != 2 {
		t.Errorf("got %+v", byARN)
	}
	for _, name := range []string{"secrets", layerARN} {
		out, err := client.GetLayerVersion(t.Context(), &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: aws.Int64(1)})
		if err != nil || *out.Description != "one" {
			t.Errorf("%s: got %v, %v", name, out, err)
		}
	}
	foreign := fake.PutLayer("arn:aws:lambda:us-east-1:177933569100:layer:theirs", nil, "")
	if _, err := client.GetLayerVersionByArn(t.Context(), &lambda.GetLayerVersionByArnInput{Arn: &foreign}); err != nil {
		t.Errorf("%s: %v", foreign, err)
	}
	_, err = client.GetLayerVersionByArn(t.Context(), &lambda.GetLayerVersionByArnInput{Arn: aws.String(layerARN + ":3")})
	if got, want := apiError(err), "Not Found: ResourceNotFoundException: Layer version "+layerARN+":3 does not exist."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConcurrency(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app"})
	reserved := func() *int32 {
		out, err := client.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: aws.String("app")})
		if err != nil {
			t.Fatal(err)
		}
		return out.ReservedConcurrentExecutions
	}
	invoke := func() string {
		_, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("app")})
		return apiError(err)
	}
	if got := reserved(); got != nil {
		t.Errorf("got %d", *got)
	}
	fake.SetConcurrency("app", 0)
	if got := reserved(); got == nil || *got != 0 {
		t.Errorf("got %v, want 0", got)
	}
	if got, want := invoke(), "Too Many Requests: TooManyRequestsException: Rate Exceeded."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.SetConcurrency("app", -1)
	if got := reserved(); got != nil || invoke() != "" {
		t.Errorf("without a reservation: got %v and %q", got, invoke())
	}
}

func TestUpdateFunctionConfiguration(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	layer := fake.PutLayer("secrets", nil, "")
	fake.Create(awstest.Function{Name: "app", Role: "r", Timeout: 7, Env: map[string]string{"A": "1", "B": "2"}})
	in := &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String("app"), Layers: []string{layer}, Environment: &types.Environment{Variables: map[string]string{"A": "3"}}}
	out, err := client.UpdateFunctionConfiguration(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Timeout != 7 || *out.Role != "r" || len(out.Layers) != 1 || !cmp.Equal(out.Environment.Variables, map[string]string{"A": "3"}) {
		t.Errorf("got %+v", out)
	}
	fake.Configure("app", func(f *awstest.Function) { f.MemorySize = 512 })
	in.RevisionId = out.RevisionId
	_, err = client.UpdateFunctionConfiguration(t.Context(), in)
	if got := apiError(err); !strings.HasPrefix(got, "Precondition Failed: PreconditionFailedException: The Revision Id provided") {
		t.Errorf("a stale revision: got %q", got)
	}
	in.RevisionId, in.Layers = nil, []string{layer[:len(layer)-1] + "9"}
	_, err = client.UpdateFunctionConfiguration(t.Context(), in)
	if got, want := apiError(err), "Bad Request: InvalidParameterValueException: Layer version "+in.Layers[0]+" does not exist."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.Configure("app", func(f *awstest.Function) { f.LastUpdateStatus = "InProgress" })
	_, err = client.UpdateFunctionConfiguration(t.Context(), in)
	if got, want := apiError(err), "Conflict: ResourceConflictException: The operation cannot be performed at this time. An update is in progress for resource: "+appARN; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInvoke(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app", Versions: []string{"1"}, Aliases: map[string]string{"live": "1"}})
	in := &lambda.InvokeInput{FunctionName: aws.String("app:live"), Payload: []byte(`{"a":1}`)}
	if out, err := client.Invoke(t.Context(), in); err != nil || string(out.Payload) != "null" {
		t.Errorf("without code: got %v, %v", out, err)
	}
	fake.Handle("app", func(_ context.Context, payload []byte) ([]byte, string) {
		if string(payload) == `{"a":1}` {
			return append([]byte("echo "), payload...), ""
		}
		return []byte(`{"errorMessage":"no"}`), "Unhandled"
	})
	out, err := client.Invoke(t.Context(), in)
	if err != nil || out.StatusCode != 200 || string(out.Payload) != `echo {"a":1}` || *out.ExecutedVersion != "1" || out.FunctionError != nil {
		t.Errorf("got %+v, %v", out, err)
	}
	if got, err := fake.Invoke(t.Context(), appARN+":live", []byte(`{"a":1}`)); err != nil || string(got) != `echo {"a":1}` {
		t.Errorf("in Go: got %s, %v", got, err)
	}
	in.Payload = nil
	out, err = client.Invoke(t.Context(), in)
	if err != nil || out.StatusCode != 200 || string(out.Payload) != `{"errorMessage":"no"}` || aws.ToString(out.FunctionError) != "Unhandled" {
		t.Errorf("a function error: got %+v, %v", out, err)
	}
	_, err = fake.Invoke(t.Context(), appARN, nil)
	if failed, is := errors.AsType[*awstest.FunctionError](err); !is || failed.Kind != "Unhandled" || failed.Response != `{"errorMessage":"no"}` {
		t.Errorf("a function error in Go: got %v", err)
	}
	for _, arn := range []string{appARN + ":dead", appARN + "2", strings.Replace(appARN, "us-east-1", "us-west-2", 1)} {
		if _, err := fake.Invoke(t.Context(), arn, nil); err == nil || err.Error() != "invoke: Function not found: "+arn && err.Error() != "invoke: ResourceNotFoundException: Function not found: "+arn {
			t.Errorf("%s: got %v", arn, err)
		}
	}
	fake.Configure("app", func(f *awstest.Function) { f.State = "Pending" })
	in.FunctionName = aws.String("app")
	_, err = client.Invoke(t.Context(), in)
	if got, want := apiError(err), "Conflict: ResourceConflictException: The operation cannot be performed at this time. The function is currently in the following state: Pending"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInvokeTypes(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app"})
	var ran, canceled atomic.Int32
	answered := make(chan struct{})
	fake.Handle("app", func(ctx context.Context, _ []byte) ([]byte, string) {
		<-answered
		ran.Add(1)
		if ctx.Err() != nil {
			canceled.Add(1)
		}
		return nil, "Unhandled"
	})
	invoke := func(kind types.InvocationType) (int32, string) {
		out, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("app"), InvocationType: kind})
		if err != nil {
			return 0, apiError(err)
		}
		return out.StatusCode, ""
	}
	for kind, want := range map[types.InvocationType]int32{types.InvocationTypeDryRun: http.StatusNoContent, types.InvocationTypeEvent: http.StatusAccepted} {
		if got, err := invoke(kind); got != want || err != "" {
			t.Errorf("%s: got %d %s, want %d", kind, got, err, want)
		}
		fake.SetConcurrency("app", 0) // these do not run
		if got, err := invoke(kind); got != want || err != "" {
			t.Errorf("%s with no concurrency: got %d %s, want %d", kind, got, err, want)
		}
		fake.SetConcurrency("app", -1)
	}
	if _, err := invoke("Later"); !strings.Contains(err, "ValidationException") {
		t.Errorf("an unknown type: got %q", err)
	}
	close(answered) // only now does the code run: the call is over
	fake.Close()
	if ran.Load() != 3 || canceled.Load() != 0 {
		t.Errorf("an event whose code fails ran %d times, want 3; %d with a context that had ended", ran.Load(), canceled.Load())
	}
}

func TestLambdaInOtherPlaces(t *testing.T) {
	for region, want := range map[string]string{
		"cn-north-1":    "arn:aws-cn:lambda:cn-north-1:210987654321:function:app",
		"us-gov-west-1": "arn:aws-us-gov:lambda:us-gov-west-1:210987654321:function:app",
		"eu-west-1":     "arn:aws:lambda:eu-west-1:210987654321:function:app",
	} {
		fake, client := startLambda(t, awstest.Place{Account: "210987654321", Region: region})
		arn := fake.Create(awstest.Function{Name: "app"})
		out, err := client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &arn})
		if err != nil || arn != want || *out.FunctionArn != want {
			t.Errorf("%s: got %s, %v, %v", region, arn, out, err)
		}
	}
	fake := awstest.NewLambdaHandler(awstest.Place{Partition: "aws-x"})
	if got := fake.Create(awstest.Function{Name: "app"}); !strings.HasPrefix(got, "arn:aws-x:") || fake.URL() != "" {
		t.Errorf("got %s at %q", got, fake.URL())
	}
}
