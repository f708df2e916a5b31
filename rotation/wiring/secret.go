package wiring

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/errgroup"
)

// Secret is a secret as Secrets Manager describes it. It has no value.
type Secret struct {
	ID        string // as the user called it
	Name, ARN string
	KeyID     string    // of the customer's KMS key; "" is AWS's own
	Deleted   time.Time // when it was marked for deletion; zero when it was not

	current string              // the version that is AWSCURRENT, "" if there is none
	stages  map[string][]string // by version
	tags    map[string]string
}

// partialARN is the ARN without its suffix, as some callers spell it.
func (s Secret) partialARN() string {
	return suffix.ReplaceAllString(s.ARN, "")
}

var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// account is whose secret it is.
func (s Secret) account() string {
	a, _ := arn.Parse(s.ARN)
	return a.AccountID
}

// secret looks a secret up. It does not read its value.
func (c Clients) secret(ctx context.Context, id string) (Secret, error) {
	out, err := c.Secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return Secret{}, &NotFoundError{What: "secret", ID: id, Region: c.region()}
	}
	if err != nil {
		return Secret{}, fmt.Errorf("look up secret %q: %w", id, Explain(err))
	}
	s := Secret{
		ID: id, Name: aws.ToString(out.Name), ARN: aws.ToString(out.ARN),
		KeyID: aws.ToString(out.KmsKeyId), Deleted: aws.ToTime(out.DeletedDate),
		stages: out.VersionIdsToStages,
	}
	s.tags = make(map[string]string, len(out.Tags))
	for _, t := range out.Tags {
		s.tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	for version, stages := range out.VersionIdsToStages {
		if slices.Contains(stages, currentStage) {
			s.current = version
		}
	}
	return s, nil
}

// Stages are the labels of one version of a secret.
type Stages struct {
	Labels  []string // sorted; none where the secret has no such version
	Current bool     // it is AWSCURRENT
}

// String is for a message.
func (s Stages) String() string {
	return "it is " + strings.Join(s.Labels, ", ")
}

// StagesOf looks up which labels a version of a secret has. A secret that does not
// exist is a [*NotFoundError].
func (c Clients) StagesOf(ctx context.Context, secretID, versionID string) (Stages, error) {
	s, err := c.secret(ctx, secretID)
	labels := slices.Sorted(slices.Values(s.stages[versionID]))
	return Stages{Labels: labels, Current: slices.Contains(labels, currentStage)}, err
}

const currentStage = "AWSCURRENT"

// secrets looks all ids up, each secret once, sorted by name. Its error joins
// every secret's that cannot be had.
func (c Clients) secrets(ctx context.Context, ids []string) ([]Secret, error) {
	found := make([]Secret, len(ids))
	errs := make([]error, len(ids))
	var g errgroup.Group
	g.SetLimit(8)
	for i, id := range ids {
		g.Go(func() error {
			found[i], errs[i] = c.secret(ctx, id)
			return nil
		})
	}
	_ = g.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b Secret) int { return strings.Compare(a.Name+a.ARN, b.Name+b.ARN) })
	return slices.CompactFunc(found, func(a, b Secret) bool { return a.ARN == b.ARN }), nil
}

// checkPlace refuses a secret whose events cannot reach f: those of Secrets
// Manager stay in the secret's own Region.
func checkPlace(id string, f FunctionID) error {
	a, err := arn.Parse(id)
	switch {
	case err != nil: // a name
		return nil
	case a.Service != "secretsmanager" || !strings.HasPrefix(a.Resource, "secret:"):
		return fmt.Errorf("secret %q is the ARN of something else, want arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME", id)
	case f.Partition != "" && a.Partition != f.Partition:
		return fmt.Errorf("secret %q is in partition %s, function %q in %s", id, a.Partition, f, f.Partition)
	case f.Region != "" && a.Region != f.Region:
		return fmt.Errorf("secret %q is in Region %s, function %q in %s: its events do not leave its Region; replicate the secret, and name the replica", id, a.Region, f, f.Region)
	}
	return nil
}
