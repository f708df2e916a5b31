package awstest

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

func (s *SecretsManager) describeSecret(req request) answer {
	sec, a := s.lookup(req)
	if sec == nil {
		return a
	}
	versions := make(map[string][]string)
	for id := range sec.versions {
		if l := labels(sec.stages, id); l != nil {
			versions[id] = l
		}
	}
	out := struct {
		ARN             string
		Name            string
		CreatedDate     float64
		DeletedDate     float64 `json:",omitempty"`
		KmsKeyID        string  `json:"KmsKeyId,omitempty"`
		RotationEnabled bool
		Versions        map[string][]string `json:"VersionIdsToStages"`
	}{ARN: sec.arn, Name: sec.name, CreatedDate: seconds(sec.created), KmsKeyID: sec.key, RotationEnabled: sec.rotation, Versions: versions}
	if !sec.deleted.IsZero() {
		out.DeletedDate = seconds(sec.deleted)
	}
	return ok(out)
}

// SetKey says that a secret is encrypted with a key of the customer's: an id, an
// alias or an ARN. "" is AWS's own key. The fake encrypts nothing.
func (s *SecretsManager) SetKey(name, keyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(name).key = keyID
}

// SetResourcePolicy gives a secret a policy of its own. The fake obeys none.
func (s *SecretsManager) SetResourcePolicy(name, document string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(name).policy = document
}

func (s *SecretsManager) getResourcePolicy(req request) answer {
	sec, a := s.lookup(req)
	if sec == nil {
		return a
	}
	return ok(struct {
		ARN, Name      string
		ResourcePolicy string `json:",omitempty"`
	}{sec.arn, sec.name, sec.policy})
}

