package shim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// ErrRefused says that a server did not accept a credential. A function given to
// [RefreshOnAuthError] returns an error that wraps it.
var ErrRefused = errors.New("credential refused")

// RefreshOnAuthError calls run with the current value of a secret. If the error
// of run wraps [ErrRefused], or one of the refused functions says that it means a
// refused credential, the secret is fetched anew, and run is called once more if
// that brought another version:
//
//	err := shim.RefreshOnAuthError(ctx, "prod/db", func(ctx context.Context, l login) error {
//		return connect(ctx, l.User, l.Password)
//	}, isAuthError)
//
// T is what the secret holds: a string, []byte, a type for its JSON, or
// [*client.Secret] for the record. Callers that are refused at the same time
// cause one fetch; a server that refuses the newest value too causes no more
// than one fetch a second.
func RefreshOnAuthError[T any](ctx context.Context, id string, run func(context.Context, T) error, refused ...func(error) bool) error {
	s := current.Load()
	if s == nil {
		return errNotLoaded
	}
	held, value, err := valueOf[T](ctx, s, id)
	if err != nil {
		return err
	}
	err = run(ctx, value)
	if err == nil || !errors.Is(err, ErrRefused) && !slices.ContainsFunc(refused, func(is func(error) bool) bool { return is(err) }) {
		return err
	}
	if _, _, refreshErr := s.client.Refresh(ctx, id, held.VersionID); refreshErr != nil {
		return fmt.Errorf("%w; and then: %w", err, s.explain(refreshErr))
	}
	renewed, value, getErr := valueOf[T](ctx, s, id)
	if getErr != nil {
		return fmt.Errorf("%w; and then: %w", err, getErr)
	}
	if renewed.VersionID == held.VersionID {
		return err
	}
	s.report(s.Renew(ctx)) // the variables have the value that was refused
	return run(ctx, value)
}

func valueOf[T any](ctx context.Context, s *Secrets, id string) (*client.Secret, T, error) {
	var value T
	secret, err := s.Secret(ctx, id)
	if err != nil {
		return nil, value, err
	}
	switch v := any(&value).(type) {
	case **client.Secret:
		*v = secret
	case *[]byte:
		*v = secret.SecretBinary
		if secret.SecretString != nil {
			*v = []byte(*secret.SecretString)
		}
	default:
		if secret.SecretString == nil {
			return nil, value, fmt.Errorf("secret %q: the value is binary; take it as []byte", id)
		}
		if err := decode(*secret.SecretString, v); err != nil {
			return nil, value, fmt.Errorf("secret %q: %w", id, err)
		}
	}
	return secret, value, nil
}
