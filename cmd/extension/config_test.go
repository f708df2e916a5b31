package main

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-secretsmanager/lambda-extension/cache/awssm"
	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

type vars = map[string]string

// lambdaVars is what Lambda sets for every function.
func lambdaVars() vars {
	return vars{
		"AWS_LAMBDA_RUNTIME_API":         "127.0.0.1:9001",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_REGION":                     "eu-west-1",
		"AWS_DEFAULT_REGION":             "eu-west-1",
		"AWS_ACCESS_KEY_ID":              "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":          "key",
		"AWS_SESSION_TOKEN":              "session",
		"AWS_LAMBDA_LOG_LEVEL":           "",
		"AWS_LAMBDA_LOG_FORMAT":          "Text",
	}
}

func lambdaConfig() config {
	return config{
		DotenvPath: "/tmp/secrets.env",
		TTL:        300 * time.Second, MaxStale: time.Hour,
		FetchTimeout: 3 * time.Second, InitTimeout: 5 * time.Second,
		Strict: true, CacheSize: 1000,
		Port: 2773, Token: "session",
		RuntimeAPI: "127.0.0.1:9001", Initialization: onDemand,
		AWS: awssm.Options{Region: "eu-west-1", MaxConns: 8},
		Credentials: awssm.CredentialOptions{
			AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "key", SessionToken: "session",
		},
	}
}

