package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
)

// awsFlags are the flags that every command has.
type awsFlags struct{ profile, region string }

// credentialsTimeout bounds the search for credentials, which ends at an address
// that only machines of AWS have.
const credentialsTimeout = 15 * time.Second

// clients reads the usual AWS configuration. Where nothing else names a Region, the
// one of an ARN on the command line is meant.
func (a awsFlags) clients(ctx context.Context, arnRegion string) (wiring.Clients, error) {
	cfg, err := a.load(ctx, arnRegion)
	if err != nil {
		return wiring.Clients{}, err
	}
	return wiring.NewClients(cfg), nil
}

// again are the flags that a command needs so that it means the same account and
// Region as this one.
func (a awsFlags) again(arnRegion string) string {
	var flags []string
	if region := cmp.Or(a.region, arnRegion); region != "" {
		flags = append(flags, "--region", wiring.Quote(region))
	}
	if a.profile != "" {
		flags = append(flags, "--profile", wiring.Quote(a.profile))
	}
	return strings.Join(flags, " ")
}

func (a awsFlags) load(ctx context.Context, arnRegion string) (aws.Config, error) {
	if a.region != "" && arnRegion != "" && a.region != arnRegion {
		return aws.Config{}, usageError{fmt.Errorf("--region %s contradicts the ARN, which is in %s: leave --region out", a.region, arnRegion)}
	}
	region := cmp.Or(arnRegion, a.region)
	// The SDK's own log would stand between the lines that are meant for the user.
	options := []func(*config.LoadOptions) error{config.WithRegion(region), config.WithLogger(logging.Nop{})}
	if a.profile != "" {
		options = append(options, config.WithSharedConfigProfile(a.profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return cfg, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return cfg, errors.New("no AWS Region: want --region, AWS_REGION, or a region in the profile (aws configure set region REGION)")
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, fmt.Errorf("no AWS credentials: want AWS_PROFILE, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or aws configure, or aws sso login: %w", err)
	}
	return cfg, nil
}
