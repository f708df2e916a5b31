package emulators

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// each runs a test against every emulator, with a prefix that makes names of secrets new.
func each(t *testing.T, test func(t *testing.T, e *emulator)) {
	for name, endpoint := range urls {
		t.Run(name, func(t *testing.T) {
			client := secretsmanager.New(secretsmanager.Options{
				Region:       region,
				BaseEndpoint: aws.String(endpoint),
				Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
			})
			test(t, &emulator{t: t, name: name, url: endpoint, prefix: "t" + rand.Text()[:8] + "/", client: client})
		})
	}
}

type emulator struct {
	t      *testing.T
	name   string
	url    string
	prefix string
	client *secretsmanager.Client
}

// create makes a secret; value is a string or a []byte.
func (e *emulator) create(name string, value any) (arn, version string) {
	e.t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: aws.String(e.prefix + name)}
	switch v := value.(type) {
	case string:
		in.SecretString = &v
	case []byte:
		in.SecretBinary = v
	}
	out, err := e.client.CreateSecret(e.t.Context(), in)
	if err != nil {
		e.t.Fatal(err)
	}
	return *out.ARN, *out.VersionId
}

func (e *emulator) put(name, value string, stages ...string) (version string) {
	e.t.Helper()
	out, err := e.client.PutSecretValue(e.t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(e.prefix + name), SecretString: &value, VersionStages: stages,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return *out.VersionId
}

// record is the answer for a secret.
type record struct {
	ARN, Name, VersionId       string
	SecretString, SecretBinary *string
	VersionStages              []string
}

func (a *agent) secret(query string) (r record, mark string) {
	a.t.Helper()
	status, header, body := a.request("GET", "/secretsmanager/get?"+query)
	if err := json.Unmarshal([]byte(body), &r); err != nil || status != 200 {
		a.t.Fatalf("GET %s: %d %s", query, status, body)
	}
	return r, header.Get("X-Secrets-Cache")
}

func TestStringSecretByEveryID(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		const value = `{"user":"app","password":"` + canary + ` é\n"}`
		arn, version := e.create("db", value)
		a := startAgent(t, e.url)
		partial := arn[:strings.LastIndex(arn, "-")]
		for i, id := range []string{e.prefix + "db", arn, partial, e.prefix + "db"} {
			r, mark := a.secret("secretId=" + url.QueryEscape(id))
			if r.ARN != arn || r.Name != e.prefix+"db" || r.VersionId != version || r.SecretString == nil || *r.SecretString != value || r.SecretBinary != nil {
				t.Errorf("%s: got %+v", id, r)
			}
			// The partial ARN is resolved by the service, so the first read by it may ask there.
			if want := "hit"; i > 0 && id != partial && mark != want {
				t.Errorf("read %d, by %s: X-Secrets-Cache %q, want %q: name and ARN are one entry", i, id, mark, want)
			}
		}
		if status, _, body := a.request("GET", "/v1/"+e.prefix+"db?key=password"); status != 200 || body != canary+" é\n" {
			t.Errorf("key: %d %q", status, body)
		}
		var stats struct{ Secrets []struct{ SecretID string } }
		if _, _, body := a.request("GET", "/stats"); json.Unmarshal([]byte(body), &stats) != nil || len(stats.Secrets) != 1 {
			t.Errorf("stats: %s, want one entry whatever the secret was called", body)
		}
		a.stop()
	})
}

func TestBinarySecret(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		value := append([]byte{0, 0xff, '\n'}, canary...)
		e.create("binary", value)
		a := startAgent(t, e.url)
		r, _ := a.secret("secretId=" + e.prefix + "binary")
		if want := base64.StdEncoding.EncodeToString(value); r.SecretString != nil || r.SecretBinary == nil || *r.SecretBinary != want {
			t.Errorf("got %+v", r)
		}
	})
}

func TestVersionsAndStages(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		_, one := e.create("db", canary+"-one")
		two := e.put("db", canary+"-two")
		three := e.put("db", canary+"-three", "AWSPENDING")
		a := startAgent(t, e.url)
		for _, tc := range []struct{ query, version, value string }{
			{"", two, "-two"},
			{"&versionStage=AWSCURRENT", two, "-two"},
			{"&versionStage=AWSPREVIOUS", one, "-one"},
			{"&versionStage=AWSPENDING", three, "-three"},
			{"&versionId=" + one, one, "-one"},
			{"&versionId=" + three, three, "-three"},
		} {
			r, _ := a.secret("secretId=" + e.prefix + "db" + tc.query)
			if r.VersionId != tc.version || r.SecretString == nil || *r.SecretString != canary+tc.value {
				t.Errorf("%q: got %+v, want version %s with %s", tc.query, r, tc.version, tc.value)
			}
		}
	})
}

