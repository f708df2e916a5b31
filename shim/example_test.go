package shim_test

import (
	"context"
	"errors"
	"log"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/shim"
)

type (
	Order   struct{ Item string }
	Receipt struct{ ID string }
)

func pay(context.Context, Order, string) (Receipt, error) { return Receipt{}, nil }

// SECRET=API_KEY=prod/payments#key
func Example() {
	handle := func(ctx context.Context, in Order) (Receipt, error) {
		return pay(ctx, in, shim.Get("API_KEY"))
	}
	shim.Start(handle) // in main, instead of lambda.Start(handle)
}

// A main that needs a secret before it has a handler.
func ExampleLoad() {
	secrets, err := shim.Load()
	if err != nil {
		log.Fatal(err)
	}
	endpoint := secrets.Get("API_ENDPOINT")
	handler, err := secrets.Wrap(func(ctx context.Context, in Order) (Receipt, error) {
		return pay(ctx, in, endpoint)
	})
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(handler)
}

// SECRET=DB=prod/db puts the whole JSON object into one variable, so that user
// and password are always of the same version.
func ExampleValue() {
	type login struct{ Username, Password string }
	db, err := shim.Value[login]("DB")
	if err != nil {
		log.Fatal(err)
	}
	_ = db.Username
}

// A service answers 401 as soon as its key is rotated, which may be before any
// event has reached this execution environment.
func ExampleRefreshOnAuthError() {
	handle := func(ctx context.Context) error {
		return shim.RefreshOnAuthError(ctx, "prod/payments", func(ctx context.Context, key string) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://payments.example/balance", nil)
			if err != nil {
				return err
			}
			req.Header.Set("Authorization", "Bearer "+key)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusUnauthorized {
				return shim.ErrRefused
			}
			return nil
		})
	}
	shim.Start(handle)
}

var errBadPassword = errors.New("password authentication failed")

func connect(context.Context, string, string) error { return errBadPassword }

// A driver has an error of its own for a refused password, and the secret is a
// JSON object.
func ExampleRefreshOnAuthError_predicate() {
	type login struct{ Username, Password string }
	refused := func(err error) bool { return errors.Is(err, errBadPassword) }
	err := shim.RefreshOnAuthError(context.Background(), "prod/db", func(ctx context.Context, l login) error {
		return connect(ctx, l.Username, l.Password)
	}, refused)
	if err != nil {
		log.Print(err)
	}
}
