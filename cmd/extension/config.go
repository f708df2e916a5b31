package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/cache/awssm"
	"github.com/aws-secretsmanager/lambda-extension/dotenv"
	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
	"github.com/aws-secretsmanager/lambda-extension/variables"
)

const (
	defaultDotenvPath = "/tmp/secrets.env"
	// ourWrapper is where the layer has the exec wrapper.
	ourWrapper = "/opt/secrets-wrapper"
)

// initialization is how Lambda makes this environment, as
// AWS_LAMBDA_INITIALIZATION_TYPE spells it.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
type initialization string

const (
	onDemand               initialization = "on-demand"
	provisionedConcurrency initialization = "provisioned-concurrency"
	snapStart              initialization = "snap-start"
	managedInstances       initialization = "lambda-managed-instances"
)

// config is what the environment says. It holds keys and tokens: it must not be
// printed.
type config struct {
	References     []variables.Reference
	DotenvPath     string // "" for none
	DotenvRequired bool   // the path was set, so it must be writable

	Matcher event.Matcher

	TTL, MaxStale time.Duration
	FetchTimeout  time.Duration // 0 for none
	InitTimeout   time.Duration
	Strict        bool // SECRETS_ON_INIT_ERROR=fail
	CacheSize     int

	Port  int
	Token string // "" outside Lambda only

	LogLevel  slog.Level
	LogFormat logFormat

	RuntimeAPI     string // host:port; "" outside Lambda
	Initialization initialization
	Wrapper        bool   // the function's exec wrapper is ours
	NextWrapper    string // the one to run after ours; "" for none
	ProxyPort      int    // of the Runtime API proxy; 0: there is none
	Restart        bool   // a rotation starts the runtime anew

	AWS         awssm.Options // without Credentials and UserAgent
	Credentials awssm.CredentialOptions

	Warnings []string // what looks wrong and does no harm
}

// inLambda reports whether this process is an extension, and not the local agent.
func (c *config) inLambda() bool { return c.RuntimeAPI != "" }

// parseConfig reads the variables that getenv finds; an empty one is unset. Its
// error joins all problems, one line each: the variable, what it has, what is
// wanted. No line has the content of a token or a key. readFile reads the file
// that AWS_CA_BUNDLE names.
func parseConfig(getenv func(string) string, readFile func(string) ([]byte, error)) (config, error) {
	e := &environment{getenv: getenv, readFile: readFile}
	c := config{
		Matcher: event.Matcher{
			Source:     getenv("SECRETS_ROTATION_SOURCE"),
			DetailType: getenv("SECRETS_ROTATION_DETAIL_TYPE"),
			DetailKey:  getenv("SECRETS_ROTATION_DETAIL_KEY"),
		},
		RuntimeAPI:     getenv("AWS_LAMBDA_RUNTIME_API"),
		Initialization: parseInitialization(getenv("AWS_LAMBDA_INITIALIZATION_TYPE")),
	}
	e.references(&c)
	e.dotenv(&c)
	e.cache(&c)
	e.timeouts(&c)
	e.log(&c)
	e.token(&c)
	e.runtime(&c)
	e.aws(&c)
	e.credentials(&c)
	c.Warnings = e.warnings
	return c, errors.Join(e.problems...)
}

// parseWrapperConfig reads as much as the wrapper needs beside a running extension,
// which has told of all that is wrong before the wrapper was started.
func parseWrapperConfig(getenv func(string) string) (config, error) {
	e := &environment{getenv: getenv}
	c := config{
		RuntimeAPI:     getenv("AWS_LAMBDA_RUNTIME_API"),
		Initialization: parseInitialization(getenv("AWS_LAMBDA_INITIALIZATION_TYPE")),
	}
	e.references(&c)
	e.timeouts(&c)
	e.log(&c)
	e.token(&c)
	e.runtime(&c)
	return c, errors.Join(e.problems...)
}

// parseInitialization takes a kind that is not known for the usual one: a new one
// must not stop functions that work.
func parseInitialization(s string) initialization {
	switch i := initialization(strings.ToLower(s)); i {
	case provisionedConcurrency, snapStart, managedInstances:
		return i
	}
	return onDemand
}

func (e *environment) references(c *config) {
	name := "SECRET"
	if other := e.getenv("SECRETS_KEY"); other != "" {
		// What references a variable holds is printed when they are wrong, so the
		// platform's own variables, credentials among them, are none to read.
		if !dotenv.IsName(other) || strings.HasPrefix(other, "AWS_") {
			e.bad("SECRETS_KEY", "the name of the variable that holds the references")
			return
		}
		if e.getenv(other) == "" {
			e.warn("SECRETS_KEY: %s is not set, so no secret is named", other)
		}
		name = other
	}
	refs, err := variables.Parse(e.getenv(name))
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			e.problem("%s: %w", name, err)
		}
	} else if err != nil {
		e.problem("%s: %w", name, err)
	}
	c.References = refs
}

func (e *environment) dotenv(c *config) {
	const name = "SECRETS_DOTENV_PATH"
	switch path := e.getenv(name); {
	case path == "":
		c.DotenvPath = defaultDotenvPath
	case strings.EqualFold(path, "off"):
	case !filepath.IsAbs(path), strings.HasSuffix(path, "/"), strings.ContainsRune(path, 0):
		e.bad(name, `the absolute path of a file, or "off"`)
	default:
		c.DotenvPath, c.DotenvRequired = filepath.Clean(path), true
	}
}

