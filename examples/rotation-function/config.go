package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/aws-secretsmanager/lambda-extension/rotation"
)

// password is what the new password looks like, and where it goes.
type password struct {
	Key     string // the member of the JSON object
	Length  int64  // in characters
	Exclude string // characters that it must not have
}

// defaultExclude is what AWS's own rotation functions leave out: characters that
// end a word or a URL's user part.
const defaultExclude = `/@"'\`

// GetRandomPassword makes passwords of up to 4,096 characters, and puts one of each
// of four kinds in it; fewer than eight are no password.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
const minPassword, maxPassword = 8, 4096

// configure makes the function that the environment describes. An empty variable
// is unset.
func configure(ctx context.Context, getenv func(string) string, s Service) (*rotator, error) {
	p, err := parsePassword(getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("configuration of the AWS SDK: %w", err)
	}
	return &rotator{
		secrets:  secretsmanager.NewFromConfig(cfg),
		events:   eventbridge.NewFromConfig(cfg),
		service:  s,
		password: p,
		notification: rotation.Notification{
			Source:     getenv("SECRETS_ROTATION_SOURCE"),
			DetailType: getenv("SECRETS_ROTATION_DETAIL_TYPE"),
			DetailKey:  getenv("SECRETS_ROTATION_DETAIL_KEY"),
			Bus:        getenv("EVENT_BUS"),
		},
		log: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	}, nil
}

func parsePassword(getenv func(string) string) (password, error) {
	length := cmp.Or(getenv("PASSWORD_LENGTH"), "32")
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < minPassword || n > maxPassword {
		return password{}, fmt.Errorf("PASSWORD_LENGTH: got %q, want %d to %d", length, minPassword, maxPassword)
	}
	return password{
		Key:     cmp.Or(getenv("PASSWORD_KEY"), "password"),
		Length:  n,
		Exclude: cmp.Or(getenv("EXCLUDE_CHARACTERS"), defaultExclude),
	}, nil
}
