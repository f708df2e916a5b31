package shim

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func check[T comparable](t *testing.T, text string, want T, ok bool) {
	t.Helper()
	t.Setenv("NAME", text)
	got, err := Value[T]("NAME")
	if got != want || (err == nil) != ok {
		t.Errorf("Value[%T] of %q: got %v, %v; want %v, ok %t", want, text, got, err, want, ok)
	}
	if err != nil && text != "" && strings.Contains(err.Error(), text) {
		t.Errorf("Value[%T]: the error shows the value: %v", want, err)
	}
}

func TestValue(t *testing.T) {
	type named string
	type login struct{ User, Password string }
	check(t, "text", "text", true)
	check(t, "text", named("text"), true)
	check(t, "5432", 5432, true)
	check(t, "-5", int8(-5), true)
	check(t, "canary", 0, false)
	check(t, "300", int8(0), false)
	check(t, "7", uint16(7), true)
	check(t, "-7", uint16(0), false)
	check(t, "0.5", 0.5, true)
	check(t, "canary", 0.0, false)
	check(t, "true", true, true)
	check(t, "canary", false, false)
	check(t, "1m30s", 90*time.Second, true)
	check(t, "9090", time.Duration(0), false)
	check(t, "127.0.0.1:80", netip.MustParseAddrPort("127.0.0.1:80"), true)
	check(t, "canary", netip.Addr{}, false)
	check(t, `{"user":"u","password":"p"}`, login{"u", "p"}, true)
	check(t, `{"user":"canary","password":1}`, login{}, false)
	check(t, "canary", login{}, false)

	unset(t, "NAME")
	if _, err := Value[int]("NAME"); !errors.Is(err, ErrNotSet) || !strings.Contains(err.Error(), "NAME") {
		t.Errorf("got %v, want ErrNotSet with the name", err)
	}
	t.Setenv("NAME", "bytes")
	if got, err := Value[[]byte]("NAME"); string(got) != "bytes" || err != nil {
		t.Errorf("Value[[]byte]: got %q, %v", got, err)
	}
}

func TestLookup(t *testing.T) {
	unset(t, "NAME", "OTHER")
	if got, ok := Lookup("NAME"); got != "" || ok {
		t.Errorf("before the start: got %q, %t", got, ok)
	}
	t.Setenv("OTHER", "plain")
	if got := Get("OTHER"); got != "plain" {
		t.Errorf("before the start: got %q, want what the process has", got)
	}
	_, s := wrap(t, newEndpoint(map[string]string{"NAME": "value"}), func() {})
	for name, want := range map[string]string{"NAME": "value", "OTHER": "plain", "NONE": ""} {
		got, ok := s.Lookup(name)
		if got != want || ok != (want != "") || Get(name) != want || s.Get(name) != want {
			t.Errorf("%s: got %q, %t; want %q", name, got, ok, want)
		}
	}
}

func TestSecret(t *testing.T) {
	if _, err := Secret(t.Context(), "prod/db"); !errors.Is(err, errNotLoaded) {
		t.Errorf("before the start: got %v", err)
	}
	e := newEndpoint(nil)
	wrap(t, e, func() {})
	secret, err := Secret(t.Context(), "prod/db")
	if err != nil || secret.VersionID != "v1" || *secret.SecretString != "value of v1" {
		t.Errorf("got %v, %v; want version v1", secret, err)
	}
	e.failing("/secretsmanager/get", `400 {"__type":"ResourceNotFoundException","message":"none"}`)
	if _, err := Secret(t.Context(), "other"); err == nil || err.Error() != `get secret "other": status 400: ResourceNotFoundException: none` {
		t.Errorf("got %v, want the cause", err)
	}
}
