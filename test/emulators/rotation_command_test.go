package emulators

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// account is one function with its secret in an emulator, and the command that
// wires them. What the command calls goes through a proxy that counts.
type account struct {
	*emulator
	events   *eventbridge.Client
	lambda   *lambda.Client
	iam      *iam.Client
	function string
	secret   string
	arn      string // of the secret
	version  string // its current one
	role     string
	layer    string // ARN of the version
	proxy    string

	mu     sync.Mutex
	writes []string
}

func newAccount(t *testing.T, e *emulator) *account {
	t.Helper()
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String(e.url),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	id := strings.ReplaceAll(e.prefix, "/", "")
	a := &account{
		emulator: e, function: "orders-" + id, secret: e.prefix + "db", role: "role-" + id,
		events: eventbridge.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg),
	}
	a.arn, a.version = e.create("db", `{"password":"`+canary+`"}`)
	role, err := a.iam.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName:                 &a.role,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.grant()
	layer, err := a.lambda.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{
		LayerName: aws.String("aws-secretsmanager-x86_64"), Content: &lambdatypes.LayerVersionContentInput{ZipFile: zipOf(t, "extensions/aws-secretsmanager", "a layer")},
		CompatibleArchitectures: []lambdatypes.Architecture{lambdatypes.ArchitectureX8664},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.layer = *layer.LayerVersionArn
	if _, err := a.lambda.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &a.function, Role: role.Role.Arn, Runtime: lambdatypes.RuntimePython312, Handler: aws.String("app.handler"),
		Code: &lambdatypes.FunctionCode{ZipFile: zipOf(t, "app.py", answering)}, Layers: []string{a.layer},
		Environment: &lambdatypes.Environment{Variables: map[string]string{"SECRET": a.secret}},
	}); err != nil {
		t.Fatal(err)
	}
	a.startProxy(t)
	return a
}

// answering is a function that answers as the extension does for a held version.
const answering = `
def handler(event, context):
    return {"rotated": True, "secretId": event["resources"][0], "versionId": event["detail"]["versionId"], "changed": False}
`

