package awstest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
)

// The staging labels that Secrets Manager itself moves.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
	pending  = "AWSPENDING"
)

type secret struct {
	name, arn string
	created   time.Time
	deleted   time.Time // when it was marked for deletion, zero otherwise
	rotation  bool
	key       string // of KMS
	policy    string
	versions  map[string]*version
	stages    map[string]string // label to version id

	// What readers still see of stages after a change, see Lag.
	lagging  map[string]string
	lagReads int
	lagUntil time.Time
}

// version is one value. Its content never changes once it has one; RotateSecret
// makes versions that have none yet.
type version struct {
	id      string
	text    *string
	binary  []byte
	created time.Time
}

func (v *version) empty() bool { return v.text == nil && v.binary == nil }

// Put makes a secret with a text value, or gives an existing one a new current
// version; the version that was current becomes AWSPREVIOUS. A secret that is
// marked for deletion is made anew, with another ARN.
func (s *SecretsManager) Put(name, value string) (arn, versionID string) {
	return s.put(name, &version{text: &value}, current)
}

// PutBinary is [SecretsManager.Put] for a binary value.
func (s *SecretsManager) PutBinary(name string, value []byte) (arn, versionID string) {
	return s.put(name, &version{binary: append([]byte{}, value...)}, current)
}

// PutPending adds a version that is labelled AWSPENDING, as a rotation does
// before it tests the new value. [SecretsManager.Promote] makes it current.
func (s *SecretsManager) PutPending(name, value string) (versionID string) {
	_, versionID = s.put(name, &version{text: &value}, pending)
	return versionID
}

// PutStaged adds a version with a label of the caller's own, or moves that label
// to the new version.
func (s *SecretsManager) PutStaged(name, value, stage string) (versionID string) {
	_, versionID = s.put(name, &version{text: &value}, stage)
	return versionID
}

func (s *SecretsManager) put(name string, v *version, stage string) (arn, versionID string) {
	defer s.announce()
	s.mu.Lock()
	defer s.mu.Unlock()
	sec := s.secrets[name]
	if sec == nil || !sec.deleted.IsZero() {
		sec = s.create(name)
	}
	v.id = newUUID()
	sec.add(v)
	s.move(sec, stage, v.id)
	return sec.arn, v.id
}

// Promote makes a version current, as the last step of a rotation does: the
// version that was current becomes AWSPREVIOUS, and AWSPENDING goes away.
func (s *SecretsManager) Promote(name, versionID string) {
	defer s.announce()
	s.mu.Lock()
	defer s.mu.Unlock()
	sec := s.must(name)
	if sec.versions[versionID] == nil {
		panic(fmt.Sprintf("awstest: secret %q has no version %q", name, versionID))
	}
	s.move(sec, current, versionID)
	if sec.stages[pending] == versionID {
		delete(sec.stages, pending)
	}
}

// Delete marks a secret for deletion: reads get InvalidRequestException.
func (s *SecretsManager) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(name).deleted = time.Now()
}

// Restore takes the mark of [SecretsManager.Delete] away.
func (s *SecretsManager) Restore(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.must(name).deleted = time.Time{}
}

// Purge removes a secret: reads get ResourceNotFoundException. When it is put
// again, its ARN has another suffix.
func (s *SecretsManager) Purge(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, s.must(name).name)
}

// ARN returns the ARN of a secret.
func (s *SecretsManager) ARN(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.must(name).arn
}

// Stages returns which version each staging label of a secret is on.
func (s *SecretsManager) Stages(name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.must(name).stages)
}

// Lag is how long readers still see the old labels of a secret after one moved:
// Secrets Manager is eventually consistent. While either limit lasts, reads by
// label or without one get the old version.
type Lag struct {
	Reads int           // that many reads
	For   time.Duration // that much time
}

// SetLag applies to label moves from now on.
func (s *SecretsManager) SetLag(l Lag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = l
}

func (s *SecretsManager) create(name string) *secret {
	sec := &secret{
		name:     name,
		arn:      Place{Account: s.account, Region: s.region}.orDefault().arn("secretsmanager", "secret:"+name+"-"+rand.Text()[:6]),
		created:  time.Now(),
		versions: make(map[string]*version),
		stages:   make(map[string]string),
	}
	s.secrets[name] = sec
	return sec
}

func (sec *secret) add(v *version) {
	v.created = time.Now()
	sec.versions[v.id] = v
}

// move puts a label on a version. AWSPREVIOUS follows AWSCURRENT.
func (s *SecretsManager) move(sec *secret, stage, versionID string) {
	old := sec.stages[stage]
	if old == versionID {
		return
	}
	if old != "" && (s.lag.Reads > 0 || s.lag.For > 0) {
		sec.lagging = maps.Clone(sec.stages)
		sec.lagReads = s.lag.Reads
		sec.lagUntil = time.Now().Add(s.lag.For)
	}
	if stage == current && old != "" {
		sec.stages[previous] = old
	}
	if stage == current && sec.stages[previous] == versionID {
		delete(sec.stages, previous)
	}
	sec.stages[stage] = versionID
	s.labelUpdated(sec, stage, versionID)
}

// seen returns the labels as the next read sees them.
func (sec *secret) seen() map[string]string {
	switch {
	case sec.lagging == nil:
		return sec.stages
	case sec.lagReads > 0:
		sec.lagReads--
		return sec.lagging
	case time.Now().Before(sec.lagUntil):
		return sec.lagging
	}
	sec.lagging = nil
	return sec.stages
}

func (s *SecretsManager) must(id string) *secret {
	sec := s.find(id)
	if sec == nil {
		panic(fmt.Sprintf("awstest: there is no secret %q", id))
	}
	return sec
}

var suffixed = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// find resolves a name, an ARN or an ARN without its suffix. An ARN that ends in
// a hyphen and six characters is always taken for a complete one, which is why a
// secret whose name ends like that cannot be found by its partial ARN
// (docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen).
func (s *SecretsManager) find(id string) *secret {
	if !strings.HasPrefix(id, "arn:") {
		return s.secrets[id]
	}
	for _, sec := range s.secrets {
		partial := sec.arn[:len(sec.arn)-len("-AbCdEf")]
		if id == sec.arn || id == partial && !suffixed.MatchString(id) {
			return sec
		}
	}
	return nil
}

// same reports whether two ids mean the same secret.
func (s *SecretsManager) same(a, b string) bool {
	if a == b {
		return true
	}
	sec := s.find(a)
	return sec != nil && sec == s.find(b)
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
