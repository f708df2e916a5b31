package shim

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/localhttp/client"
)

// Errors that callers branch on.
var (
	ErrNotSet    = errors.New("variable is not set")
	errNotLoaded = errors.New("shim: call Start, Wrap or Load first")
)

// Get returns the current value of a variable, or "" if it is not set.
func Get(name string) string {
	value, _ := Lookup(name)
	return value
}

// Lookup returns the current value of a variable and whether it is set. One that
// comes from no secret is looked up in the process environment; so is every one
// before [Start], as in a test that calls the handler by itself.
func Lookup(name string) (string, bool) {
	if s := current.Load(); s != nil {
		return s.Lookup(name)
	}
	return os.LookupEnv(name)
}

// Get is the function [Get] for these secrets.
func (s *Secrets) Get(name string) string {
	value, _ := s.Lookup(name)
	return value
}

// Lookup is the function [Lookup] for these secrets.
func (s *Secrets) Lookup(name string) (string, bool) { return s.env.lookup(name) }

// Value returns the current value of a variable as a T: text, a number, a bool
// (as [strconv.ParseBool] has it), a [time.Duration], a type that unmarshals
// text, or else what the value is in JSON:
//
//	port, err := shim.Value[int]("DB_PORT")
//	db, err := shim.Value[struct{ Username, Password string }]("DB") // DB=prod/db
//
// A variable that is not set is [ErrNotSet]. No error shows the value.
func Value[T any](name string) (T, error) {
	var v T
	text, ok := Lookup(name)
	if !ok {
		return v, fmt.Errorf("%w: %s", ErrNotSet, name)
	}
	if err := decode(text, &v); err != nil {
		return v, fmt.Errorf("variable %s: %w", name, err)
	}
	return v, nil
}

// Secret returns a whole secret by name, ARN or partial ARN, from the extension's
// cache unless an option such as [client.RefreshNow] says otherwise. SECRET need
// not name it.
func Secret(ctx context.Context, id string, opts ...client.GetOption) (*client.Secret, error) {
	s := current.Load()
	if s == nil {
		return nil, errNotLoaded
	}
	return s.Secret(ctx, id, opts...)
}

// Secret is the function [Secret] for these secrets.
func (s *Secrets) Secret(ctx context.Context, id string, opts ...client.GetOption) (*client.Secret, error) {
	if s.client == nil {
		return nil, s.explain(s.clientErr)
	}
	secret, err := s.client.Get(ctx, id, opts...)
	if err != nil {
		return nil, s.explain(err)
	}
	return secret, nil
}

// decode reads text into what v points to. The errors of the parsers quote what
// they could not read, so none of them is passed on.
func decode(text string, v any) error {
	if u, ok := v.(encoding.TextUnmarshaler); ok {
		if u.UnmarshalText([]byte(text)) != nil {
			return wrongType(v)
		}
		return nil
	}
	target := reflect.ValueOf(v).Elem()
	var err error
	switch kind := target.Kind(); {
	case target.Type() == reflect.TypeFor[time.Duration]():
		var d time.Duration
		d, err = time.ParseDuration(text)
		target.SetInt(int64(d))
	case kind == reflect.String:
		target.SetString(text)
	case kind == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		target.SetBool(b)
	case target.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, target.Type().Bits())
		target.SetInt(n)
	case target.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, target.Type().Bits())
		target.SetUint(n)
	case target.CanFloat():
		var f float64
		f, err = strconv.ParseFloat(text, target.Type().Bits())
		target.SetFloat(f)
	case target.Type() == reflect.TypeFor[[]byte]():
		target.SetBytes([]byte(text))
	default:
		err = json.Unmarshal([]byte(text), v)
	}
	if err != nil {
		target.SetZero()
		return wrongType(v)
	}
	return nil
}

func wrongType(v any) error {
	return fmt.Errorf("the value is no %s", reflect.TypeOf(v).Elem())
}
