package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseConfigProblems(t *testing.T) {
	tests := []struct {
		name string
		bad  []string
		want string // "%" is the value
	}{
		{"SECRETS_KEY", []string{"MY-SECRET", "1A", "AWS_SESSION_TOKEN"}, `SECRETS_KEY: got "%", want the name of the variable`},
		{"SECRET", []string{"PATH=x"}, `SECRET: reference "%": PATH is reserved`},
		{"SECRETS_DOTENV_PATH", []string{"secrets.env", "./x", "/tmp/", "on"}, `SECRETS_DOTENV_PATH: got "%", want the absolute path of a file, or "off"`},
		{"SECRETS_MANAGER_TTL", []string{"-1", "1.5", "5m", "x", "+1", " 1", "1_0", "0x1"}, `SECRETS_MANAGER_TTL: got "%", want whole seconds, 0 or more`},
		{"SECRETS_MAX_STALE", []string{"-1", "x"}, `SECRETS_MAX_STALE: got "%", want whole seconds, 0 or more`},
		{"SECRETS_MANAGER_TIMEOUT_MILLIS", []string{"-1", "3s"}, `SECRETS_MANAGER_TIMEOUT_MILLIS: got "%", want whole milliseconds, 0 or more`},
		{"SECRETS_INIT_TIMEOUT_MILLIS", []string{"0", "-1"}, `SECRETS_INIT_TIMEOUT_MILLIS: got "%", want whole milliseconds, 1 or more`},
		{"SECRETS_ON_INIT_ERROR", []string{"ignore"}, `SECRETS_ON_INIT_ERROR: got "%", want "fail" or "continue"`},
		{"SECRETS_RUNTIME_PROXY", []string{"true"}, `SECRETS_RUNTIME_PROXY: got "%", want "off" or "on"`},
		{"SECRETS_RUNTIME_PROXY_PORT", []string{"0", "x"}, `SECRETS_RUNTIME_PROXY_PORT: got "%", want a whole number from 1 to 65535`},
		{"SECRETS_RUNTIME_PROXY_PORT", []string{"2773"}, `SECRETS_RUNTIME_PROXY_PORT: got %, want another port than that of PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`},
		{"SECRETS_ON_ROTATION", []string{"restart"}, `SECRETS_ON_ROTATION: got "%", want "refresh", as SECRETS_RUNTIME_PROXY is off`},
		{"SECRETS_ON_ROTATION", []string{"reload"}, `SECRETS_ON_ROTATION: got "%", want "refresh" or "restart"`},
		{"SECRETS_NEXT_WRAPPER", []string{"/opt/secrets-wrapper", "/opt//secrets-wrapper"}, `SECRETS_NEXT_WRAPPER: got "%", want another wrapper`},
		{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", []string{"0", "65536", "-1", "http", "+80"}, `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: got "%", want a whole number from 1 to 65535`},
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", []string{"yes", "1"}, `PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED: got "%", want "true" or "false"`},
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", []string{"-1", "100001", "99999999999999999999"}, `PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE: got "%", want a whole number from 0 to 100000`},
		{"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", []string{"0", "1001"}, `PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS: got "%", want a whole number from 1 to 1000`},
		{"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", []string{"trace", "fatal", "loud"}, `PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL: got "%", want "debug", "info", "warn", "error" or "none"`},
		{"AWS_REGION", []string{"eu west", "x.example.com/", "ü"}, `AWS_REGION: got "%", want a Region`},
		{"AWS_ENDPOINT_URL", []string{"localhost:4566", "ftp://x", "https://", "http://a b"}, `AWS_ENDPOINT_URL: got something else, want a URL`},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER", []string{"x"}, `AWS_ENDPOINT_URL_SECRETS_MANAGER: got something else, want a URL`},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", []string{"1"}, `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: got "%", want "false" or "true"`},
		{"AWS_USE_FIPS_ENDPOINT", []string{"1"}, `AWS_USE_FIPS_ENDPOINT: got "%", want "false" or "true"`},
		{"AWS_USE_DUALSTACK_ENDPOINT", []string{"on"}, `AWS_USE_DUALSTACK_ENDPOINT: got "%", want "false" or "true"`},
		{"AWS_CA_BUNDLE", []string{"/missing.pem"}, `AWS_CA_BUNDLE: got "%", want a file that can be read: file does not exist`},
		{"AWS_CA_BUNDLE", []string{"/empty.pem"}, `AWS_CA_BUNDLE: got "%", want a file with a certificate`},
		{"HTTPS_PROXY", []string{"http://a b", "http://u:p%@x", "ftp://x", "a b"}, `HTTPS_PROXY: got something else, want a URL`},
		{"http_proxy", []string{"http://[::1"}, `http_proxy: got something else, want a URL`},
		{"AWS_TOKEN", []string{"file:///no/such/file"}, `token of the endpoint: AWS_TOKEN: open /no/such/file`},
		{"AWS_SESSION_TOKEN", []string{""}, `token of the endpoint: got none, want one of AWS_TOKEN`},
		{"AWS_ACCESS_KEY_ID", []string{""}, `AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not`},
		{"AWS_SECRET_ACCESS_KEY", []string{""}, `AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not`},
		{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", []string{"x", "@evil/", ":80/x", "/%"}, `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: got something else, want a path`},
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN", []string{"a\nb", "a\r"}, `AWS_CONTAINER_AUTHORIZATION_TOKEN: got several lines`},
	}
	for _, tt := range tests {
		for _, value := range tt.bad {
			_, err := parse(with(vars{tt.name: value}))
			want := strings.ReplaceAll(tt.want, "%", value)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s=%q: got %v, want %s", tt.name, value, err, want)
				continue
			}
			if n := len(problems(err)); n != 1 {
				t.Errorf("%s=%q: got %d problems, want 1: %v", tt.name, value, n, err)
			}
		}
	}
}