func (s *SecretsManager) createSecret(req request) answer {
	if req.Name == "" {
		return clientError("ValidationException", strings.Replace(noSecretID, "secretId", "name", 1))
	}
	if !validName.MatchString(req.Name) {
		return clientError("ValidationException", badName)
	}
	if bad := req.badValue(); bad != "" {
		return clientError("ValidationException", bad) // before there is a secret
	}
	if sec := s.secrets[req.Name]; sec != nil {
		if !sec.deleted.IsZero() {
			return clientError(badRequestType, "You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		return clientError("ResourceExistsException", fmt.Sprintf(nameTaken, req.Name))
	}
	if req.SecretString != nil && req.SecretBinary != nil {
		return clientError(badParamType, bothValues)
	}
	sec := s.create(req.Name)
	if req.SecretString == nil && req.SecretBinary == nil {
		return ok(valueOutput{ARN: sec.arn, Name: sec.name})
	}
	return s.store(sec, req, current)
}

func (s *SecretsManager) putSecretValue(req request) answer {
	sec, a := s.live(req)
	if sec == nil {
		return a
	}
	stages := req.VersionStages
	if len(stages) == 0 {
		stages = []string{current}
	}
	return s.store(sec, req, stages...)
}

// updateSecret changes the value; descriptions and keys are not kept.
func (s *SecretsManager) updateSecret(req request) answer {
	sec, a := s.live(req)
	if sec == nil {
		return a
	}
	if req.SecretString == nil && req.SecretBinary == nil {
		return ok(valueOutput{ARN: sec.arn, Name: sec.name})
	}
	return s.store(sec, req, current)
}

// store adds the version of a request. The same token with the same content is
// the same call made again, and succeeds.
func (s *SecretsManager) store(sec *secret, req request, stages ...string) answer {
	bad := req.badValue()
	switch {
	case bad != "":
		return clientError("ValidationException", bad)
	case req.SecretString != nil && req.SecretBinary != nil:
		return clientError(badParamType, bothValues)
	case req.SecretString == nil && req.SecretBinary == nil:
		return clientError(badRequestType, "You must provide either SecretString or SecretBinary.")
	case req.ClientRequestToken != "" && (len(req.ClientRequestToken) < 32 || len(req.ClientRequestToken) > 64):
		return clientError(badParamType, "ClientRequestToken must be 32-64 characters long.")
	}
	v := &version{id: cmp.Or(req.ClientRequestToken, newUUID()), text: req.SecretString, binary: req.SecretBinary}
	if old := sec.versions[v.id]; old != nil && !old.empty() {
		if !old.equal(v) {
			return clientError("ResourceExistsException", immutable)
		}
	} else {
		sec.add(v)
	}
	for _, stage := range stages {
		s.move(sec, stage, v.id)
	}
	return ok(valueOutput{ARN: sec.arn, Name: sec.name, VersionID: v.id, VersionStages: labels(sec.stages, v.id)})
}

func (v *version) equal(o *version) bool {
	if (v.text == nil) != (o.text == nil) {
		return false
	}
	return v.text == nil && bytes.Equal(v.binary, o.binary) || v.text != nil && *v.text == *o.text
}

func (s *SecretsManager) updateSecretVersionStage(req request) answer {
	sec, a := s.live(req)
	if sec == nil {
		return a
	}
	at := sec.stages[req.VersionStage]
	switch {
	case req.MoveToVersionID != "" && sec.versions[req.MoveToVersionID] == nil:
		return clientError(notFoundType, noValue+"VersionId: "+req.MoveToVersionID)
	case req.MoveToVersionID != "" && at != "" && at != req.MoveToVersionID && req.RemoveFromVersionID != at:
		return clientError(badParamType, fmt.Sprintf("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", req.VersionStage, at))
	case req.RemoveFromVersionID != "" && at != req.RemoveFromVersionID:
		return clientError(badParamType, fmt.Sprintf("Staging label %s is not attached to version %s.", req.VersionStage, req.RemoveFromVersionID))
	case req.MoveToVersionID == "" && req.VersionStage == current:
		return clientError(badParamType, "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	}
	if req.MoveToVersionID != "" {
		s.move(sec, req.VersionStage, req.MoveToVersionID)
	} else {
		delete(sec.stages, req.VersionStage)
	}
	return ok(valueOutput{ARN: sec.arn, Name: sec.name})
}

// rotateSecret does what Secrets Manager does before it calls the rotation
// function, which is the caller's: it turns rotation on and makes the version
// that the function fills, AWSPENDING and without a value.
func (s *SecretsManager) rotateSecret(req request) answer {
	sec, a := s.live(req)
	if sec == nil {
		return a
	}
	id := cmp.Or(req.ClientRequestToken, newUUID())
	if at := sec.stages[pending]; at != "" && at != id && at != sec.stages[current] {
		return clientError(badRequestType, "A previous rotation isn't complete. That rotation will be reattempted.")
	}
	sec.rotation = true
	v := sec.versions[id]
	if v == nil { // else it is the same call made again
		v = &version{id: id}
		sec.add(v)
		s.move(sec, pending, id)
	}
	return ok(valueOutput{ARN: sec.arn, Name: sec.name, VersionID: v.id})
}

func (s *SecretsManager) getRandomPassword(req request) answer {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	alphabet := letters
	if !req.ExcludePunctuation {
		alphabet += "!#$%&()*+,-./:;<=>?@[]^_{|}~"
	}
	alphabet = strings.Map(func(r rune) rune {
		if strings.ContainsRune(req.ExcludeCharacters, r) {
			return -1
		}
		return r
	}, alphabet)
	if alphabet == "" || req.PasswordLength < 0 || req.PasswordLength > 4096 {
		return clientError(badParamType, "no password can be made of what was asked for")
	}
	b := make([]byte, cmp.Or(req.PasswordLength, 32))
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return ok(struct{ RandomPassword string }{string(b)})
}

// deleteSecret keeps a secret for good that is only marked: the fake's secrets do
// not live for a week.
func (s *SecretsManager) deleteSecret(req request) answer {
	sec, a := s.lookup(req)
	days := cmp.Or(req.RecoveryWindow, 30)
	switch {
	case sec == nil:
		return a
	case req.ForceDelete && req.RecoveryWindow != 0:
		return clientError(badParamType, "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return clientError(badParamType, "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	case req.ForceDelete:
		days = 0
		delete(s.secrets, sec.name)
	case !sec.deleted.IsZero():
		return clientError(badRequestType, marked)
	default:
		sec.deleted = time.Now()
	}
	return ok(struct {
		ARN, Name    string
		DeletionDate float64
	}{sec.arn, sec.name, seconds(time.Now().AddDate(0, 0, days))})
}

func (s *SecretsManager) restoreSecret(req request) answer {
	sec, a := s.lookup(req)
	if sec == nil {
		return a
	}
	sec.deleted = time.Time{}
	return ok(valueOutput{ARN: sec.arn, Name: sec.name})
}
