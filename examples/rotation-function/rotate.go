package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/rotation"
)

// The staging labels of a rotation.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
const (
	currentStage = "AWSCURRENT"
	pendingStage = "AWSPENDING"
)

// rotator rotates secrets, one step an invocation.
type rotator struct {
	secrets      *secretsmanager.Client
	events       rotation.EventPutter
	service      Service
	password     password
	notification rotation.Notification // but for the ids
	log          *slog.Logger
}

// version is the one that a rotation makes.
type version struct {
	secretID  string // as the event has it, an ARN
	name      string // of the secret
	id        string
	source    *string // RotationToken of the event; nil when it has none
	currentID string  // of the version that is AWSCURRENT, "" for none
}

func (v *version) isCurrent() bool { return v.id == v.currentID }

// handle runs one step. Secrets Manager runs all four again, with the same
// ClientRequestToken, after one that failed.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
func (r *rotator) handle(ctx context.Context, e events.SecretsManagerSecretRotationEvent) error {
	if !slices.Contains([]string{"createSecret", "setSecret", "testSecret", "finishSecret"}, e.Step) || e.SecretID == "" || e.ClientRequestToken == "" {
		return fmt.Errorf("event with Step %q, SecretId %q and ClientRequestToken %q: want createSecret, setSecret, testSecret or finishSecret, "+
			"and both ids: Secrets Manager calls this function, see aws secretsmanager rotate-secret", e.Step, e.SecretID, e.ClientRequestToken)
	}
	did, err := r.step(ctx, e)
	if err != nil {
		return fmt.Errorf("%s of secret %q, version %q: %w", e.Step, e.SecretID, e.ClientRequestToken, err)
	}
	r.log.InfoContext(ctx, did, "step", e.Step, "secret", e.SecretID, "version", e.ClientRequestToken)
	return nil
}

// step returns what it did, for the log.
func (r *rotator) step(ctx context.Context, e events.SecretsManagerSecretRotationEvent) (did string, err error) {
	v, err := r.find(ctx, e)
	if err != nil {
		return "", err
	}
	switch {
	case e.Step == "finishSecret":
		return r.finish(ctx, v)
	case v.isCurrent():
		return "nothing to do, the version is current", nil
	case e.Step == "createSecret":
		return r.create(ctx, v)
	case e.Step == "setSecret":
		return r.set(ctx, v)
	default:
		return r.test(ctx, v)
	}
}

// find returns the version of an event, which must be current or pending.
func (r *rotator) find(ctx context.Context, e events.SecretsManagerSecretRotationEvent) (*version, error) {
	secret, err := r.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &e.SecretID})
	if err != nil {
		return nil, err
	}
	v := &version{secretID: e.SecretID, name: aws.ToString(secret.Name), id: e.ClientRequestToken}
	if e.RotationToken != "" {
		v.source = &e.RotationToken
	}
	for id, stages := range secret.VersionIdsToStages {
		if slices.Contains(stages, currentStage) {
			v.currentID = id
		}
	}
	stages := secret.VersionIdsToStages[v.id]
	switch {
	case !aws.ToBool(secret.RotationEnabled):
		return nil, errors.New("rotation is off, want it on: see RotationEnabled in aws secretsmanager describe-secret")
	case stages == nil:
		return nil, errors.New("the secret has no version of this id with a label, want ClientRequestToken to be one: see VersionIdsToStages in aws secretsmanager describe-secret")
	case !v.isCurrent() && !slices.Contains(stages, pendingStage):
		return nil, fmt.Errorf("the version is labelled %q, want %s: see VersionIdsToStages in aws secretsmanager describe-secret", stages, pendingStage)
	}
	return v, nil
}

