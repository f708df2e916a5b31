// Command function is a Lambda function that uses the shim.
package main

import (
	"github.com/aws-secretsmanager/lambda-extension/shim"
	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

func main() { shim.Start(probe.Handle) }
