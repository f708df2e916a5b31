package endpoint

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// upstream is a Secrets Manager in which one test makes its secrets.
type upstream struct {
	t      *testing.T
	quirks quirks
	prefix string // of its names, which makes them new
	client *secretsmanager.Client
	gate   *gate // what the extension takes for it
}

// each runs a test against every upstream, beside other tests.
func each(t *testing.T, test func(t *testing.T, u *upstream)) {
	t.Parallel()
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, newUpstream(t, p))
		})
	}
}

func newUpstream(t *testing.T, p place) *upstream {
	t.Helper()
	if p.url == "" {
		fake := awstest.New()
		t.Cleanup(fake.Close)
		p.url = fake.URL()
	}
	return &upstream{
		t: t, quirks: p.quirks, prefix: "t" + rand.Text()[:8] + "/", gate: newGate(t, p.url, p.transport),
		client: secretsmanager.New(secretsmanager.Options{
			Region: region, BaseEndpoint: &p.url, HTTPClient: &http.Client{Transport: p.transport},
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 1 }),
		}),
	}
}

// status is that of an error of the caller.
func (u *upstream) status() int { return cmp.Or(u.quirks.notFound, 400) }

// version is what a secret was given.
type version struct{ arn, name, id string }

// create makes a secret; value is a string or a []byte.
func (u *upstream) create(name string, value any) version {
	u.t.Helper()
	v, err := u.tryCreate(u.prefix+name, value)
	if err != nil {
		u.t.Fatal(err)
	}
	return v
}

func (u *upstream) tryCreate(name string, value any) (version, error) {
	in := &secretsmanager.CreateSecretInput{Name: &name}
	switch v := value.(type) {
	case string:
		in.SecretString = &v
	case []byte:
		in.SecretBinary = v
	}
	out, err := u.client.CreateSecret(u.t.Context(), in)
	if err != nil {
		return version{}, err
	}
	return version{*out.ARN, name, aws.ToString(out.VersionId)}, nil
}

// put adds a version, which is AWSCURRENT unless stages say otherwise.
func (u *upstream) put(of version, value string, stages ...string) version {
	u.t.Helper()
	out, err := u.client.PutSecretValue(u.t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: &of.arn, SecretString: &value, VersionStages: stages,
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return version{of.arn, of.name, *out.VersionId}
}

// promote moves AWSCURRENT, as the last step of a rotation does.
func (u *upstream) promote(from, to version) {
	u.t.Helper()
	_, err := u.client.UpdateSecretVersionStage(u.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &to.arn, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &to.id, RemoveFromVersionId: &from.id,
	})
	if err != nil {
		u.t.Fatal(err)
	}
}

// delete marks a secret for deletion.
func (u *upstream) delete(v version) {
	u.t.Helper()
	if _, err := u.client.DeleteSecret(u.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &v.arn}); err != nil {
		u.t.Fatal(err)
	}
}

// purge deletes a secret at once.
func (u *upstream) purge(v version) {
	u.t.Helper()
	in := &secretsmanager.DeleteSecretInput{SecretId: &v.arn, ForceDeleteWithoutRecovery: aws.Bool(true)}
	if _, err := u.client.DeleteSecret(u.t.Context(), in); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upstream) restore(v version) {
	u.t.Helper()
	if _, err := u.client.RestoreSecret(u.t.Context(), &secretsmanager.RestoreSecretInput{SecretId: &v.arn}); err != nil {
		u.t.Fatal(err)
	}
}

// read asks the upstream itself.
func (u *upstream) read(v version) *secretsmanager.GetSecretValueOutput {
	u.t.Helper()
	out, err := u.client.GetSecretValue(u.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &v.arn, VersionId: &v.id})
	if err != nil {
		u.t.Fatal(err)
	}
	return out
}

// partial is the ARN without its suffix.
func (v version) partial() string { return v.arn[:strings.LastIndexByte(v.arn, '-')] }

func errorCode(err error) string {
	if api, is := errors.AsType[smithy.APIError](err); is {
		return api.ErrorCode()
	}
	return ""
}

// TestUpstreams holds the quirks to what the upstreams do, where no answer of the
// extension shows it.
func TestUpstreams(t *testing.T) {
	each(t, func(t *testing.T, u *upstream) {
		for _, tt := range []struct {
			what, name string
			value      any
			taken      bool // by this upstream
		}{
			{"a name with a space", "a name", "x", u.quirks.anyName},
			{"a name with a percent sign", "a%20name", "x", u.quirks.anyName},
			{"all that a name may hold", "aZ09/_+=.@-", "x", true},
			{"the largest value", "large", strings.Repeat("x", 65536), true},
			{"a larger one", "larger", strings.Repeat("x", 65537), u.quirks.anySize},
			{"an empty value", "empty", "", u.quirks.anySize},
		} {
			_, err := u.tryCreate(u.prefix+tt.name, tt.value)
			switch {
			case tt.taken && err != nil:
				t.Errorf("%s: %v", tt.what, err)
			case !tt.taken && errorCode(err) != "ValidationException":
				t.Errorf("%s: got %v, want a ValidationException", tt.what, err)
			}
		}
	})
}
