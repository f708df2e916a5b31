package main

import (
	"context"

	"github.com/aws-secretsmanager/lambda-extension/cache"
)

// Service is what accepts the credential: a database, an API, a directory. It is
// all that differs between one kind of secret and another.
//
// The values are the JSON objects of the secret; Reveal gives their text. Any
// step may be run again, after a failure or twice at once, so a method must
// succeed when its work is done already. What an error says gets into the log: it
// must hold no value.
type Service interface {
	// Set makes the service accept the password of pending. Until then it accepts
	// that of current; after an earlier try it may accept pending already.
	//
	// Whoever may write a version of the secret chooses what pending says. So
	// compare the user and the address with those of current before they are used.
	Set(ctx context.Context, current, pending cache.Value) error

	// Test uses pending as its readers will, and changes nothing.
	Test(ctx context.Context, pending cache.Value) error
}

// NobodyChecks is the Service of a secret that is known to its readers alone,
// such as a key with which functions sign and verify: there is no system to
// change, and none to try the new value on.
type NobodyChecks struct{}

// Set does nothing.
func (NobodyChecks) Set(context.Context, cache.Value, cache.Value) error { return nil }

// Test does nothing.
func (NobodyChecks) Test(context.Context, cache.Value) error { return nil }
