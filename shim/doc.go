// Package shim keeps the secrets of a Go Lambda function current. It wraps the
// handler: the variables that SECRET names are in the process environment before
// the first event, and a rotation event renews them instead of reaching the
// handler. Everything else does, untouched:
//
//	func main() { shim.Start(handle) } // instead of lambda.Start(handle)
//
//	func handle(ctx context.Context, in Order) (Receipt, error) {
//		return pay(ctx, in, shim.Get("API_KEY")) // or os.Getenv("API_KEY")
//	}
//
// The values come from the extension in the layer, over the loopback interface;
// the package links no AWS SDK. What main needs before its handler exists it
// loads with [Load]. A whole secret is read with [Secret], and a credential that
// its server refuses is renewed with [RefreshOnAuthError].
//
// # Rotation
//
// A rotation event is forwarded to the extension and answered with what the
// extension said of it. If the refresh failed, or the extension does not answer,
// the invocation fails with a [*RotationError], so that Lambda sends the event
// again. An event whose secret the extension does not hold goes to the handler,
// and so does a batch that holds anything but rotations.
//
// One event invokes one execution environment only. The others learn of it when
// the extension's copy reaches the end of its TTL, so before an invocation the
// shim asks the extension for the variables once more, at most once a second and
// within half a second; see [RenewEvery]. With SECRETS_RUNTIME_PROXY=on, where no
// rotation event comes to the shim, it asks before every invocation. When that
// fails, the values stay as they are and one log line says so.
//
// # The process environment
//
// A key that leaves its secret leaves the environment; if the configuration of
// the function had set that variable, its value comes back. Nothing else is ever
// unset, nor a variable that the function has since set to another value.
// os.Getenv is safe beside a renewal, but two calls of it may see a user name of
// before and a password of after: values that belong together are best kept in
// one variable (DB=prod/db) and read with [Value]. C code that reads the
// environment by itself has no such protection.
//
// # Errors at the start
//
// An extension that cannot be reached ends the process inside Lambda. Outside,
// where a test sets variables itself, it is a warning. SECRETS_ON_INIT_ERROR,
// fail or continue, decides both. An extension that has no values yet (Secrets
// Manager is slow, or throttles) ends nothing: the next invocation waits for the
// values within its own deadline and fails without them.
package shim
