// Command plain is a Lambda function that knows nothing of the extension's packages.
package main

import (
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-secretsmanager/lambda-extension/test/rie/probe"
)

func main() { lambda.Start(probe.Handle) }