// create gives the version a value, the current one with another password.
func (r *rotator) create(ctx context.Context, v *version) (did string, err error) {
	// What an earlier try made is kept: the service may accept it already.
	_, err = r.read(ctx, v.pending())
	if err == nil {
		return "kept the value that the version has", nil
	}
	if !errors.Is(err, errNoValue) {
		return "", err
	}
	current, err := r.read(ctx, v.current())
	if err != nil {
		return "", err
	}
	made, err := r.secrets.GetRandomPassword(ctx, &secretsmanager.GetRandomPasswordInput{
		PasswordLength: &r.password.Length, ExcludeCharacters: &r.password.Exclude,
	})
	if err != nil {
		return "", err
	}
	value, err := withPassword(current.Reveal(), r.password.Key, aws.ToString(made.RandomPassword))
	if err != nil {
		return "", err
	}
	_, err = r.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &v.secretID, ClientRequestToken: &v.id, SecretString: &value,
		VersionStages: []string{pendingStage}, RotationToken: v.source,
	})
	if _, exists := errors.AsType[*types.ResourceExistsException](err); exists {
		return "kept the value that another call of this step made", nil
	}
	return "made a new password", err
}

func (r *rotator) set(ctx context.Context, v *version) (did string, err error) {
	pending, err := r.read(ctx, v.pending())
	if err != nil {
		return "", err
	}
	current, err := r.read(ctx, v.current())
	if err != nil {
		return "", err
	}
	return "the service accepts the new password", r.service.Set(ctx, current, pending)
}

func (r *rotator) test(ctx context.Context, v *version) (did string, err error) {
	pending, err := r.read(ctx, v.pending())
	if err != nil {
		return "", err
	}
	return "the new password works", r.service.Test(ctx, pending)
}

// finish makes the version current and tells the functions.
//
// A version that is current is told of again: the call before may have ended
// between the move of the label and the event, and Secrets Manager, which knows
// of no event, would try no more after this. Functions that hold the version take
// no notice.
func (r *rotator) finish(ctx context.Context, v *version) (did string, err error) {
	if !v.isCurrent() {
		if err := r.promote(ctx, v); err != nil {
			return "", err
		}
	}
	n := r.notification
	// The name outlives a secret that is made anew, and is what people write in rules.
	n.SecretID, n.VersionID = v.name, v.id
	id, err := rotation.Notify(ctx, r.events, n)
	if err != nil {
		return "", err // the step fails, so that Secrets Manager comes again
	}
	return "the version is current, told by event " + id, nil
}

// promote moves AWSCURRENT. Secrets Manager itself puts AWSPREVIOUS on the version
// that had it. AWSPENDING may stay: a rotation is over when it is on the current
// version or on none.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
func (r *rotator) promote(ctx context.Context, v *version) error {
	in := &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &v.secretID, VersionStage: aws.String(currentStage), MoveToVersionId: &v.id,
	}
	if v.currentID != "" {
		in.RemoveFromVersionId = &v.currentID
	}
	_, err := r.secrets.UpdateSecretVersionStage(ctx, in)
	if err == nil {
		return nil
	}
	// A call whose answer was lost, or another call of this step, may have moved it: then the service refuses this
	// one, as the label is no more where it was.
	secret, again := r.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &v.secretID})
	if again == nil && slices.Contains(secret.VersionIdsToStages[v.id], currentStage) {
		return nil
	}
	return err
}

func (v *version) pending() *secretsmanager.GetSecretValueInput {
	return &secretsmanager.GetSecretValueInput{SecretId: &v.secretID, VersionId: &v.id}
}

func (v *version) current() *secretsmanager.GetSecretValueInput {
	return &secretsmanager.GetSecretValueInput{SecretId: &v.secretID, VersionStage: aws.String(currentStage)}
}

// errNoValue says that a version has no value: RotateSecret makes it without one.
var errNoValue = errors.New("the version has no value: createSecret makes that of AWSPENDING, and AWSCURRENT must have one before a rotation")

// read returns the text of a version.
func (r *rotator) read(ctx context.Context, in *secretsmanager.GetSecretValueInput) (cache.Value, error) {
	out, err := r.secrets.GetSecretValue(ctx, in)
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return cache.Value{}, fmt.Errorf("%w: %w", errNoValue, err)
	}
	switch {
	case err != nil:
		return cache.Value{}, err
	case out.SecretBinary != nil:
		return cache.Value{}, errors.New("the value is binary, want a JSON object with the password in a member")
	case out.SecretString == nil:
		return cache.Value{}, errNoValue
	}
	return cache.Text(*out.SecretString), nil
}