func parse(env vars) (config, error) {
	readFile := func(path string) ([]byte, error) {
		switch path {
		case "/ca.pem":
			return os.ReadFile(filepath.Join("testdata", "ca.pem"))
		case "/empty.pem":
			return []byte("no certificate"), nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
	return parseConfig(func(name string) string { return env[name] }, readFile)
}

func with(more vars) vars {
	env := lambdaVars()
	maps.Copy(env, more)
	return env
}

func TestParseConfig(t *testing.T) {
	ca, err := os.ReadFile(filepath.Join("testdata", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const forever = 100 * 365 * 24 * time.Hour
	tests := map[string]struct {
		env  vars
		want func(*config)
	}{
		"defaults": {vars{}, func(*config) {}},
		"all variables empty": {
			func() vars {
				env := vars{}
				for name := range knownVariables {
					env[name] = ""
				}
				return env
			}(),
			func(*config) {},
		},
		"references": {
			vars{"SECRET": "db A=b#c"},
			func(c *config) {
				c.References = []variables.Reference{{ID: "db"}, {Name: "A", ID: "b", Key: "c", HasKey: true}}
			},
		},
		"references elsewhere": {
			vars{"SECRETS_KEY": "MY_SECRET", "MY_SECRET": "db", "SECRET": "other"},
			func(c *config) { c.References = []variables.Reference{{ID: "db"}} },
		},
		"references nowhere": {
			vars{"SECRETS_KEY": "MY_SECRET", "SECRET": "other"},
			func(c *config) { c.Warnings = []string{"SECRETS_KEY: MY_SECRET is not set, so no secret is named"} },
		},
		"rotation": {
			vars{"SECRETS_ROTATION_SOURCE": "s", "SECRETS_ROTATION_DETAIL_TYPE": "t", "SECRETS_ROTATION_DETAIL_KEY": "k"},
			func(c *config) { c.Matcher = event.Matcher{Source: "s", DetailType: "t", DetailKey: "k"} },
		},
		"no file": {vars{"SECRETS_DOTENV_PATH": "OFF"}, func(c *config) { c.DotenvPath = "" }},
		"file": {
			vars{"SECRETS_DOTENV_PATH": "/tmp/x//.env"},
			func(c *config) { c.DotenvPath, c.DotenvRequired = "/tmp/x/.env", true },
		},
		"the default file, asked for": {
			vars{"SECRETS_DOTENV_PATH": "/tmp/secrets.env"},
			func(c *config) { c.DotenvRequired = true },
		},
		"durations": {
			vars{
				"SECRETS_MANAGER_TTL": "86400", "SECRETS_MAX_STALE": "1",
				"SECRETS_MANAGER_TIMEOUT_MILLIS": "1500", "SECRETS_INIT_TIMEOUT_MILLIS": "1",
			},
			func(c *config) {
				c.TTL, c.MaxStale, c.FetchTimeout, c.InitTimeout = 24*time.Hour, time.Second, 1500*time.Millisecond, time.Millisecond
			},
		},
		"durations of nothing": {
			vars{"SECRETS_MANAGER_TTL": "0", "SECRETS_MAX_STALE": "0", "SECRETS_MANAGER_TIMEOUT_MILLIS": "0"},
			func(c *config) { c.TTL, c.MaxStale, c.FetchTimeout = 0, 0, 0 },
		},
		"durations beyond what fits": {
			vars{
				"SECRETS_MANAGER_TTL": "9223372037", "SECRETS_MAX_STALE": "18446744073709551615",
				"SECRETS_MANAGER_TIMEOUT_MILLIS": "18446744073709551616", "SECRETS_INIT_TIMEOUT_MILLIS": strings.Repeat("9", 80),
			},
			func(c *config) { c.TTL, c.MaxStale, c.FetchTimeout, c.InitTimeout = forever, forever, forever, forever },
		},
		"continue":     {vars{"SECRETS_ON_INIT_ERROR": "Continue"}, func(c *config) { c.Strict = false }},
		"fail":         {vars{"SECRETS_ON_INIT_ERROR": "fail"}, func(*config) {}},
		"cache off":    {vars{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "False"}, func(c *config) { c.TTL = 0 }},
		"cache on":     {vars{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED": "TRUE"}, func(*config) {}},
		"no cache":     {vars{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "0"}, func(c *config) { c.TTL, c.CacheSize = 0, 0 }},
		"large cache":  {vars{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE": "100000"}, func(c *config) { c.CacheSize = 100_000 }},
		"connections":  {vars{"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": "1000"}, func(c *config) { c.AWS.MaxConns = 1000 }},
		"port":         {vars{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "65535"}, func(c *config) { c.Port = 65535 }},
		"proxy's port": {vars{"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "2774"}, func(c *config) { c.Port = 2774 }},
		"proxy": {
			vars{"SECRETS_RUNTIME_PROXY": "Off", "SECRETS_RUNTIME_PROXY_PORT": "1", "SECRETS_ON_ROTATION": "refresh"},
			func(*config) {},
		},
		"proxy on": {
			vars{"SECRETS_RUNTIME_PROXY": "ON", "AWS_LAMBDA_EXEC_WRAPPER": "/opt/secrets-wrapper"},
			func(c *config) { c.Wrapper, c.ProxyPort = true, 2774 },
		},
		"proxy and restart": {
			vars{
				"SECRETS_RUNTIME_PROXY": "on", "SECRETS_RUNTIME_PROXY_PORT": "9999", "SECRETS_ON_ROTATION": "Restart",
				"AWS_LAMBDA_EXEC_WRAPPER": "/opt/secrets-wrapper",
			},
			func(c *config) { c.Wrapper, c.ProxyPort, c.Restart = true, 9999, true },
		},
		"wrapper": {
			vars{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/secrets-wrapper", "SECRETS_NEXT_WRAPPER": "/opt/otel-handler"},
			func(c *config) { c.Wrapper, c.NextWrapper = true, "/opt/otel-handler" },
		},
		"another wrapper": {vars{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/datadog_wrapper"}, func(*config) {}},
		"log level":       {vars{"AWS_LAMBDA_LOG_LEVEL": "WARN"}, func(c *config) { c.LogLevel = slog.LevelWarn }},
		"our log level goes first": {
			vars{"AWS_LAMBDA_LOG_LEVEL": "WARN", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "Debug"},
			func(c *config) { c.LogLevel = slog.LevelDebug },
		},
		"no log":     {vars{"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL": "NONE"}, func(c *config) { c.LogLevel = levelNone }},
		"log format": {vars{"AWS_LAMBDA_LOG_FORMAT": "JSON"}, func(c *config) { c.LogFormat = logJSON }},
		"a log that Lambda has not yet": {
			vars{"AWS_LAMBDA_LOG_FORMAT": "CBOR", "AWS_LAMBDA_LOG_LEVEL": "NOTICE"},
			func(c *config) {
				c.Warnings = []string{
					`AWS_LAMBDA_LOG_LEVEL: got "NOTICE", want TRACE, DEBUG, INFO, WARN, ERROR or FATAL: INFO is used`,
					`AWS_LAMBDA_LOG_FORMAT: got "CBOR", want JSON or Text: Text is used`,
				}
			},
		},
		"token": {vars{"AWS_TOKEN": "first"}, func(c *config) { c.Token = "first" }},
		"token from a file": {
			vars{"AWS_TOKEN": "file://" + tokenFile},
			func(c *config) { c.Token = "from file" },
		},
		"provisioned concurrency": {
			vars{"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"},
			func(c *config) { c.Initialization = provisionedConcurrency },
		},
		"managed instances": {
			vars{"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"},
			func(c *config) { c.Initialization = managedInstances },
		},
		"a new initialization type":     {vars{"AWS_LAMBDA_INITIALIZATION_TYPE": "telepathy"}, func(*config) {}},
		"initialization type not given": {vars{"AWS_LAMBDA_INITIALIZATION_TYPE": ""}, func(*config) {}},
		"default Region": {
			vars{"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-gov-west-1"},
			func(c *config) { c.AWS.Region = "us-gov-west-1" },
		},
		"endpoint": {
			vars{"AWS_ENDPOINT_URL": "http://localhost:4566"},
			func(c *config) { c.AWS.Endpoint = "http://localhost:4566" },
		},
		"the service's endpoint goes first": {
			vars{"AWS_ENDPOINT_URL": "https://all", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "https://ours"},
			func(c *config) { c.AWS.Endpoint = "https://ours" },
		},
		"endpoints ignored": {
			vars{"AWS_ENDPOINT_URL": "https://all", "AWS_ENDPOINT_URL_SECRETS_MANAGER": "nonsense", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
			func(*config) {},
		},
		"FIPS and dual stack": {
			vars{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "TRUE"},
			func(c *config) { c.AWS.FIPS, c.AWS.DualStack = true, true },
		},
		"FIPS and dual stack off, with an endpoint": {
			vars{"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "false", "AWS_ENDPOINT_URL": "https://all"},
			func(c *config) { c.AWS.Endpoint = "https://all" },
		},
		"CA bundle": {vars{"AWS_CA_BUNDLE": "/ca.pem"}, func(c *config) { c.AWS.CABundle = ca }},
		"proxies": {
			vars{"HTTPS_PROXY": "http://user:pass@proxy:3128", "https_proxy": "proxy:3128", "HTTP_PROXY": "socks5://p", "NO_PROXY": "*"},
			func(*config) {},
		},
		"SnapStart": {
			vars{
				"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
				"AWS_ACCESS_KEY_ID":              "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
				"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9001/2021-04-23/credentials",
				"AWS_CONTAINER_AUTHORIZATION_TOKEN":  "container",
			},
			func(c *config) {
				c.Initialization, c.Token = snapStart, "container"
				c.Credentials = awssm.CredentialOptions{ContainerURL: "http://127.0.0.1:9001/2021-04-23/credentials", ContainerToken: "container"}
			},
		},
		"relative container URL goes first": {
			vars{
				"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/creds?id=1", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://full",
				"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/var/token",
			},
			func(c *config) {
				c.Credentials.ContainerURL, c.Credentials.ContainerTokenFile = "http://169.254.170.2/v2/creds?id=1", "/var/token"
			},
		},
		"local agent with a container": {
			vars{
				"AWS_LAMBDA_RUNTIME_API": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
				"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/creds",
			},
			func(c *config) {
				c.RuntimeAPI = ""
				c.Credentials = awssm.CredentialOptions{SessionToken: "session", ContainerURL: "http://localhost/creds"}
			},
		},
		"local agent without anything": {
			vars{"AWS_LAMBDA_RUNTIME_API": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""},
			func(c *config) {
				c.RuntimeAPI, c.Token = "", ""
				c.Credentials = awssm.CredentialOptions{Process: "aws configure export-credentials --format process"}
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse(with(tt.env))
			if err != nil {
				t.Fatal(err)
			}
			want := lambdaConfig()
			tt.want(&want)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(awssm.Options{}, "Proxy")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if got.AWS.Proxy == nil {
				t.Error("proxies are not used")
			}
		})
	}
}
