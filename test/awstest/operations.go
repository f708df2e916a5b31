package awstest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// request holds the members of every operation's input.
type request struct {
	SecretID            string   `json:"SecretId"`
	Name                string   `json:"Name"`
	VersionID           string   `json:"VersionId"`
	VersionStage        string   `json:"VersionStage"`
	VersionStages       []string `json:"VersionStages"`
	SecretString        *string  `json:"SecretString"`
	SecretBinary        []byte   `json:"SecretBinary"`
	ClientRequestToken  string   `json:"ClientRequestToken"`
	RemoveFromVersionID string   `json:"RemoveFromVersionId"`
	MoveToVersionID     string   `json:"MoveToVersionId"`
	ForceDelete         bool     `json:"ForceDeleteWithoutRecovery"`
	RecoveryWindow      int      `json:"RecoveryWindowInDays"`
	PasswordLength      int      `json:"PasswordLength"`
	ExcludeCharacters   string   `json:"ExcludeCharacters"`
	ExcludePunctuation  bool     `json:"ExcludePunctuation"`
}

// operations are run with the lock held.
var operations = map[string]func(*SecretsManager, request) answer{
	"GetSecretValue":           (*SecretsManager).getSecretValue,
	"DescribeSecret":           (*SecretsManager).describeSecret,
	"GetResourcePolicy":        (*SecretsManager).getResourcePolicy,
	"CreateSecret":             (*SecretsManager).createSecret,
	"PutSecretValue":           (*SecretsManager).putSecretValue,
	"UpdateSecret":             (*SecretsManager).updateSecret,
	"UpdateSecretVersionStage": (*SecretsManager).updateSecretVersionStage,
	"RotateSecret":             (*SecretsManager).rotateSecret,
	"GetRandomPassword":        (*SecretsManager).getRandomPassword,
	"DeleteSecret":             (*SecretsManager).deleteSecret,
	"RestoreSecret":            (*SecretsManager).restoreSecret,
}

// The texts of Secrets Manager.
const (
	noSecret       = "Secrets Manager can't find the specified secret."
	noValue        = "Secrets Manager can't find the specified secret value for "
	marked         = "You can't perform this operation on the secret because it was marked for deletion."
	notTogether    = "You provided a VersionStage that is not associated to the provided VersionId."
	immutable      = "You can't modify an existing version, you can only create a new version."
	bothValues     = "You can't specify both a binary secret value and a string secret value in the same secret."
	noSecretID     = "1 validation error detected: Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1"
	nameTaken      = "The operation failed because the secret %s already exists."
	badName        = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
	badLength      = "1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length %s"
	notFoundType   = "ResourceNotFoundException"
	badRequestType = "InvalidRequestException"
	badParamType   = "InvalidParameterException"
)

// validName is what the service takes for one, of a new secret as of one that is asked
// for. The helpers of this package take any.
var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]+$`)

// maxValue is the largest value, in bytes.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
const maxValue = 65536

// badValue is why a value is refused for its length, "" if it is not.
func (r request) badValue() string {
	check := func(member string, n int) string {
		switch {
		case n == 0:
			return fmt.Sprintf(badLength, member, "greater than or equal to 1")
		case n > maxValue:
			return fmt.Sprintf(badLength, member, fmt.Sprintf("less than or equal to %d", maxValue))
		}
		return ""
	}
	switch {
	case r.SecretString != nil:
		return check("secretString", len(*r.SecretString))
	case r.SecretBinary != nil:
		return check("secretBinary", len(r.SecretBinary))
	}
	return ""
}

// lookup finds the secret of a request; the answer is the error when it is nil.
func (s *SecretsManager) lookup(req request) (*secret, answer) {
	switch {
	case req.SecretID == "":
		return nil, clientError("ValidationException", noSecretID)
	case !strings.HasPrefix(req.SecretID, "arn:") && !validName.MatchString(req.SecretID) && s.secrets[req.SecretID] == nil:
		return nil, clientError("ValidationException", badName)
	}
	sec := s.find(req.SecretID)
	if sec == nil {
		return nil, clientError(notFoundType, noSecret)
	}
	return sec, answer{}
}

// live is lookup for the operations that a secret marked for deletion refuses.
func (s *SecretsManager) live(req request) (*secret, answer) {
	sec, a := s.lookup(req)
	if sec != nil && !sec.deleted.IsZero() {
		return nil, clientError(badRequestType, marked)
	}
	return sec, a
}

type valueOutput struct {
	ARN           string
	Name          string
	VersionID     string   `json:"VersionId"`
	SecretString  *string  `json:",omitempty"`
	SecretBinary  []byte   `json:",omitempty"`
	VersionStages []string `json:",omitempty"`
	CreatedDate   float64  `json:",omitempty"`
}

func (s *SecretsManager) getSecretValue(req request) answer {
	sec, a := s.live(req)
	if sec == nil {
		return a
	}
	stages := sec.stages
	id := req.VersionID
	if id == "" {
		stages = sec.seen()
		label := cmp.Or(req.VersionStage, current)
		if id = stages[label]; id == "" {
			return clientError(notFoundType, noValue+"staging label: "+label)
		}
	}
	v := sec.versions[id]
	if v == nil || v.empty() && req.VersionStage == "" {
		return clientError(notFoundType, noValue+"VersionId: "+id)
	}
	if v.empty() {
		return clientError(notFoundType, noValue+"staging label: "+req.VersionStage)
	}
	if req.VersionStage != "" && stages[req.VersionStage] != id {
		return clientError(badRequestType, notTogether)
	}
	return ok(valueOutput{
		ARN: sec.arn, Name: sec.name, VersionID: v.id,
		SecretString: v.text, SecretBinary: v.binary,
		VersionStages: labels(stages, v.id), CreatedDate: seconds(v.created),
	})
}

func labels(stages map[string]string, versionID string) []string {
	var l []string
	for label, id := range stages {
		if id == versionID {
			l = append(l, label)
		}
	}
	slices.Sort(l)
	return l
}

// seconds is how JSON 1.1 spells a time.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
