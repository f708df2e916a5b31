package awstest_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

// A call that is made again changes nothing, and one rotation ends before another
// begins.
func TestRotateSecretAgain(t *testing.T) {
	fake, client := start(t)
	fake.Put("db", "one")
	rotate := func(token string) error {
		_, err := client.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String("db"), ClientRequestToken: &token})
		return err
	}
	const first, second = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	if err := rotate(first); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("db"), ClientRequestToken: aws.String(first), SecretString: aws.String("two"), VersionStages: []string{"AWSPENDING"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := rotate(first); err != nil {
		t.Errorf("the same call again: %v", err)
	}
	if got := read(t.Context(), client, get{id: "db", stage: "AWSPENDING"}); got != "two" {
		t.Errorf("after the same call again, the pending value is %q, want two", got)
	}
	err := rotate(second)
	if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != "InvalidRequestException" {
		t.Errorf("another rotation while one is under way: %v, want InvalidRequestException", err)
	}
	fake.Promote("db", first)
	if err := rotate(second); err != nil {
		t.Errorf("another rotation after the first: %v", err)
	}
}
