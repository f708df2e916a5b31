package awstest_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const (
	secretARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"
	readOne   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"` + secretARN + `"}}`
	denyAll   = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
)

func startIAM(t *testing.T, p awstest.Place) (*awstest.IAM, *iam.Client) {
	t.Helper()
	fake := awstest.NewIAM(p)
	t.Cleanup(fake.Close)
	return fake, iam.New(iam.Options{
		Region:       awstest.Region,
		BaseEndpoint: aws.String(fake.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider(awstest.AccessKeyID, awstest.SecretAccessKey, awstest.SessionToken),
		Retryer:      aws.NopRetryer{},
	})
}

func TestGetRole(t *testing.T) {
	fake, client := startIAM(t, awstest.Place{})
	for _, name := range []string{"app", "service/app", "/service/deep/app"} {
		arn := fake.PutRole(name)
		out, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
		if err != nil {
			t.Fatal(err)
		}
		r := out.Role
		if *r.Arn != arn || arn != "arn:aws:iam::123456789012:role"+*r.Path+"app" || *r.RoleName != "app" || r.CreateDate.IsZero() || r.PermissionsBoundary != nil {
			t.Errorf("%s: got %+v, want %s", name, r, arn)
		}
		trust, err := url.QueryUnescape(*r.AssumeRolePolicyDocument)
		if err != nil || !strings.Contains(trust, `"Service":"lambda.amazonaws.com"`) {
			t.Errorf("got the trust policy %s, %v", trust, err)
		}
	}
	boundary := fake.PutPolicy("boundary", denyAll)
	fake.SetBoundary("app", boundary)
	out, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if err != nil || out.Role.PermissionsBoundary == nil || *out.Role.PermissionsBoundary.PermissionsBoundaryArn != boundary {
		t.Errorf("got %+v, %v", out, err)
	}
	fake.DeleteRole("app")
	_, err = client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if got, want := apiError(err), "Not Found: NoSuchEntity: The role with name app cannot be found."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRolePolicies(t *testing.T) {
	fake, client := startIAM(t, awstest.Place{})
	fake.PutRole("app")
	for _, name := range []string{"c", "a", "b", "a"} {
		fake.PutRolePolicy("app", name, `{"Statement":[]} + `+name)
	}
	for _, size := range []int32{0, 1, 2, 3} {
		in := &iam.ListRolePoliciesInput{RoleName: aws.String("app")}
		if size > 0 {
			in.MaxItems = &size
		}
		var names []string
		pages := 0
		for p := iam.NewListRolePoliciesPaginator(client, in); p.HasMorePages(); pages++ {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, out.PolicyNames...)
		}
		want := map[int32]int{0: 1, 1: 3, 2: 2, 3: 1}[size]
		if !slices.Equal(names, []string{"a", "b", "c"}) || pages != want {
			t.Errorf("%d at a time: got %v in %d pages, want %d", size, names, pages, want)
		}
	}
	out, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("b")})
	if err != nil || *out.PolicyDocument != "%7B%22Statement%22%3A%5B%5D%7D%20%2B%20b" {
		t.Errorf("got %v, %v", out, err)
	}
	_, err = client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: aws.String("app"), PolicyName: aws.String("d")})
	if got, want := apiError(err), "Not Found: NoSuchEntity: The role policy with name d cannot be found."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, in := range []*iam.ListRolePoliciesInput{
		{RoleName: aws.String("app"), MaxItems: aws.Int32(1001)},
		{RoleName: aws.String("app"), Marker: aws.String("x")},
		{RoleName: aws.String("app"), Marker: aws.String("4")},
	} {
		_, err = client.ListRolePolicies(t.Context(), in)
		if got := apiError(err); !strings.HasPrefix(got, "Bad Request: ValidationError: ") {
			t.Errorf("got %q", got)
		}
	}
}

func TestManagedPolicies(t *testing.T) {
	fake, client := startIAM(t, awstest.Place{})
	fake.PutRole("app")
	fake.PutPolicy("reads", "one")
	own := fake.PutPolicy("reads", "two words")
	theirs := fake.PutPolicy("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", "logs")
	fake.Attach("app", own)
	fake.Attach("app", theirs)
	fake.SetPageSize(1)
	var got []types.AttachedPolicy
	for p := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("app")}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(out.AttachedPolicies) != 1 {
			t.Errorf("got a page of %d, want 1", len(out.AttachedPolicies))
		}
		got = append(got, out.AttachedPolicies...)
	}
	want := []types.AttachedPolicy{
		{PolicyName: aws.String("reads"), PolicyArn: aws.String("arn:aws:iam::123456789012:policy/reads")},
		{PolicyName: aws.String("AWSLambdaBasicExecutionRole"), PolicyArn: &theirs},
	}
	if diff := cmp.Diff(want, got, unexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	policy, err := client.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: &own})
	if err != nil || *policy.Policy.DefaultVersionId != "v2" || *policy.Policy.AttachmentCount != 1 || *policy.Policy.PolicyName != "reads" {
		t.Fatalf("got %+v, %v", policy, err)
	}
	for id, want := range map[string]types.PolicyVersion{"v1": {Document: aws.String("one")}, "v2": {Document: aws.String("two%20words"), IsDefaultVersion: true}} {
		out, err := client.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: &own, VersionId: &id})
		if err != nil || *out.PolicyVersion.Document != *want.Document || out.PolicyVersion.IsDefaultVersion != want.IsDefaultVersion {
			t.Errorf("%s: got %+v, %v", id, out, err)
		}
	}
	_, err = client.GetPolicyVersion(t.Context(), &iam.GetPolicyVersionInput{PolicyArn: &own, VersionId: aws.String("v3")})
	if got, want := apiError(err), "Not Found: NoSuchEntity: Policy "+own+" version v3 does not exist or is not attachable."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	none := own + "2"
	_, err = client.GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: &none})
	if got, want := apiError(err), "Not Found: NoSuchEntity: Policy "+none+" was not found."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	const (
		secretFormat = "arn:${Partition}:secretsmanager:${Region}:${Account}:secret:${SecretId}"
		other        = secretARN + "2"
	)
	fake, client := startIAM(t, awstest.Place{})
	arn := fake.PutRole("app")
	fake.PutRolePolicy("app", "read", readOne)
	fake.Attach("app", fake.PutPolicy("keys", `{"Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}}}}`))

	matched := func(names ...string) (m []types.Statement) {
		for _, n := range names {
			m = append(m, types.Statement{SourcePolicyId: &n, SourcePolicyType: "IAM Policy"})
		}
		return m
	}
	in := &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &arn,
		ActionNames:     []string{"secretsmanager:GetSecretValue", "kms:Decrypt"},
		ResourceArns:    []string{secretARN, other},
	}
	want := []types.EvaluationResult{
		{
			EvalActionName: aws.String("secretsmanager:GetSecretValue"), EvalResourceName: aws.String(secretFormat),
			EvalDecision: "implicitDeny", MatchedStatements: matched("read"),
			ResourceSpecificResults: []types.ResourceSpecificResult{
				{EvalResourceName: aws.String(secretARN), EvalResourceDecision: "allowed", MatchedStatements: matched("read")},
				{EvalResourceName: aws.String(other), EvalResourceDecision: "implicitDeny"},
			},
		},
		{
			EvalActionName: aws.String("kms:Decrypt"), EvalResourceName: aws.String("arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}"),
			EvalDecision: "implicitDeny", MissingContextValues: []string{"kms:ViaService"},
			ResourceSpecificResults: []types.ResourceSpecificResult{
				{EvalResourceName: aws.String(secretARN), EvalResourceDecision: "implicitDeny", MissingContextValues: []string{"kms:ViaService"}},
				{EvalResourceName: aws.String(other), EvalResourceDecision: "implicitDeny", MissingContextValues: []string{"kms:ViaService"}},
			},
		},
	}
	simulate := func() []types.EvaluationResult {
		t.Helper()
		var results []types.EvaluationResult
		for p := iam.NewSimulatePrincipalPolicyPaginator(client, in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, out.EvaluationResults...)
		}
		return results
	}
	if diff := cmp.Diff(want, simulate(), unexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	fake.SetPageSize(1)
	if diff := cmp.Diff(want, simulate(), unexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("in pages (-want +got):\n%s", diff)
	}

	// Two resources, one statement.
	in.ActionNames, in.ResourceArns = in.ActionNames[:1], []string{secretARN, secretARN}
	if got := simulate()[0]; got.EvalDecision != "allowed" || !cmp.Equal(got.MatchedStatements, matched("read"), unexported) {
		t.Errorf("got %+v", got)
	}

	// Without resources, and with the key told.
	in.ResourceArns, in.ActionNames = nil, []string{"kms:Decrypt", "kms:Encrypt"}
	in.ContextEntries = []types.ContextEntry{{ContextKeyName: aws.String("kms:ViaService"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"secretsmanager.us-east-1.amazonaws.com"}}}
	want = []types.EvaluationResult{
		{EvalActionName: aws.String("kms:Decrypt"), EvalResourceName: aws.String("arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}"), EvalDecision: "allowed", MatchedStatements: matched("keys")},
		{EvalActionName: aws.String("kms:Encrypt"), EvalResourceName: aws.String("*"), EvalDecision: "implicitDeny"},
	}
	if diff := cmp.Diff(want, simulate(), unexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("without resources (-want +got):\n%s", diff)
	}
}

