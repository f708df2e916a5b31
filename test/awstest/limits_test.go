package awstest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
)

const (
	badName  = "ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
	tooShort = "failed to satisfy constraint: Member must have length greater than or equal to 1"
	tooLong  = "failed to satisfy constraint: Member must have length less than or equal to 65536"
)

// wireError is the type and text of an error over the wire.
func wireError(err error) string {
	if api, is := errors.AsType[smithy.APIError](err); is {
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return ""
}

func TestLimitsOverTheWire(t *testing.T) {
	fake, client := start(t)
	fake.Put("db", "one")
	for _, tt := range []struct {
		name  string
		value string
		blob  []byte
		want  string
	}{
		{"aZ0/_+=.@-!", "x", nil, ""},
		{"a b", "x", nil, badName},
		{"a%20b", "x", nil, badName},
		{"é", "x", nil, badName},
		{"large", strings.Repeat("x", 65536), nil, ""},
		{"larger", strings.Repeat("x", 65537), nil, "'secretString' " + tooLong},
		{"wide", strings.Repeat("é", 32769), nil, "'secretString' " + tooLong},
		{"blob", "", make([]byte, 65536), ""},
		{"larger-blob", "", make([]byte, 65537), "'secretBinary' " + tooLong},
		{"empty", "", nil, "'secretString' " + tooShort},
	} {
		in := &secretsmanager.CreateSecretInput{Name: &tt.name, SecretBinary: tt.blob}
		if tt.blob == nil {
			in.SecretString = &tt.value
		}
		_, err := client.CreateSecret(t.Context(), in)
		if got := wireError(err); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if got := read(t.Context(), client, get{id: tt.name}); tt.want != "" && !strings.Contains(got, "Exception") {
			t.Errorf("%s: refused, and there is %q", tt.name, got)
		}
	}
	for value, want := range map[string]string{"": tooShort, strings.Repeat("x", 65537): tooLong, "two": ""} {
		_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("db"), SecretString: &value})
		if got := wireError(err); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("put of %d bytes: got %v, want %q", len(value), err, want)
		}
	}
	if got := read(t.Context(), client, get{id: "a b"}); got != badName {
		t.Errorf("a name that no secret can have: got %q", got)
	}
	fake.Put("a b", "x")
	if got := read(t.Context(), client, get{id: "a b"}); got != "x" {
		t.Errorf("one that the fake was given: got %q", got)
	}
}

func TestRecoveryWindow(t *testing.T) {
	fake, client := start(t)
	for _, tt := range []struct {
		days  int64
		force bool
		want  time.Duration // until it is gone
		err   string
	}{
		{0, false, 30 * 24 * time.Hour, ""},
		{7, false, 7 * 24 * time.Hour, ""},
		{6, false, 0, "between 7 and 30 days"},
		{31, false, 0, "between 7 and 30 days"},
		{7, true, 0, "in conjunction with RecoveryWindowInDays"},
		{0, true, 0, ""},
	} {
		fake.Put("db", "one")
		in := &secretsmanager.DeleteSecretInput{SecretId: aws.String("db"), ForceDeleteWithoutRecovery: &tt.force}
		if tt.days != 0 {
			in.RecoveryWindowInDays = &tt.days
		}
		out, err := client.DeleteSecret(t.Context(), in)
		if err != nil || tt.err != "" {
			if got := wireError(err); tt.err == "" || !strings.Contains(got, tt.err) {
				t.Errorf("%+v: got %v", tt, err)
			}
			continue
		}
		if got := time.Until(*out.DeletionDate); (got - tt.want).Abs() > 2*time.Hour { // a day may have 23 hours
			t.Errorf("%+v: gone in %v", tt, got)
		}
	}
}
