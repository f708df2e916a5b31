// Package endpoint asks the built binary over HTTP, as a function does, and wants
// what the README says of the endpoint. Behind the binary stands a Secrets Manager
// that the tests fill through the SDK's own client, so that no case depends on who
// wrote it:
//
//	go test ./test/endpoint                                # package awstest, needs nothing but Go
//	scripts/with-emulators go test ./test/endpoint -args -upstreams awstest,ministack,moto
//
// Where an emulator is not as AWS is, quirks_test.go says so, and the case asserts
// what the emulator leads to. What no emulator can be made to answer, such as a
// throttle, is answered by a proxy in between, which counts the calls too.
//
// docs/compatibility.md says which cases stand for those of AWS's own agent, and for
// the requests in AWS's documentation.
package endpoint