func (e *environment) cache(c *config) {
	c.TTL = e.duration("SECRETS_MANAGER_TTL", time.Second, 300, 0)
	c.MaxStale = e.duration("SECRETS_MAX_STALE", time.Second, 3600, 0)
	c.CacheSize = e.number("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", 1000, 0, 100_000)
	c.AWS.MaxConns = e.number("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", 8, 1, 1000)
	if !e.boolean("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", true) || c.CacheSize == 0 {
		c.TTL = 0
	}
}

// timeouts reads how long a load may take, and whether it must succeed.
func (e *environment) timeouts(c *config) {
	c.FetchTimeout = e.duration("SECRETS_MANAGER_TIMEOUT_MILLIS", time.Millisecond, 3000, 0)
	c.InitTimeout = e.duration("SECRETS_INIT_TIMEOUT_MILLIS", time.Millisecond, 5000, 1)
	c.Strict = e.choice("SECRETS_ON_INIT_ERROR", "fail", "continue") == "fail"
}

func (e *environment) log(c *config) {
	const ours = "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL"
	// What Lambda sets may grow values that are not known here: no reason to stop.
	level, known := logLevel(e.getenv("AWS_LAMBDA_LOG_LEVEL"))
	if !known {
		e.warn("%s", got("AWS_LAMBDA_LOG_LEVEL", e.getenv("AWS_LAMBDA_LOG_LEVEL"), "TRACE, DEBUG, INFO, WARN, ERROR or FATAL: INFO is used"))
	}
	if s := e.choice(ours, "", "debug", "info", "warn", "error", "none"); s != "" {
		level, _ = logLevel(s)
	}
	c.LogLevel = level
	switch format := e.getenv("AWS_LAMBDA_LOG_FORMAT"); strings.ToLower(format) {
	case "json":
		c.LogFormat = logJSON
	case "", "text":
	default:
		e.warn("%s", got("AWS_LAMBDA_LOG_FORMAT", format, "JSON or Text: Text is used"))
	}
}

func (e *environment) token(c *config) {
	token, err := client.Token(e.getenv)
	switch {
	case err != nil:
		e.problem("token of the endpoint: %w", err)
	case token == "" && c.inLambda():
		e.problem("token of the endpoint: got none, want one of AWS_TOKEN, AWS_SESSION_TOKEN and AWS_CONTAINER_AUTHORIZATION_TOKEN set")
	}
	c.Token = token
}

// runtime reads what decides where the runtime's process and its requests go.
func (e *environment) runtime(c *config) {
	const (
		port      = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
		proxy     = "SECRETS_RUNTIME_PROXY"
		proxyPort = "SECRETS_RUNTIME_PROXY_PORT"
		next      = "SECRETS_NEXT_WRAPPER"
	)
	c.Port = e.number(port, 2773, 1, 65535)
	at := e.number(proxyPort, 2774, 1, 65535)
	on := e.choice(proxy, "off", "on") == "on"
	if at == c.Port && (on || e.getenv(proxyPort) != "") {
		e.problem("%s: got %d, want another port than that of %s", proxyPort, at, port)
	}
	c.Wrapper = e.getenv("AWS_LAMBDA_EXEC_WRAPPER") == ourWrapper
	if on {
		c.ProxyPort = at
	}
	if on && c.inLambda() && !c.Wrapper {
		e.warn("%s: AWS_LAMBDA_EXEC_WRAPPER is not %s, so nothing but the function itself can point its runtime at the proxy", proxy, ourWrapper)
	}
	switch restart := e.choice("SECRETS_ON_ROTATION", "refresh", "restart") == "restart"; {
	case restart && !on:
		e.bad("SECRETS_ON_ROTATION", `"refresh", as SECRETS_RUNTIME_PROXY is off and only the proxy can restart a runtime`)
	case restart && c.Initialization == snapStart:
		e.warn("SECRETS_ON_ROTATION: restart is off with SnapStart, whose snapshot is what the runtime starts from")
	case restart && c.Initialization == managedInstances:
		e.warn("SECRETS_ON_ROTATION: restart is off on Managed Instances, where there is always an invocation under way")
	default:
		c.Restart = restart
	}
	if c.NextWrapper = e.getenv(next); c.NextWrapper != "" && filepath.Clean(c.NextWrapper) == ourWrapper {
		e.bad(next, "another wrapper than our own, which would run itself for ever")
	}
}

// unknownVariables returns a warning for each variable of environ, which is as
// os.Environ has it, that looks like one of the extension's and is none: most
// likely it is misspelt. The one that SECRETS_KEY names is known.
func unknownVariables(environ []string, secretsKey string) []string {
	var warnings []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		ours := strings.HasPrefix(name, "SECRETS_") || strings.HasPrefix(name, "PARAMETERS_SECRETS_EXTENSION_")
		if ours && value != "" && name != secretsKey && !knownVariables[name] {
			warnings = append(warnings, fmt.Sprintf("%s: no such variable is known; is it misspelt?", name))
		}
	}
	return warnings
}
