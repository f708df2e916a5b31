package shim

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

var errLogin = errors.New("password authentication failed")

func isLogin(err error) bool { return errors.Is(err, errLogin) }

// rotate makes the next fetch of e find another version.
func (e *endpoint) rotate(version string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.versions = append(e.versions, version)
}

func TestRefreshOnAuthError(t *testing.T) {
	refuse := fmt.Errorf("connect: %w", ErrRefused)
	for _, test := range []struct {
		name      string
		rotated   bool // while the function held the old version
		errs      []error
		predicate bool
		fail      string // of /refresh
		want      string
		saw       []string
		refreshes int
	}{
		{name: "accepted", rotated: true, errs: []error{nil}, saw: []string{"v1"}},
		{name: "another error", rotated: true, errs: []error{errLogin}, want: errLogin.Error(), saw: []string{"v1"}},
		{name: "refused", rotated: true, errs: []error{refuse, nil}, saw: []string{"v1", "v2"}, refreshes: 1},
		{name: "refused, by predicate", rotated: true, errs: []error{errLogin, nil}, predicate: true, saw: []string{"v1", "v2"}, refreshes: 1},
		{name: "refused twice", rotated: true, errs: []error{refuse, refuse}, want: refuse.Error(), saw: []string{"v1", "v2"}, refreshes: 1},
		{name: "no other version", errs: []error{refuse}, want: refuse.Error(), saw: []string{"v1"}, refreshes: 1},
		{
			name: "refresh fails", rotated: true, errs: []error{refuse}, fail: `502 {"__type":"ConnectionError","message":"no route"}`,
			want: `connect: credential refused; and then: refresh secret "prod/db": status 502: ConnectionError: no route`, saw: []string{"v1"}, refreshes: 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			unset(t, "NAME")
			e := newEndpoint(map[string]string{"NAME": "v1"})
			wrap(t, e, func() {})
			e.failing("/refresh", test.fail)
			var predicates []func(error) bool
			if test.predicate {
				predicates = append(predicates, isLogin)
			}
			var saw []string
			err := RefreshOnAuthError(t.Context(), "prod/db", func(_ context.Context, value string) error {
				saw = append(saw, strings.TrimPrefix(value, "value of "))
				if test.rotated && len(saw) == 1 {
					e.rotate("v2")
					e.set(map[string]string{"NAME": "v2"})
				}
				return test.errs[len(saw)-1]
			}, predicates...)
			if got := fmt.Sprint(err); err != nil && got != test.want || err == nil && test.want != "" {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if d := cmp.Diff(test.saw, saw); d != "" {
				t.Error(d)
			}
			if len(saw) == 2 && os.Getenv("NAME") != "v2" {
				t.Error("the environment still has the value that was refused")
			}
			if n := e.count("POST /refresh ifVersion=v1&secretId=prod%2Fdb"); n != test.refreshes {
				t.Errorf("%d refreshes, want %d", n, test.refreshes)
			}
		})
	}
}

func TestRefreshOnAuthErrorTrustsTheVersionItGets(t *testing.T) {
	e := newEndpoint(nil)
	wrap(t, e, func() {})
	e.failing("/refresh", `200 {"versionId":"v2","changed":true}`) // while reads still see v1
	runs := 0
	err := RefreshOnAuthError(t.Context(), "prod/db", func(context.Context, string) error {
		runs++
		return ErrRefused
	})
	if runs != 1 || !errors.Is(err, ErrRefused) {
		t.Errorf("%d runs with %v, want one: the refused version is no other", runs, err)
	}
}

func TestRefreshOnAuthErrorSideBySide(t *testing.T) {
	e := newEndpoint(nil)
	wrap(t, e, func() {})
	var all, wg sync.WaitGroup
	all.Add(8)
	for range 8 {
		wg.Go(func() {
			runs := 0
			err := RefreshOnAuthError(t.Context(), "prod/db", func(_ context.Context, s *client.Secret) error {
				runs++
				if runs == 1 {
					all.Done()
					all.Wait() // everybody holds v1
					e.rotate("v2")
				}
				if s.VersionID == "v1" {
					return ErrRefused
				}
				return nil
			})
			if err != nil || runs != 2 {
				t.Errorf("%d runs with %v, want 2 and no error", runs, err)
			}
		})
	}
	wg.Wait()
}

func TestWhatASecretIsTakenAs(t *testing.T) {
	text := `{"User":"u","Password":"canary"}`
	secret := func(field string, value any) string {
		return fmt.Sprintf(`200 {"Name":"prod/db","VersionId":"v1",%q:%q}`, field, value)
	}
	e := newEndpoint(nil)
	wrap(t, e, func() {})
	type login struct{ User, Password string }

	e.failing("/secretsmanager/get", secret("SecretString", text))
	take(t, login{"u", "canary"}, "")
	take(t, text, "")
	take(t, []byte(text), "")
	take(t, map[string]string{"User": "u", "Password": "canary"}, "")
	take(t, 0, `secret "prod/db": the value is no int`)
	e.failing("/secretsmanager/get", secret("SecretBinary", "Y2FuYXJ5"))
	take(t, []byte("canary"), "")
	take(t, "", `secret "prod/db": the value is binary; take it as []byte`)
	e.failing("/secretsmanager/get", "404 none")
	take(t, "", `get secret "prod/db": status 404: none`)
	current.Store(nil)
	take(t, "", errNotLoaded.Error())
}

func take[T any](t *testing.T, want T, wantErr string) {
	t.Helper()
	var got T
	err := RefreshOnAuthError(t.Context(), "prod/db", func(_ context.Context, v T) error {
		got = v
		return nil
	})
	if err != nil && err.Error() != wantErr || err == nil && wantErr != "" {
		t.Errorf("as %T: got %v, want %q", want, err, wantErr)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