// These problems need more than one variable.
func TestParseConfigConflicts(t *testing.T) {
	tests := []struct {
		env  vars
		want []string
	}{
		{vars{"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, []string{`AWS_REGION: got "", want a Region`}},
		{vars{"AWS_REGION": "", "AWS_DEFAULT_REGION": "x y"}, []string{`AWS_DEFAULT_REGION: got "x y", want a Region`}},
		{
			vars{"AWS_ENDPOINT_URL": "https://x", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "True"},
			[]string{`AWS_USE_FIPS_ENDPOINT: got "true", want no FIPS`, `AWS_USE_DUALSTACK_ENDPOINT: got "True", want no dual-stack`},
		},
		{
			vars{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "2774", "SECRETS_RUNTIME_PROXY": "on", "SECRETS_ON_ROTATION": "restart"},
			[]string{"SECRETS_RUNTIME_PROXY_PORT: got 2774, want another port"},
		},
		{
			vars{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
			[]string{"no credentials: none of AWS_ACCESS_KEY_ID"},
		},
		{
			vars{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"},
			[]string{`AWS_CONTAINER_CREDENTIALS_FULL_URI has the host "example.com"`},
		},
		{vars{"SECRETS_KEY": "MINE", "MINE": "#a #b"}, []string{`MINE: reference "#a"`, `MINE: reference "#b"`}},
	}
	for _, tt := range tests {
		_, err := parse(with(tt.env))
		got := problems(err)
		if len(got) != len(tt.want) {
			t.Errorf("%v: got %q, want %q", tt.env, got, tt.want)
			continue
		}
		for i, want := range tt.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%v: got %q, want it to begin with %q", tt.env, got[i], want)
			}
		}
	}
}

// Everything wrong at once is told at once, and nothing that is secret with it.
func TestAllProblemsInOneMessage(t *testing.T) {
	const canary = "canary-7f3a"
	env := vars{
		"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
		"SECRET":                 "PATH=x X= AWS_*=y", "SECRETS_DOTENV_PATH": "relative",
		"SECRETS_MANAGER_TTL": "a", "SECRETS_MAX_STALE": "b", "SECRETS_MANAGER_TIMEOUT_MILLIS": "c", "SECRETS_INIT_TIMEOUT_MILLIS": "0",
		"SECRETS_ON_INIT_ERROR": "d", "SECRETS_RUNTIME_PROXY": "l", "SECRETS_RUNTIME_PROXY_PORT": "e", "SECRETS_ON_ROTATION": "f",
		"SECRETS_NEXT_WRAPPER":                         ourWrapper,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT":       "0",
		"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED":   "g",
		"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE":      "-1",
		"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": "0",
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL":       "h",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER":             canary, "AWS_USE_FIPS_ENDPOINT": "i", "AWS_USE_DUALSTACK_ENDPOINT": "j",
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "k", "AWS_CA_BUNDLE": "/missing.pem",
		"HTTPS_PROXY":           "http://user:" + canary + "@a b",
		"AWS_SECRET_ACCESS_KEY": canary, "AWS_CONTAINER_AUTHORIZATION_TOKEN": canary + "\nX: y",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": canary,
	}
	_, err := parse(env)
	if err == nil {
		t.Fatal("got no error")
	}
	all := strings.Join(problems(err), "\n")
	for name := range env {
		if name != "AWS_LAMBDA_RUNTIME_API" && name != "AWS_SECRET_ACCESS_KEY" && !strings.Contains(all, name+": ") {
			t.Errorf("%s is not told of in:\n%s", name, all)
		}
	}
	for _, want := range []string{"AWS_REGION: got", "AWS_SECRET_ACCESS_KEY is set, but", `reference "PATH=x"`, `reference "X="`, `reference "AWS_*=y"`} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in:\n%s", want, all)
		}
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("a secret is told of:\n%v", err)
	}
	if strings.Count(err.Error(), "\n")+1 != len(problems(err)) {
		t.Errorf("not one line for each problem:\n%v", err)
	}
}

func TestUnknownVariables(t *testing.T) {
	got := unknownVariables([]string{
		"SECRETS_MANAGER_TTLS=1", "SECRETS_MANAGER_TTL=1", "SECRETS_X=", "SECRETS_MINE=db", "SECRET=db", "SECRETSX=1",
		"PARAMETERS_SECRETS_EXTENSION_PORT=1", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=1", "PATH=/bin", "=", "",
		"SSM_PARAMETER_STORE_TTL=1",
	}, "SECRETS_MINE")
	want := []string{
		"SECRETS_MANAGER_TTLS: no such variable is known; is it misspelt?",
		"PARAMETERS_SECRETS_EXTENSION_PORT: no such variable is known; is it misspelt?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// problems takes apart what parseConfig joined.
func problems(err error) []string {
	var s []string
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			s = append(s, err.Error())
		}
	} else if err != nil {
		panic(errors.New("not joined: " + err.Error()))
	}
	return s
}
