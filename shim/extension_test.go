package shim

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/localhttp"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

// store is Secrets Manager for one secret, whatever it is called.
type store struct {
	mu      sync.Mutex
	version int
	value   string
}

func (s *store) put(value string) (version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.value = value
	return fmt.Sprint("v", s.version)
}

func (s *store) fetch(_ context.Context, q cache.Query) (*cache.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &cache.Secret{
		ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1b2c3", Name: "prod/db",
		VersionID: fmt.Sprint("v", s.version), Stages: []string{cache.Current}, Created: time.Now(), Value: cache.Text(s.value),
	}, nil
}

// realExtension is the layer's own endpoint, cache and variables over s.
func realExtension(t *testing.T, s *store, secret string) *client.Client {
	t.Helper()
	refs, err := variables.Parse(secret)
	if err != nil {
		t.Fatal(err)
	}
	var set *variables.Set
	c := cache.New(s.fetch, cache.Options{
		TTL: time.Hour, Size: 100, Named: variables.IDs(refs),
		Changed: func() { _ = set.Publish() },
	})
	set = variables.New(refs, c, variables.Options{})
	if err := set.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := localhttp.NewHandler(localhttp.Options{Cache: c, Variables: set, Token: "token"})
	return client.New(client.Options{Token: "token", HTTPClient: &http.Client{Transport: local{h}}})
}

func TestWithTheExtensionItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unset(t, "user", "password", "DB")
		s := &store{}
		s.put(`{"user":"u","password":"old"}`)
		calls := &counter{}
		h, _ := wrap(t, nil, calls.handle, Client(realExtension(t, s, "prod/db DB=prod/db")))
		if got := os.Getenv("user") + " " + os.Getenv("password"); got != "u old" {
			t.Fatalf("at the start the variables are %q, want %q", got, "u old")
		}

		version := s.put(`{"password":"new"}`)
		event := strings.ReplaceAll(rotationEvent, "v2", version)
		want := fmt.Sprintf(`{"rotated":true,"secretId":"prod/db","versionId":%q,"changed":true}`, version)
		if got := strings.TrimSpace(invokeText(t, h, event)); got != want {
			t.Errorf("got answer %s, want %s", got, want)
		}
		if _, ok := os.LookupEnv("user"); ok || os.Getenv("password") != "new" {
			t.Errorf("after the rotation: user set %t, password %q; want it gone, and new", ok, os.Getenv("password"))
		}
		if got := invokeText(t, h, strings.ReplaceAll(event, "prod/db", "other")); got != `"handled"` || calls.calls() != 1 {
			t.Errorf("another secret's rotation was answered with %s, want the handler's answer", got)
		}

		time.Sleep(2 * time.Second) // the extension fetches once a second at most for the following
		type login struct{ Password string }
		var saw []string
		err := RefreshOnAuthError(t.Context(), "prod/db", func(_ context.Context, l login) error {
			saw = append(saw, l.Password)
			if len(saw) == 1 {
				s.put(`{"password":"newer"}`)
				return ErrRefused
			}
			return nil
		})
		if err != nil || strings.Join(saw, " ") != "new newer" || os.Getenv("password") != "newer" {
			t.Errorf("with a refused credential: saw %q, %v, then password is %q; want new, newer", saw, err, os.Getenv("password"))
		}
	})
}
