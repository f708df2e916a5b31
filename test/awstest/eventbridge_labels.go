package awstest

import (
	"encoding/json"
	"strings"
	"time"
)

// labelMoves are the events of label moves that have not been announced.
type labelMoves struct {
	listener   func(event []byte)
	events     [][]byte
	announcing bool
}

// OnLabel has f get the event that Secrets Manager sends to the default event bus
// when a label moves to a version, for every label but AWSPENDING and AWSPREVIOUS,
// in the order of the moves. [EventBridge.Emit] is such an f. It is called one move
// at a time, before the call that made the move returns or, if another call's moves
// are being announced just then, before that one does. Nil takes it away.
func (s *SecretsManager) OnLabel(f func(event []byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moves.listener = f
	if f == nil {
		s.moves.events = nil
	}
}

// labelUpdated notes a move. The lock is held.
func (s *SecretsManager) labelUpdated(sec *secret, label, versionID string) {
	if s.moves.listener == nil || label == pending || label == previous {
		return
	}
	s.moves.events = append(s.moves.events, labelEvent(sec.arn, sec.name, label, versionID))
}

// LabelUpdated is the event that Secrets Manager sends when AWSCURRENT moves to a
// version, as of now: the one that [SecretsManager.OnLabel] has of a secret that is
// put. What is no ARN panics.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
func LabelUpdated(arn, name, versionID string) []byte {
	return labelEvent(arn, name, current, versionID)
}

func labelEvent(arn, name, label, versionID string) []byte {
	detail, err := json.Marshal(struct {
		Name         string `json:"name"`
		LabelUpdated string `json:"labelUpdated"`
		VersionID    string `json:"versionId"`
	}{name, label, versionID})
	if err != nil {
		panic("awstest: " + err.Error()) // strings only
	}
	part := strings.Split(arn, ":")
	return serviceEvent{
		DetailType: "Secret Label Updated", Source: "aws.secretsmanager", Account: part[4], Region: part[3],
		Resources: []string{arn}, Detail: detail,
	}.encode(time.Now())
}

// announce passes on what was noted, without the lock.
func (s *SecretsManager) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moves.announcing {
		return
	}
	s.moves.announcing = true
	for len(s.moves.events) > 0 {
		event, f := s.moves.events[0], s.moves.listener
		s.moves.events = s.moves.events[1:]
		s.mu.Unlock()
		f(event)
		s.mu.Lock()
	}
	s.moves.announcing = false
}
