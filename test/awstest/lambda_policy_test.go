package awstest_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// grant is the permission that a rule needs.
func grant(qualifier, sid string) *lambda.AddPermissionInput {
	in := &lambda.AddPermissionInput{
		FunctionName: aws.String("app"), StatementId: &sid, Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String(ruleARN),
	}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	return in
}

func TestStatements(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app", Versions: []string{"1"}, Aliases: map[string]string{"live": "1"}})
	plain := lambda.AddPermissionInput{FunctionName: aws.String("app"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("*")}
	tests := []struct {
		change func(*lambda.AddPermissionInput)
		want   string // after its Sid
	}{
		{func(*lambda.AddPermissionInput) {}, `"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + appARN + `"}`},
		{func(in *lambda.AddPermissionInput) {
			in.Principal, in.SourceArn = aws.String("events.amazonaws.com"), aws.String(ruleARN)
		}, `"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + appARN + `","Condition":{"ArnLike":{"AWS:SourceArn":"` + ruleARN + `"}}}`},
		{func(in *lambda.AddPermissionInput) {
			in.Principal, in.SourceArn, in.SourceAccount = aws.String("events.amazonaws.com"), aws.String(ruleARN), aws.String("123456789012")
			in.Qualifier = aws.String("live")
		}, `"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + appARN + `:live","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"` + ruleARN + `"}}}`},
		{func(in *lambda.AddPermissionInput) {
			in.Principal, in.EventSourceToken = aws.String("210987654321"), aws.String("token")
			in.FunctionName = aws.String("app:1")
		}, `"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"lambda:InvokeFunction","Resource":"` + appARN + `:1","Condition":{"StringEquals":{"lambda:EventSourceToken":"token"}}}`},
		{func(in *lambda.AddPermissionInput) {
			in.Principal, in.FunctionUrlAuthType = aws.String("arn:aws:iam::123456789012:role/x"), types.FunctionUrlAuthTypeAwsIam
			in.PrincipalOrgID = aws.String("o-abcdefghij")
		}, `"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/x"},"Action":"lambda:InvokeFunction","Resource":"` + appARN + `","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij","lambda:FunctionUrlAuthType":"AWS_IAM"}}}`},
	}
	for i, tt := range tests {
		in := plain
		in.StatementId = aws.String(string(rune('a' + i)))
		tt.change(&in)
		out, err := client.AddPermission(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"Sid":"` + *in.StatementId + `",` + tt.want; *out.Statement != want {
			t.Errorf("got  %s\nwant %s", *out.Statement, want)
		}
	}
	got, err := client.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("app"), Qualifier: aws.String("live")})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"c",` + tests[2].want + `]}`; *got.Policy != want {
		t.Errorf("got  %s\nwant %s", *got.Policy, want)
	}
}

// sids returns which statements the policy has; "none" where there is no policy.
func sids(t *testing.T, client *lambda.Client, qualifier string) string {
	t.Helper()
	in := &lambda.GetPolicyInput{FunctionName: aws.String("app")}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := client.GetPolicy(t.Context(), in)
	if apiError(err) == "Not Found: ResourceNotFoundException: The resource you requested does not exist." {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(*out.Policy), &doc); err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, st := range doc.Statement {
		s = append(s, st.Sid)
	}
	return strings.Join(s, " ")
}

func TestPermissionsComeAndGo(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app", Versions: []string{"1"}, Aliases: map[string]string{"live": "1"}})
	add := func(in *lambda.AddPermissionInput) string {
		_, err := client.AddPermission(t.Context(), in)
		return apiError(err)
	}
	remove := func(qualifier, sid string) string {
		in := &lambda.RemovePermissionInput{FunctionName: aws.String("app"), StatementId: &sid}
		if qualifier != "" {
			in.Qualifier = &qualifier
		}
		_, err := client.RemovePermission(t.Context(), in)
		return apiError(err)
	}
	want := func(step string, qualifier, want string) {
		t.Helper()
		if got := sids(t, client, qualifier); got != want {
			t.Errorf("%s: the policy of %q has %q, want %q", step, qualifier, got, want)
		}
	}
	want("at first", "", "none")
	for _, e := range []string{add(grant("", "one")), add(grant("", "two")), add(grant("live", "one"))} {
		if e != "" {
			t.Fatal(e)
		}
	}
	want("added", "", "one two")
	want("added", "live", "one")
	want("added", "1", "none")
	if got, want := add(grant("", "one")), "Conflict: ResourceConflictException: The statement id (one) provided already exists. Please provide a new statement id, or remove the existing statement."; got != want {
		t.Errorf("added twice: got %q, want %q", got, want)
	}
	if got, want := remove("", "three"), "Not Found: ResourceNotFoundException: Statement three is not found in resource policy."; got != want {
		t.Errorf("removed what is not there: got %q, want %q", got, want)
	}
	if got, want := remove("1", "one"), "Not Found: ResourceNotFoundException: No policy is associated with the given resource."; got != want {
		t.Errorf("removed where nothing is: got %q, want %q", got, want)
	}
	if got := remove("", "one") + remove("live", "one"); got != "" {
		t.Error(got)
	}
	want("removed", "", "two")
	want("removed", "live", "none")
}

func TestPermissionsThatAreRefused(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app"})
	tests := []struct {
		change func(*lambda.AddPermissionInput)
		want   string
	}{
		{func(in *lambda.AddPermissionInput) { in.FunctionName = aws.String("none") }, "Not Found: ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:123456789012:function:none"},
		{func(in *lambda.AddPermissionInput) { in.Qualifier = aws.String("live") }, "Not Found: ResourceNotFoundException: Function not found: " + appARN + ":live"},
		{func(in *lambda.AddPermissionInput) { in.Qualifier = aws.String("$LATEST") }, "Bad Request: InvalidParameterValueException: We currently do not support adding policies for $LATEST."},
		{func(in *lambda.AddPermissionInput) { in.Principal = aws.String("events") }, "Bad Request: InvalidParameterValueException: The provided principal was invalid. Please check the principal and try again."},
		{func(in *lambda.AddPermissionInput) { in.StatementId = aws.String("a/b") }, "Bad Request: ValidationException: 1 validation error detected: Value 'a/b' at 'statementId'"},
		{func(in *lambda.AddPermissionInput) { in.StatementId = aws.String(strings.Repeat("a", 101)) }, "Bad Request: ValidationException: "},
		{func(in *lambda.AddPermissionInput) { in.Action = aws.String("events:PutRule") }, "Bad Request: ValidationException: 1 validation error detected: Value 'events:PutRule' at 'action'"},
		{func(in *lambda.AddPermissionInput) { in.SourceArn = aws.String("rule") }, "Bad Request: ValidationException: 1 validation error detected: Value 'rule' at 'sourceArn'"},
		{func(in *lambda.AddPermissionInput) { in.SourceAccount = aws.String("1") }, "Bad Request: ValidationException: 1 validation error detected: Value '1' at 'sourceAccount'"},
		{func(in *lambda.AddPermissionInput) { in.RevisionId = aws.String("stale") }, "Precondition Failed: PreconditionFailedException: The Revision Id provided does not match"},
		{func(in *lambda.AddPermissionInput) {
			in.SourceArn = aws.String(ruleARN + strings.Repeat("x", 20<<10))
		}, "Bad Request: PolicyLengthExceededException: The final policy size (20"},
	}
	for _, tt := range tests {
		in := grant("", "x")
		tt.change(in)
		_, err := client.AddPermission(t.Context(), in)
		if got := apiError(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := sids(t, client, ""); got != "none" {
		t.Errorf("what was refused stands in the policy: %s", got)
	}
	// The revision that was read fits.
	if _, err := client.AddPermission(t.Context(), grant("", "first")); err != nil {
		t.Fatal(err)
	}
	policy, err := client.GetPolicy(t.Context(), &lambda.GetPolicyInput{FunctionName: aws.String("app")})
	if err != nil {
		t.Fatal(err)
	}
	in := grant("", "second")
	in.RevisionId = policy.RevisionId
	if _, err := client.AddPermission(t.Context(), in); err != nil {
		t.Error(err)
	}
	_, err = client.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("app"), StatementId: aws.String("second"), RevisionId: policy.RevisionId})
	if got := apiError(err); !strings.Contains(got, "PreconditionFailedException") {
		t.Errorf("removed at a stale revision: got %q", got)
	}
}

func TestAllowsInvoke(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app", Versions: []string{"1"}, Aliases: map[string]string{"live": "1"}})
	in := grant("live", "x")
	token := grant("", "y")
	token.EventSourceToken = aws.String("t")
	for _, in := range []*lambda.AddPermissionInput{in, token, {
		FunctionName: aws.String("app"), Qualifier: aws.String("1"), StatementId: aws.String("z"),
		Action: aws.String("lambda:GetFunction"), Principal: aws.String("*"),
	}, {
		FunctionName: aws.String("app"), Qualifier: aws.String("1"), StatementId: aws.String("account"),
		Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("events.amazonaws.com"), SourceAccount: aws.String("123456789012"),
	}} {
		if _, err := client.AddPermission(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		function, rule string
		want           bool
	}{
		{appARN + ":live", ruleARN, true},
		{appARN + ":live", ruleARN + "2", false},
		{appARN + ":live", "arn:aws:events:us-east-1:210987654321:rule/rotated", false},
		{appARN, ruleARN, false},        // it wants a token that no rule has
		{appARN + ":1", ruleARN, false}, // it wants an account, which EventBridge does not tell
		{appARN + ":$LATEST", ruleARN, false},
		{"arn:aws:lambda:us-east-1:123456789012:function:other", ruleARN, false},
		{"arn:aws:lambda:us-west-2:123456789012:function:app:live", ruleARN, false},
		{"app:live", ruleARN, false},
	}
	for _, tt := range tests {
		if got := fake.AllowsInvoke(tt.function, tt.rule); got != tt.want {
			t.Errorf("%s by %s: got %v, want %v", tt.function, tt.rule, got, tt.want)
		}
	}
	if _, err := client.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("app:live"), StatementId: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	if fake.AllowsInvoke(appARN+":live", ruleARN) {
		t.Error("a permission that was removed still holds")
	}
}

func TestSetPolicy(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	arn := fake.Create(awstest.Function{Name: "app", Versions: []string{"1"}, Aliases: map[string]string{"live": "1"}})
	const allow = `{"Sid":"all","Effect":"Allow","Principal":"*","Action":"lambda:*","Resource":"*","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}}`
	fake.SetPolicy(arn+":live", `{"Version":"2012-10-17","Statement":[`+allow+`]}`)
	if got := sids(t, client, "live"); got != "all" || !fake.AllowsInvoke(arn+":live", ruleARN) || fake.AllowsInvoke(arn, ruleARN) {
		t.Errorf("got %s, and it allows the wrong things", got)
	}
	fake.SetPolicy(arn+":live", `{"Version":"2012-10-17","Statement":[`+allow+`,{"Sid":"no","Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`)
	if fake.AllowsInvoke(arn+":live", ruleARN) {
		t.Error("a denial does not win")
	}
	for _, sid := range []string{"no", "all"} {
		if _, err := client.RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("app:live"), StatementId: &sid}); err != nil {
			t.Error(err)
		}
	}
	fake.SetPolicy(arn, `{"Version":"2012-10-17","Statement":[`+allow+`]}`)
	fake.SetPolicy(arn, "")
	if live, plain := sids(t, client, "live"), sids(t, client, ""); live != "none" || plain != "none" {
		t.Errorf("got %s and %s, want none", live, plain)
	}
}

func TestLambdaDenyAndCalls(t *testing.T) {
	fake, client := startLambda(t, awstest.Place{})
	fake.Create(awstest.Function{Name: "app"})
	fake.Deny("lambda:AddPermission")
	_, err := client.AddPermission(t.Context(), grant("", "x"))
	if got, want := apiError(err), "Forbidden: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/ops/me is not authorized to perform: lambda:AddPermission on resource: "+appARN+" because no identity-based policy allows the lambda:AddPermission action"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.Heal()
	if _, err := client.AddPermission(t.Context(), grant("", "x")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("app")}); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(fake.URL() + "/2015-03-31/functions/app")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var got []awstest.APICall
	for _, c := range fake.Calls() {
		if c.Time.IsZero() {
			t.Errorf("%s has no time", c.Action)
		}
		got = append(got, awstest.APICall{Action: c.Action, Resource: c.Resource, Status: c.Status})
	}
	want := []awstest.APICall{
		{Action: "lambda:AddPermission", Resource: appARN, Status: 403},
		{Action: "lambda:AddPermission", Resource: appARN, Status: 201},
		{Action: "lambda:InvokeFunction", Resource: appARN, Status: 200},
		{Action: "lambda:GetFunction", Resource: appARN, Status: 403}, // unsigned
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := fake.CallCount("lambda:AddPermission"); n != 2 || fake.CallCount("") != 4 {
		t.Errorf("got %d of %d calls", n, fake.CallCount(""))
	}
	fake.ResetCalls()
	if n := fake.CallCount(""); n != 0 {
		t.Errorf("got %d calls after ResetCalls", n)
	}
}

// The variables alone lead an SDK to the fakes.
func TestLambdaAndIAMEnv(t *testing.T) {
	fake := awstest.NewLambda(awstest.Place{Region: "eu-west-1"})
	t.Cleanup(fake.Close)
	roles := awstest.NewIAM(awstest.Place{})
	t.Cleanup(roles.Close)
	env := fake.Env()
	for _, want := range []string{"AWS_ENDPOINT_URL_IAM=" + roles.URL(), "AWS_ENDPOINT_URL_STS=" + roles.URL()} {
		if !slices.Contains(roles.Env(), want) {
			t.Errorf("got %q, want %s", roles.Env(), want)
		}
	}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	arn := fake.Create(awstest.Function{Name: "app"})
	if _, err := lambda.NewFromConfig(cfg).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &arn}); err != nil {
		t.Error(err)
	}
}
