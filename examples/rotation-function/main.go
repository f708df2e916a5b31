// Command rotation-function is a rotation function for AWS Secrets Manager: it
// gives the password in a secret a new value, and tells the functions that hold
// the secret by an event.
//
// What is changed and tested besides the secret sits behind [Service], the one
// thing to replace. As it is, the function suits secrets that no other system
// has to accept: see [NobodyChecks].
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	r, err := configure(context.Background(), os.Getenv, NobodyChecks{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "rotation-function:", err)
		os.Exit(1)
	}
	lambda.Start(r.handle)
}
