package awssm

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func provider(t *testing.T, o CredentialOptions) aws.CredentialsProvider {
	t.Helper()
	p, err := Credentials(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStaticCredentials(t *testing.T) {
	keys, err := provider(t, CredentialOptions{
		AccessKeyID: "id", SecretAccessKey: "key", SessionToken: "token",
		ContainerURL: "http://127.0.0.1:1", Process: "false",
	}).Retrieve(t.Context())
	if err != nil || keys.AccessKeyID != "id" || keys.SecretAccessKey != "key" || keys.SessionToken != "token" {
		t.Errorf("got %v, %v", keys.AccessKeyID, err)
	}
}

func TestCredentialErrors(t *testing.T) {
	tests := []struct {
		o    CredentialOptions
		want string
	}{
		{CredentialOptions{}, "AWS_ACCESS_KEY_ID, AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		{CredentialOptions{AccessKeyID: "id"}, "AWS_SECRET_ACCESS_KEY is not"},
		{CredentialOptions{SecretAccessKey: canary}, "AWS_ACCESS_KEY_ID is not"},
		{CredentialOptions{ContainerURL: "/relative"}, "absolute"},
		{CredentialOptions{ContainerURL: "ftp://127.0.0.1/"}, "absolute"},
		{CredentialOptions{ContainerURL: "http://192.0.2.1/"}, `host "192.0.2.1"`},
		{CredentialOptions{ContainerURL: "http://169.254.169.254/"}, "169.254.170.2,"},
		{CredentialOptions{ContainerURL: "http://example.com/"}, "loopback"},
	}
	for _, tt := range tests {
		_, err := Credentials(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.o, err, tt.want)
		}
		leaks(t, err)
	}
	for _, good := range []string{
		"https://example.com/", "http://localhost:1/", "http://127.9.9.9/", "http://[::1]:8080/",
		"http://169.254.170.2/v2", "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1",
	} {
		if _, err := Credentials(CredentialOptions{ContainerURL: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// container has a fake service and a fake endpoint for keys, and a client of both.
func containerClient(t *testing.T, lifetime time.Duration, change ...func(*CredentialOptions)) (*Client, *awstest.SecretsManager, *awstest.Credentials) {
	sm := awstest.New()
	t.Cleanup(sm.Close)
	sm.Put("prod/db", value)
	endpoint := awstest.NewCredentials(lifetime)
	t.Cleanup(endpoint.Close)
	o := CredentialOptions{ContainerURL: endpoint.URL(), ContainerToken: endpoint.Token()}
	for _, f := range change {
		f(&o)
	}
	return clientOf(t, sm.URL(), func(c *Options) { c.Credentials = provider(t, o) }), sm, endpoint
}

func fetch(t *testing.T, c *Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := c.Fetch(ctx, cache.Query{ID: "prod/db"})
	return err
}

func TestContainerCredentials(t *testing.T) {
	client, sm, endpoint := containerClient(t, time.Hour)
	for range 2 {
		if err := fetch(t, client); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := endpoint.Calls(); n != 1 {
		t.Errorf("%d calls for keys, want 1", n)
	}
	call := sm.Calls()[1]
	if call.AccessKeyID != endpoint.Keys().AccessKeyID || call.SessionToken != endpoint.Keys().Token {
		t.Errorf("signed with %q", call.AccessKeyID)
	}
}

// Keys are renewed before they expire; those at hand are used when that fails,
// as long as they last.
func TestRenewal(t *testing.T) {
	client, sm, endpoint := containerClient(t, expiryWindow-time.Minute)
	if err := fetch(t, client); err != nil {
		t.Fatal(err)
	}
	old := endpoint.Rotate(time.Hour)
	endpoint.Fail(http.StatusInternalServerError)
	for range 2 {
		if err := fetch(t, client); err != nil {
			t.Errorf("with keys that are still good: %v", err)
		}
	}
	endpoint.Fail(0)
	if err := fetch(t, client); err != nil {
		t.Fatal(err)
	}
	var signers []string
	for _, c := range sm.Calls() {
		signers = append(signers, c.AccessKeyID)
	}
	if signers[2] != old.AccessKeyID || signers[3] != endpoint.Keys().AccessKeyID {
		t.Errorf("signed by %q, with old %q, new %q", signers, old.AccessKeyID, endpoint.Keys().AccessKeyID)
	}
}

func TestKeysAreNotUsedPastTheirEnd(t *testing.T) {
	cause := errors.New("the endpoint is down")
	keys := aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key", CanExpire: true}
	for left, want := range map[time.Duration]error{time.Minute: nil, -time.Minute: cause} {
		keys.Expires = time.Now().Add(left - expiryWindow) // as the cache has them
		if _, err := (keeping{}).HandleFailToRefresh(t.Context(), keys, cause); err != want {
			t.Errorf("%v before the end: got %v, want %v", left, err, want)
		}
	}
	if _, err := (keeping{}).HandleFailToRefresh(t.Context(), aws.Credentials{}, cause); err != cause {
		t.Errorf("without keys: got %v", err)
	}
}

func TestExpiredKeysAreReplacedAtOnce(t *testing.T) {
	client, sm, endpoint := containerClient(t, time.Hour)
	if err := fetch(t, client); err != nil {
		t.Fatal(err)
	}
	sm.ExpireKey(endpoint.Rotate(time.Hour).AccessKeyID)
	sm.ResetCalls()
	if err := fetch(t, client); err != nil {
		t.Fatal(err)
	}
	if n := sm.CallCount(""); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	// New keys that are refused too are not read for ever.
	sm.ExpireKey(endpoint.Keys().AccessKeyID)
	sm.ResetCalls()
	expect(t, sm, fetch(t, client), want{400, "ExpiredTokenException", "expired", 2})
}

func TestContainerFailures(t *testing.T) {
	unreadable := filepath.Join(t.TempDir(), "none")
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			_, _ = w.Write([]byte("<html>" + canary))
		case "/empty":
			_, _ = w.Write([]byte("{}"))
		case "/null":
			_, _ = w.Write([]byte("null"))
		default:
			http.Redirect(w, r, "/empty", http.StatusFound)
		}
	}))
	defer page.Close()
	tests := []struct {
		name   string
		change func(*CredentialOptions)
		want   string
	}{
		{"token", func(o *CredentialOptions) { o.ContainerToken = "wrong" }, "no credentials: the container endpoint answered with an error, code Unauthorized"},
		{"token file", func(o *CredentialOptions) { o.ContainerTokenFile = unreadable }, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: open " + unreadable},
		{"refused", func(o *CredentialOptions) { o.ContainerURL = "http://127.0.0.1:1/" }, "connection refused"},
		{"page", func(o *CredentialOptions) { o.ContainerURL = page.URL + "/page" }, "did not answer with credentials"},
		{"empty", func(o *CredentialOptions) { o.ContainerURL = page.URL + "/empty" }, "without keys"},
		{"null", func(o *CredentialOptions) { o.ContainerURL = page.URL + "/null" }, "did not answer with credentials"},
		{"redirect", func(o *CredentialOptions) { o.ContainerURL = page.URL + "/redirect" }, "answered with an error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client, sm, _ := containerClient(t, time.Hour, tt.change)
			e := expect(t, sm, fetch(t, client), want{502, TypeCredentials, tt.want, 0})
			if !e.Transient() {
				t.Error("it is not transient")
			}
		})
	}
}

func TestContainerIsTriedAgain(t *testing.T) {
	client, sm, endpoint := containerClient(t, time.Hour)
	endpoint.Fail(http.StatusInternalServerError)
	expect(t, sm, fetch(t, client), want{502, TypeCredentials, "code Failure", 0})
	if n, _ := endpoint.Calls(); n != 3 {
		t.Errorf("%d calls for keys, want 3", n)
	}
}

func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	client, _, endpoint := containerClient(t, expiryWindow, func(o *CredentialOptions) {
		o.ContainerTokenFile, o.ContainerToken = file, "not this one"
		if err := os.WriteFile(file, []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if err := fetch(t, client); err == nil {
		t.Error("a wrong token in the file: got no error")
	}
	if err := os.WriteFile(file, []byte(endpoint.Token()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := fetch(t, client); err != nil {
		t.Error(err)
	}
}

func TestProcess(t *testing.T) {
	tests := []struct{ command, want string }{
		{`echo '{"Version":1,"AccessKeyId":"id","SecretAccessKey":"key"}'`, ""},
		{"exit 3", "the command ended with exit status 3"},
		{"echo " + canary, "did not print credentials"},
	}
	for _, tt := range tests {
		sm := awstest.New()
		sm.Put("prod/db", value)
		client := clientOf(t, sm.URL(), func(o *Options) { o.Credentials = provider(t, CredentialOptions{Process: tt.command}) })
		err := fetch(t, client)
		if tt.want != "" {
			expect(t, sm, err, want{502, TypeCredentials, tt.want, 0})
		} else if err != nil || sm.Calls()[0].AccessKeyID != "id" {
			t.Errorf("%s: %v, calls %+v", tt.command, err, sm.Calls())
		}
		sm.Close()
	}
}
