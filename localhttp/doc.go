// Package localhttp serves secrets to the function on localhost.
//
// It answers what AWS's Parameters and Secrets extension and AWS's agent answer,
// in the same form, and in addition single keys, all variables, and rotations.
// An answer never carries a value to anybody without the token, and an error
// never carries a value at all.
//
//	s := localhttp.NewServer(localhttp.Options{Cache: c, Variables: v, Token: token})
//	go s.Serve(listener) // until
//	s.Shutdown(ctx)      // lets the requests under way end
package localhttp
