package wiring

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/event"
)

// maxPattern is the length of the longest event pattern, in characters.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxPattern = 2048

type eventPattern struct {
	Source     []string            `json:"source"`
	DetailType []string            `json:"detail-type"`
	Account    []string            `json:"account,omitempty"`
	Detail     map[string][]string `json:"detail"`
}

// patternFor returns the event pattern that matches the rotations of secrets.
//
// Secrets Manager's event is matched by name, which outlives a secret that is made
// anew. A custom event has whatever its sender calls the secret: all three forms.
func patternFor(e Event, m event.Matcher, f Function, secrets []Secret) string {
	if e == Native {
		p := eventPattern{
			Source: []string{"aws.secretsmanager"}, DetailType: []string{"Secret Label Updated"},
			Detail: map[string][]string{"labelUpdated": {currentStage}},
		}
		accounts := make(map[string]bool)
		for _, s := range secrets {
			p.Detail["name"] = append(p.Detail["name"], s.Name)
			accounts[s.account()] = true
		}
		// A name says little where another account's events come in too.
		if len(accounts) > 1 || !accounts[f.Account] {
			for a := range accounts {
				p.Account = append(p.Account, a)
			}
			slices.Sort(p.Account)
		}
		return encode(p)
	}
	m = withDefaults(m)
	p := eventPattern{Source: []string{m.Source}, DetailType: []string{m.DetailType}, Detail: map[string][]string{}}
	for _, s := range secrets {
		p.Detail[m.DetailKey] = append(p.Detail[m.DetailKey], s.spellings(Custom)...)
	}
	return encode(p)
}

func withDefaults(m event.Matcher) event.Matcher {
	return event.Matcher{
		Source:     cmp.Or(m.Source, event.DefaultSource),
		DetailType: cmp.Or(m.DetailType, event.DefaultDetailType),
		DetailKey:  cmp.Or(m.DetailKey, event.DefaultDetailKey),
	}
}

// split groups secrets so that the pattern of each group is short enough.
func split(e Event, m event.Matcher, f Function, secrets []Secret) [][]Secret {
	var groups [][]Secret
	start := 0
	for i := range secrets {
		if i > start && len(patternFor(e, m, f, secrets[start:i+1])) > maxPattern {
			groups = append(groups, secrets[start:i])
			start = i
		}
	}
	return append(groups, secrets[start:])
}

// samePattern compares what two patterns say, not how they are spelled.
func samePattern(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return encode(x) == encode(y)
}

// spellings are what an event may call a secret: Secrets Manager's own has its name
// and ARN, and a custom one what its sender likes.
func (s Secret) spellings(e Event) []string {
	if e == Native {
		return []string{s.ARN}
	}
	return slices.Compact([]string{s.Name, s.ARN, s.partialARN()})
}

// sample returns an event as EventBridge would deliver it for a rotation of s, called
// id, to its current version. Functions that hold that version do nothing.
func sample(e Event, m event.Matcher, f Function, s Secret, id string, now time.Time) []byte {
	ev := map[string]any{
		"version": "0", "id": sampleID, "account": s.account(), "region": f.Region,
		"time": now.UTC().Format(time.RFC3339), "resources": []string{},
	}
	if e == Native {
		ev["source"], ev["detail-type"] = "aws.secretsmanager", "Secret Label Updated"
		ev["resources"] = []string{s.ARN}
		ev["detail"] = map[string]string{"name": s.Name, "labelUpdated": currentStage, "versionId": s.current}
		return []byte(encode(ev))
	}
	m = withDefaults(m)
	ev["source"], ev["detail-type"], ev["account"] = m.Source, m.DetailType, f.Account
	detail := map[string]string{m.DetailKey: id}
	if m.DetailKey != event.VersionKey && s.current != "" {
		detail[event.VersionKey] = s.current
	}
	ev["detail"] = detail
	return []byte(encode(ev))
}

// sampleID tells a sample from an event in the log of a function.
const sampleID = "00000000-0000-4000-8000-000000000000"

// encode is JSON with sorted keys and every character as it is.
func encode(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("rotation: " + err.Error()) // only strings come here
	}
	return strings.TrimSuffix(b.String(), "\n")
}