func (a *account) grant() {
	a.t.Helper()
	if _, err := a.iam.PutRolePolicy(a.t.Context(), &iam.PutRolePolicyInput{
		RoleName: &a.role, PolicyName: aws.String("read"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"` + a.arn + `"}]}`),
	}); err != nil {
		a.t.Fatal(err)
	}
}

func zipOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// startProxy notes every call that is no reading one, by what IAM calls it.
func (a *account) startProxy(t *testing.T) {
	target, err := url.Parse(a.url)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if call := callName(r, string(body)); !reading.MatchString(call) {
			a.mu.Lock()
			a.writes = append(a.writes, call)
			a.mu.Unlock()
		}
		r.Host = target.Host
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.proxy = server.URL
}

var reading = regexp.MustCompile(`^(Describe|List|Get|Test|Simulate)|^GET `)

func callName(r *http.Request, body string) string {
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op
	}
	if form, err := url.ParseQuery(body); err == nil && form.Get("Action") != "" {
		return form.Get("Action")
	}
	return r.Method + " " + r.URL.Path
}

// run runs the command and returns what it printed, and how it ended. It also
// makes sure that nothing of a secret is in it.
func (a *account) run(args ...string) (stdout, stderr string, status int) {
	a.t.Helper()
	cmd := exec.CommandContext(a.t.Context(), command, args...)
	cmd.Env = a.env()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := err.(*exec.ExitError); ok {
		status = exit.ExitCode()
	} else if err != nil {
		a.t.Fatal(err)
	}
	if strings.Contains(out.String()+errs.String(), canary) {
		a.t.Errorf("%v printed a secret", args)
	}
	return out.String(), errs.String(), status
}

// env is what the command and the AWS CLI need, which are on PATH.
func (a *account) env() []string {
	return []string{
		"PATH=" + filepath.Dir(command) + ":" + os.Getenv("PATH"), "HOME=" + a.t.TempDir(), "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL=" + a.proxy, "AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}
}

// mend runs a command that verify printed, as a user would paste it into a shell.
// What stands for something that only the user knows is put in first.
func (a *account) mend(line string) {
	a.t.Helper()
	for _, placeholder := range []string{"LAYER_VERSION_ARN_FOR_x86_64", "LAYER_VERSION_ARN"} {
		line = strings.ReplaceAll(line, placeholder, a.layer)
	}
	cmd := exec.CommandContext(a.t.Context(), "sh", "-c", "set -e; "+line)
	cmd.Env = a.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		a.t.Errorf("%s: %v\n%s", line, err, out)
	}
}

func (a *account) must(args ...string) string {
	a.t.Helper()
	out, errs, status := a.run(args...)
	if status != 0 {
		a.t.Fatalf("rotation %s: status %d\n%s%s", strings.Join(args, " "), status, out, errs)
	}
	return out
}

// written returns the writing calls since it was asked last.
func (a *account) written() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.writes
	a.writes = nil
	return w
}

// TestRotationCommand is the life of a wiring, twice in a row.
func TestRotationCommand(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		a := newAccount(t, e)
		for range 2 {
			a.must("setup", "--function", a.function, "--secret", a.secret)
			if got := a.written(); len(got) != 3 || got[0] != "PutRule" || got[2] != "PutTargets" {
				t.Errorf("the first setup wrote %q, want a rule, a permission and a target", got)
			}
			if out := a.must("setup", "--function", a.function, "--secret", a.arn); !strings.Contains(out, "Nothing to change.") {
				t.Errorf("the second setup printed\n%s", out)
			}
			if got := a.written(); len(got) != 0 {
				t.Errorf("the second setup wrote %q", got)
			}
			a.must("verify", "--function", a.function)
			a.must("verify", "--function", a.function, "--secret", a.secret, "--event", "native", "--json")
			if got := a.written(); len(got) != 0 {
				t.Errorf("verify wrote %q", got)
			}
			if out := a.must("notify", a.secret, "--version-id", a.version); !strings.Contains(out, "published") {
				t.Errorf("notify printed %s", out)
			}
			if got := a.written(); !slices.Equal(got, []string{"PutEvents"}) {
				t.Errorf("notify wrote %q, want PutEvents", got)
			}
			a.must("teardown", "--function", a.function)
			a.written()
			if out := a.must("teardown", "--function", a.function); !strings.Contains(out, "Nothing of ours is there.") {
				t.Errorf("the second teardown printed\n%s", out)
			}
			if got := a.written(); len(got) != 0 {
				t.Errorf("the second teardown wrote %q", got)
			}
			a.nothingLeft()
		}
	})
}

func (a *account) nothingLeft() {
	a.t.Helper()
	rules, err := a.events.ListRules(a.t.Context(), &eventbridge.ListRulesInput{NamePrefix: aws.String("secrets-rotation-" + a.function)})
	if err != nil {
		a.t.Fatal(err)
	}
	for _, r := range rules.Rules {
		a.t.Errorf("rule %s is left", *r.Name)
	}
	p, err := a.lambda.GetPolicy(a.t.Context(), &lambda.GetPolicyInput{FunctionName: &a.function})
	if err == nil && strings.Contains(*p.Policy, "secrets-rotation") {
		a.t.Errorf("permissions are left: %s", *p.Policy)
	}
}

// TestVerifyFindsFaults plants one fault at a time, and mends it by the command that
// verify prints.
func TestVerifyFindsFaults(t *testing.T) {
	rule := func(a *account) *string { return aws.String("secrets-rotation-" + a.function + "-native") }
	configure := func(a *account, change func(*lambda.UpdateFunctionConfigurationInput)) error {
		in := &lambda.UpdateFunctionConfigurationInput{FunctionName: &a.function}
		change(in)
		_, err := a.lambda.UpdateFunctionConfiguration(a.t.Context(), in)
		return err
	}
	for _, fault := range []struct {
		name, check, mend string
		plant             func(a *account) error
	}{
		{"disabled rule", "rule is enabled", "aws events enable-rule", func(a *account) error {
			_, err := a.events.DisableRule(a.t.Context(), &eventbridge.DisableRuleInput{Name: rule(a)})
			return err
		}},
		{"wrong pattern", "rule matches the event", "rotation setup", func(a *account) error {
			_, err := a.events.PutRule(a.t.Context(), &eventbridge.PutRuleInput{Name: rule(a), EventPattern: aws.String(`{"source":["aws.s3"]}`)})
			return err
		}},
		{"secret not in the pattern", "rule matches the event", "rotation setup", func(a *account) error {
			_, err := a.events.PutRule(a.t.Context(), &eventbridge.PutRuleInput{Name: rule(a), EventPattern: aws.String(
				`{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["another"]}}`)})
			return err
		}},
		{"wrong target", "target is the function", "rotation setup", func(a *account) error {
			_, err := a.events.PutTargets(a.t.Context(), &eventbridge.PutTargetsInput{Rule: rule(a), Targets: []eventtypes.Target{
				{Id: aws.String("secrets-rotation"), Arn: aws.String("arn:aws:lambda:" + region + ":000000000000:function:another")},
			}})
			return err
		}},
		{"missing permission", "EventBridge may invoke the function", "rotation setup", func(a *account) error {
			p, err := a.lambda.GetPolicy(a.t.Context(), &lambda.GetPolicyInput{FunctionName: &a.function})
			if err != nil {
				return err
			}
			var policy struct{ Statement []struct{ Sid string } }
			if err := json.Unmarshal([]byte(*p.Policy), &policy); err != nil {
				return err
			}
			_, err = a.lambda.RemovePermission(a.t.Context(), &lambda.RemovePermissionInput{FunctionName: &a.function, StatementId: &policy.Statement[0].Sid})
			return err
		}},
		{"missing layer", "layer is attached", "--layers", func(a *account) error {
			return configure(a, func(in *lambda.UpdateFunctionConfigurationInput) { in.Layers = []string{} })
		}},
		{"wrong architecture", "layer has the function's architecture", "LAYER_VERSION_ARN_FOR_x86_64", func(a *account) error {
			layer, err := a.lambda.PublishLayerVersion(a.t.Context(), &lambda.PublishLayerVersionInput{
				LayerName: aws.String("aws-secretsmanager-arm64"), Content: &lambdatypes.LayerVersionContentInput{ZipFile: zipOf(a.t, "extensions/aws-secretsmanager", "a layer")},
				CompatibleArchitectures: []lambdatypes.Architecture{lambdatypes.ArchitectureArm64},
			})
			if err != nil {
				return err
			}
			return configure(a, func(in *lambda.UpdateFunctionConfigurationInput) { in.Layers = []string{*layer.LayerVersionArn} })
		}},
		{"SECRET not set", "SECRET names the secret", "jq --arg k SECRET", func(a *account) error {
			return configure(a, func(in *lambda.UpdateFunctionConfigurationInput) {
				in.Environment = &lambdatypes.Environment{Variables: map[string]string{"OTHER": "x"}}
			})
		}},
		{"secret deleted", "secret is there", "aws secretsmanager restore-secret", func(a *account) error {
			_, err := a.client.DeleteSecret(a.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &a.secret})
			return err
		}},
		{"no GetSecretValue", "function may read the secret", "aws iam put-role-policy", func(a *account) error {
			_, err := a.iam.DeleteRolePolicy(a.t.Context(), &iam.DeleteRolePolicyInput{RoleName: &a.role, PolicyName: aws.String("read")})
			return err
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, e *emulator) {
				a := newAccount(t, e)
				a.must("setup", "--function", a.function, "--secret", a.secret)
				if err := fault.plant(a); err != nil {
					t.Fatal(err)
				}
				out, _, status := a.run("verify", "--function", a.function, "--secret", a.secret, "--json")
				if status != 1 {
					t.Errorf("status %d, want 1", status)
				}
				var report struct {
					Checks []struct{ Name, Status, Detail, Mend string }
				}
				if err := json.Unmarshal([]byte(out), &report); err != nil {
					t.Fatalf("%v in %s", err, out)
				}
				mend := ""
				for _, c := range report.Checks {
					switch {
					case c.Name == fault.check && c.Status == "failed":
						mend = c.Mend
					case c.Status != "ok":
						t.Errorf("%s is %s too: %s", c.Name, c.Status, c.Detail)
					}
				}
				if !strings.Contains(mend, fault.mend) {
					t.Fatalf("mended by %q, want %q, in\n%s", mend, fault.mend, out)
				}
				a.mend(mend)
				a.must("verify", "--function", a.function, "--secret", a.secret)
			})
		})
	}
}