func TestRotation(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		arn, _ := e.create("db", `{"password":"`+canary+`-one","user":"app"}`)
		a := startAgent(t, e.url, "SECRET=DB_*="+e.prefix+"db")
		a.variables(map[string]string{"DB_password": canary + "-one", "DB_user": "app"})

		for i, id := range []string{arn, e.prefix + "db"} {
			password := canary + []string{"-two", "-three"}[i]
			version := e.put("db", `{"password":"`+password+`"}`)
			status, _, body := a.request("POST", "/rotation?secretId="+url.QueryEscape(id)+"&versionId="+version)
			var got struct {
				Rotated, Changed bool
				VersionID        string
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || !got.Rotated || !got.Changed || got.VersionID != version {
				t.Errorf("rotation by %s: %d %s, want it changed to version %s", id, status, body, version)
			}
			a.variables(map[string]string{"DB_password": password})
			if r, mark := a.secret("secretId=" + e.prefix + "db"); r.VersionId != version || mark != "hit" {
				t.Errorf("after the rotation: version %s (%s), want %s (hit)", r.VersionId, mark, version)
			}
		}
		a.stop()
		if _, err := os.Stat(a.file); !os.IsNotExist(err) {
			t.Errorf("the file is there after the end: %v", err)
		}
	})
}

// variables checks what /env and the file hold.
func (a *agent) variables(want map[string]string) {
	a.t.Helper()
	_, _, body := a.request("GET", "/env")
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got) != len(want) {
		a.t.Errorf("env: %s, want %v", body, want)
	}
	text, err := os.ReadFile(a.file)
	if err != nil {
		a.t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != len(want) {
		a.t.Errorf("file: %q, want %d variables", text, len(want))
	}
	for name, value := range want {
		if got[name] != value {
			a.t.Errorf("env: %s=%q, want %q", name, got[name], value)
		}
		if !strings.Contains(string(text), name+"="+value+"\n") {
			a.t.Errorf("file: %q, want %s=%s", text, name, value)
		}
	}
	if info, err := os.Stat(a.file); err != nil || info.Mode().Perm() != 0o600 {
		a.t.Errorf("file: %v, %v, want mode 0600", info.Mode(), err)
	}
}

func TestDeletedRestoredAndMissing(t *testing.T) {
	each(t, func(t *testing.T, e *emulator) {
		e.create("db", canary)
		a := startAgent(t, e.url)
		query := "secretId=" + e.prefix + "db"
		a.secret(query)

		_, err := e.client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String(e.prefix + "db")})
		// The SDK tries again when the answer was lost, and the second try finds the work done.
		if err != nil && !strings.Contains(err.Error(), "already scheduled for deletion") {
			t.Fatal(err)
		}
		a.fails("/secretsmanager/get?"+query+"&refreshNow=true", "InvalidRequestException")
		a.fails("/secretsmanager/get?"+query, "InvalidRequestException") // what was held is dropped

		if _, err := e.client.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String(e.prefix + "db")}); err != nil {
			t.Fatal(err)
		}
		if r, _ := a.secret(query + "&refreshNow=true"); r.SecretString == nil || *r.SecretString != canary {
			t.Errorf("after the restore: %+v", r)
		}
		a.fails("/v1/"+e.prefix+"gone", "ResourceNotFoundException")
	})
}

// fails checks that a read ends in an error of the upstream.
func (a *agent) fails(path, errorType string) {
	a.t.Helper()
	status, _, body := a.request("GET", path)
	var got struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	// AWS and ministack answer 400, moto 404 for what is not found; the endpoint passes the status on.
	if err := json.Unmarshal([]byte(body), &got); err != nil || status/100 != 4 || got.Type != errorType || got.Message == "" {
		a.t.Errorf("GET %s: %d %s, want 4xx and %s", path, status, body, errorType)
	}
}
