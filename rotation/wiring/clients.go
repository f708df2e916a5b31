package wiring

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Clients are the services that the wiring of a rotation touches, all in the
// Region of the function. IAM is read by [Clients.Verify] alone.
type Clients struct {
	Events  *eventbridge.Client
	Lambda  *lambda.Client
	Secrets *secretsmanager.Client
	IAM     *iam.Client
}

// NewClients makes the clients of one configuration.
func NewClients(cfg aws.Config) Clients {
	return Clients{
		Events:  eventbridge.NewFromConfig(cfg),
		Lambda:  lambda.NewFromConfig(cfg),
		Secrets: secretsmanager.NewFromConfig(cfg),
		IAM:     iam.NewFromConfig(cfg),
	}
}

func (c Clients) region() string { return c.Lambda.Options().Region }