func TestSimulateBoundaryAndDeny(t *testing.T) {
	fake, client := startIAM(t, awstest.Place{})
	arn := fake.PutRole("app")
	fake.PutRolePolicy("app", "read", readOne)
	first := func(extra ...string) types.ResourceSpecificResult {
		t.Helper()
		out, err := client.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: &arn, ActionNames: []string{"secretsmanager:GetSecretValue"}, ResourceArns: []string{secretARN}, PolicyInputList: extra,
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := out.EvaluationResults[0]; r.EvalDecision != r.ResourceSpecificResults[0].EvalResourceDecision {
			t.Errorf("got %+v", r)
		}
		return out.EvaluationResults[0].ResourceSpecificResults[0]
	}
	if r := first(); r.EvalResourceDecision != "allowed" || r.PermissionsBoundaryDecisionDetail != nil {
		t.Errorf("got %+v", r)
	}
	if r := first(denyAll); r.EvalResourceDecision != "explicitDeny" || *r.MatchedStatements[0].SourcePolicyId != "PolicyInputList.1" {
		t.Errorf("with a policy that denies: got %+v", r)
	}
	boundary := fake.PutPolicy("boundary", strings.ReplaceAll(readOne, "GetSecretValue", "*"))
	fake.SetBoundary("app", boundary)
	for document, want := range map[string]types.ResourceSpecificResult{
		readOne: {EvalResourceDecision: "allowed", PermissionsBoundaryDecisionDetail: &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: true}},
		`{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`: {EvalResourceDecision: "implicitDeny", PermissionsBoundaryDecisionDetail: &types.PermissionsBoundaryDecisionDetail{}},
		denyAll: {EvalResourceDecision: "explicitDeny", PermissionsBoundaryDecisionDetail: &types.PermissionsBoundaryDecisionDetail{}},
	} {
		fake.PutPolicy("boundary", document)
		if r := first(denyAll); r.EvalResourceDecision != "explicitDeny" {
			t.Errorf("denied in the boundary %s: got %+v", document, r)
		}
		got := first()
		got.EvalResourceName, got.MatchedStatements = nil, nil
		if diff := cmp.Diff(want, got, unexported, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("in the boundary %s (-want +got):\n%s", document, diff)
		}
	}
}

