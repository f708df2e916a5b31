package shim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"

	"github.com/aws/aws-lambda-go/lambda"
)

// invoke is what aws-lambda-go calls for each event: the payload as it came, and
// a response that may be read while it is still being written.
type invoke = func(ctx context.Context, payload []byte) (io.Reader, error)

// around returns the handler that stands before next.
func (s *Secrets) around(next invoke) invoke {
	return func(ctx context.Context, payload []byte) (io.Reader, error) {
		if rotations := s.matcher.Match(payload); len(rotations) > 0 {
			body, err := s.follow(ctx, payload, rotations)
			if err != nil {
				return nil, err
			}
			if body != nil {
				return answer{bytes.NewReader(body)}, nil
			}
		}
		if err := s.before(ctx); err != nil {
			return nil, err
		}
		return next(ctx, payload)
	}
}

// answer is a response in JSON, as ContentType tells the invoke loop.
type answer struct{ *bytes.Reader }

func (answer) ContentType() string { return "application/json" }

// intercept returns a copy of a handler that [lambda.NewHandler] made, with
// around before its function.
//
// The function is a private field there, and lambda.Handler has only an Invoke
// that reads a response to its end: a wrapper written against that interface
// would take streaming away, and the base context of lambda.WithContext with it.
// So the field is replaced, found by its type and set through that type: should
// aws-lambda-go change it, this is an error at the start and never a wrong access.
func intercept(h lambda.Handler, around func(invoke) invoke) (lambda.Handler, error) {
	original := reflect.ValueOf(h)
	if original.Kind() == reflect.Pointer && original.Elem().Kind() == reflect.Struct {
		changed := reflect.New(original.Elem().Type())
		changed.Elem().Set(original.Elem()) // the caller's handler stays as it is
		for _, field := range changed.Elem().Fields() {
			if !field.Type().ConvertibleTo(reflect.TypeFor[invoke]()) {
				continue
			}
			settable := reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
			next := settable.Convert(reflect.TypeFor[invoke]()).Interface().(invoke)
			settable.Set(reflect.ValueOf(around(next)).Convert(field.Type()))
			return changed.Interface().(lambda.Handler), nil
		}
	}
	return nil, errors.New("this version of github.com/aws/aws-lambda-go has changed its handlers; update the extension's module, or pin aws-lambda-go to the version in its go.mod")
}
