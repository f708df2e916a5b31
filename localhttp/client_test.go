package localhttp

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// TestClient is the client against the real endpoint.
func TestClient(t *testing.T) {
	u := &upstream{}
	u.put("prod/db", "v1", cache.Text(`{"A":"`+"<&>\u2028é"+`","N":1.50}`))
	u.put("bin", "v1", cache.Binary([]byte{0, 0xff, 10}))
	h := newHarness(t, u, "prod/db")
	s := httptest.NewServer(h.handler)
	defer s.Close()
	c, ctx := client.New(client.Options{URL: s.URL, Token: token}), t.Context()

	secret, err := c.Get(ctx, "prod/db")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&client.Secret{
		ARN: u.secrets["prod/db"].ARN, Name: "prod/db", VersionID: "v1", VersionStages: []string{cache.Current},
		CreatedDate: created, SecretString: new(`{"A":"` + "<&>\u2028é" + `","N":1.50}`),
	}, secret); diff != "" {
		t.Error(diff)
	}
	if secret, err = c.Get(ctx, "bin", client.RefreshNow()); err != nil || !bytes.Equal(secret.SecretBinary, []byte{0, 0xff, 10}) {
		t.Errorf("Get of a binary secret: %q, %v", secret.SecretBinary, err)
	}
	if secret, err = c.Get(ctx, "prod/db", client.Version("v0"), client.Stage("AWSPREVIOUS")); err != nil || *secret.SecretString != "of v0AWSPREVIOUS" {
		t.Errorf("Get of a version: %v", err)
	}
	if got, err := c.Key(ctx, "prod/db", "N"); got != "1.50" || err != nil {
		t.Errorf("Key = %q, %v", got, err)
	}
	_, err = c.Key(ctx, "prod/db", "none")
	wantError(t, err, client.Error{Status: 404, Type: "KeyNotFound", Message: `the secret has no key "none"`})
	_, err = c.Get(ctx, "")
	wantError(t, err, client.Error{Status: 400, Message: "missing parameter secretId"})
	_, err = client.New(client.Options{URL: s.URL, Token: "x"}).Get(ctx, "prod/db")
	wantError(t, err, client.Error{Status: 403, Message: "Bad Token"})

	vars, etag, err := c.Env(ctx)
	if diff := cmp.Diff(map[string]string{"A": "<&>\u2028é", "N": "1.50"}, vars); diff != "" || etag == "" || err != nil {
		t.Errorf("Env: etag %q, error %v, %s", etag, err, diff)
	}
	if err := client.New(client.Options{URL: s.URL}).Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestClientFollowsRotations(t *testing.T) {
	u := &upstream{}
	u.put("prod/db", "v1", cache.Text(`{"A":"1"}`))
	h := newHarness(t, u, "prod/db")
	h.deadline = time.Now().Add(700 * time.Millisecond)
	s := httptest.NewServer(h.handler)
	defer s.Close()
	c, ctx := client.New(client.Options{URL: s.URL, Token: token}), t.Context()

	u.put("prod/db", "v2", cache.Text(`{"A":"2"}`))
	body := `{"rotated":true,"secretId":"prod/db","versionId":"v2","changed":true}`
	got, err := c.Rotation(ctx, []byte(customEvent("prod/db", "v2")))
	if diff := cmp.Diff(client.Rotation{Rotated: true, SecretID: "prod/db", VersionID: "v2", Changed: true, Body: []byte(body)}, got); diff != "" || err != nil {
		t.Errorf("Rotation: %v, %s", err, diff)
	}
	if vars, _, err := c.Env(ctx); vars["A"] != "2" || err != nil {
		t.Errorf("Env = %v, %v", vars, err)
	}
	if got, err = c.Rotation(ctx, []byte(`[]`)); got.Rotated || err != nil {
		t.Errorf("Rotation of an ordinary event = %+v, %v", got, err)
	}
	if got, err = c.RotationOf(ctx, "prod/db", "v2"); !got.Rotated || got.Changed || err != nil {
		t.Errorf("RotationOf = %+v, %v", got, err)
	}
	_, err = c.Rotation(ctx, []byte(`{`))
	wantError(t, err, client.Error{Status: 400, Type: "InvalidRequestException", Message: "the body is not JSON"})
	u.fail("prod/db", &cache.Error{Status: 400, Type: "DecryptionFailure", Message: "kms: no"})
	_, err = c.RotationOf(ctx, "prod/db", "v3")
	wantError(t, err, client.Error{Status: 502, Type: "DecryptionFailure", Message: "kms: no"})
	if version, changed, err := c.Refresh(ctx, "prod/db", "v1"); version != "v2" || !changed || err != nil {
		t.Errorf("Refresh = %q, %t, %v", version, changed, err)
	}
}

func wantError(t *testing.T, err error, want client.Error) {
	t.Helper()
	got, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatalf("error %v, want an answer of the endpoint", err)
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Error(diff)
	}
}