func TestSimulateErrors(t *testing.T) {
	fake, client := startIAM(t, awstest.Place{})
	arn := fake.PutRole("app")
	fake.PutRolePolicy("app", "read", readOne)
	session := "arn:aws:sts::123456789012:assumed-role/app/app"
	tests := []struct {
		in   iam.SimulatePrincipalPolicyInput
		want string
	}{
		{iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String(arn + "2")}, "Not Found: NoSuchEntity: The role with name app2 cannot be found."},
		{iam.SimulatePrincipalPolicyInput{PolicySourceArn: &session}, "Bad Request: InvalidInput: Invalid Entity Arn: " + session + " does not clearly define entity type and name."},
		{iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, PolicyInputList: []string{"{"}}, "Bad Request: MalformedPolicyDocument: PolicyInputList.1: parse policy: no valid JSON"},
		{iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: []string{}}, "Bad Request: ValidationError: 1 validation error detected: Value null at 'actionNames'"},
	}
	for _, tt := range tests {
		if tt.in.ActionNames == nil {
			tt.in.ActionNames = []string{"a:b"}
		}
		_, err := client.SimulatePrincipalPolicy(t.Context(), &tt.in)
		if got := apiError(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestIAMDenyAndCalls(t *testing.T) {
	fake, client := startIAM(t, awstest.Place{})
	arn := fake.PutRole("app")
	fake.Deny("iam:SimulatePrincipalPolicy")
	fake.Deny("iam:GetRole")
	_, err := client.SimulatePrincipalPolicy(t.Context(), &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &arn, ActionNames: []string{"a:b"}})
	const who = "Forbidden: AccessDenied: User: arn:aws:sts::123456789012:assumed-role/ops/me is not authorized to perform: "
	if got, want := apiError(err), who+"iam:SimulatePrincipalPolicy on resource: "+arn+" because no identity-based policy allows the iam:SimulatePrincipalPolicy action"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")})
	if got, want := apiError(err), who+"iam:GetRole on resource: role app because no identity-based policy allows the iam:GetRole action"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	fake.Heal()
	if _, err = client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("app")}); err != nil {
		t.Error(err)
	}
	_, err = client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("x"), AssumeRolePolicyDocument: aws.String("{}")})
	if got, want := apiError(err), "Bad Request: InvalidAction: Could not find operation CreateRole"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := fake.CallCount("iam:GetRole"); n != 2 || fake.CallCount("") != 3 || fake.Calls()[2].Status != 200 || fake.Calls()[1].Status != 403 {
		t.Errorf("got the calls %+v", fake.Calls())
	}
}

func TestGetCallerIdentity(t *testing.T) {
	fake, _ := startIAM(t, awstest.Place{Account: "210987654321", Region: "cn-north-1"})
	client := sts.New(sts.Options{
		Region:       "cn-north-1",
		BaseEndpoint: aws.String(fake.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider("a", "b", "c"),
		Retryer:      aws.NopRetryer{},
	})
	out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != "210987654321" || *out.Arn != "arn:aws-cn:sts::210987654321:assumed-role/ops/me" || !strings.HasSuffix(*out.UserId, ":me") {
		t.Errorf("got %+v", out)
	}
	if fake.CallCount("sts:GetCallerIdentity") != 1 {
		t.Errorf("got the calls %+v", fake.Calls())
	}
	fake.Deny("sts:GetCallerIdentity")
	_, err = client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if got := apiError(err); !strings.HasPrefix(got, "Forbidden: AccessDenied: User: arn:aws-cn:sts::210987654321:assumed-role/ops/me is not authorized to perform: sts:GetCallerIdentity") {
		t.Errorf("got %q", got)
	}
}
