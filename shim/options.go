package shim

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// Option changes how a function is started.
type Option func(*options)

type options struct {
	matcher event.Matcher
	client  *client.Client
	every   time.Duration
	log     *slog.Logger
	lambda  []lambda.Option
}

// Source sets the source of the custom rotation event. Without it, as for
// [DetailType] and [DetailKey], the function's SECRETS_ROTATION_… variable
// decides, else the default: secretsmanager, Secret Rotation, secretId.
func Source(source string) Option { return func(o *options) { o.matcher.Source = source } }

// DetailType sets the detail-type of the custom rotation event.
func DetailType(detailType string) Option {
	return func(o *options) { o.matcher.DetailType = detailType }
}

// DetailKey sets the key of the custom event's detail that holds the secret id.
func DetailKey(key string) Option { return func(o *options) { o.matcher.DetailKey = key } }

// Client reaches the extension through c. Without it, the port and the token are
// those that the extension takes from the function's variables.
func Client(c *client.Client) Option { return func(o *options) { o.client = c } }

// RenewEvery sets how old the variables may be, as the extension last told them,
// when the handler is called: a second unless set, and nothing where the Runtime
// API proxy answers the rotation events. 0 asks before every invocation; a negative
// d never asks, so that only a rotation event that reaches this very execution
// environment renews them.
func RenewEvery(d time.Duration) Option { return func(o *options) { o.every = d } }

// Logger sets where the shim reports what it does not return: slog.Default
// unless set. It never logs a value.
func Logger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// HandlerOptions are those of [lambda.StartWithOptions]. As there, they change
// nothing for a handler that [lambda.NewHandler] has already made.
func HandlerOptions(opts ...lambda.Option) Option {
	return func(o *options) { o.lambda = append(o.lambda, opts...) }
}

// settings are what the function's variables say. The extension has the same
// ones, so it recognises the rotation events that this matcher does.
type settings struct {
	matcher event.Matcher
	strict  bool // an extension that cannot be reached ends the start
	lambda  bool // the process runs in Lambda
	proxied bool // the Runtime API proxy answers rotation events: none is seen here
}

func readSettings(getenv func(string) string) (settings, error) {
	s := settings{
		matcher: event.Matcher{
			Source:     getenv("SECRETS_ROTATION_SOURCE"),
			DetailType: getenv("SECRETS_ROTATION_DETAIL_TYPE"),
			DetailKey:  getenv("SECRETS_ROTATION_DETAIL_KEY"),
		},
		lambda:  getenv("AWS_LAMBDA_RUNTIME_API") != "",
		proxied: strings.EqualFold(getenv("SECRETS_RUNTIME_PROXY"), "on"),
	}
	switch mode := getenv("SECRETS_ON_INIT_ERROR"); strings.ToLower(mode) { // as the extension reads it
	case "":
		s.strict = s.lambda
	case "fail":
		s.strict = true
	case "continue":
	default:
		return s, fmt.Errorf("SECRETS_ON_INIT_ERROR: got %q, want fail or continue", mode)
	}
	return s, nil
}
