// Package event recognises rotation events: those that say a secret has a new
// current version.
//
// A [Matcher] looks at the payload of an invocation, as Lambda hands it over, and
// returns the secrets that changed, or nothing for any other event:
//
//	var m event.Matcher // the usual custom event, besides those of AWS
//	for _, r := range m.Match(payload) {
//		refresh(r.SecretID, r.VersionID)
//	}
//
// It knows the native event of Secrets Manager ("Secret Label Updated"), its
// CloudTrail events, and a custom one whose source, detail-type and key may be
// chosen, each of them bare or wrapped by SNS, SQS, or SNS in SQS. An ordinary
// event costs a search for a few words, whatever its size.
package event

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"
)

// The custom event's parts where a [Matcher] does not say otherwise.
const (
	DefaultSource     = "secretsmanager"
	DefaultDetailType = "Secret Rotation"
	DefaultDetailKey  = "secretId"
)

// Matcher recognises rotation events. Its fields describe the custom event; an
// empty one stands for its default.
type Matcher struct {
	Source     string // the event's source
	DetailType string // the event's detail-type
	DetailKey  string // where the event's detail has the id of the secret
}

// Rotation is one secret that has a new current version, as an event told it.
type Rotation struct {
	SecretID  string    // the ARN where the event has it, else the id as the event spells it
	Name      string    // another id of the same secret that the event has; "" if none
	VersionID string    // of the new version; "" when the event does not tell
	Time      time.Time // of the event; zero when it does not tell. EventBridge cuts it to whole seconds
}

// Match returns the rotations that payload tells of, in its order and each once.
// It returns nil for any other payload, JSON or not. A batch of records is a
// rotation event only if all records are about secrets: if one is anything else,
// the handler must see it, and gets the batch.
func (m Matcher) Match(payload []byte) []Rotation {
	if !m.mayMatch(payload) {
		return nil
	}
	found, _ := m.match(payload, 0)
	return distinct(found)
}

// maxDepth is how deep an event may be wrapped: the batch of SQS, a notification of
// SNS in it, and one to spare.
const maxDepth = 3

// object is a JSON object whose members are looked at by their exact names;
// encoding/json would take "Source" for "source" in a struct.
type object map[string]json.RawMessage

func parse(raw []byte) object {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var o object
	if json.Unmarshal(raw, &o) != nil {
		return nil
	}
	return o
}

func (o object) object(name string) object { return parse(o[name]) }

func (o object) text(name string) string {
	var s string
	_ = json.Unmarshal(o[name], &s) // anything but a string is as good as absent
	return s
}

func (o object) list(name string) []json.RawMessage {
	var l []json.RawMessage
	_ = json.Unmarshal(o[name], &l)
	return l
}

func (o object) time(name string) time.Time {
	t, _ := time.Parse(time.RFC3339, o.text(name))
	return t
}

// match returns the rotations of one event or batch. about reports whether it is
// about secrets at all, which it may be without a rotation: a label other than
// AWSCURRENT was moved.
func (m Matcher) match(raw []byte, depth int) (found []Rotation, about bool) {
	if depth > maxDepth {
		return nil, false
	}
	o := parse(raw)
	if o == nil {
		return nil, false
	}
	if records := o.list("Records"); len(records) > 0 {
		return m.matchRecords(records, depth)
	}
	if message := o.text("Message"); message != "" && o.text("TopicArn") != "" {
		return m.match([]byte(message), depth+1)
	}
	r, about := m.matchEvent(o)
	if r.SecretID == "" {
		return nil, about
	}
	return []Rotation{r}, true
}

// matchRecords looks into the records that Lambda gets from SNS and SQS.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
func (m Matcher) matchRecords(records []json.RawMessage, depth int) (found []Rotation, about bool) {
	for _, raw := range records {
		record := parse(raw)
		message := cmp.Or(record.object("Sns").text("Message"), record.text("body"))
		rotations, about := m.match([]byte(message), depth+1)
		if !about {
			return nil, false
		}
		found = append(found, rotations...)
	}
	return found, true
}

func (m Matcher) matchEvent(o object) (r Rotation, about bool) {
	detail := o.object("detail")
	switch {
	case o.text("source") == "aws.secretsmanager" && detail.text("labelUpdated") != "":
		r, about = native(o, detail), true
	case detail.text("eventSource") == "secretsmanager.amazonaws.com":
		r, about = cloudTrail(detail), true
	case o.text("source") == cmp.Or(m.Source, DefaultSource) && o.text("detail-type") == cmp.Or(m.DetailType, DefaultDetailType):
		r = Rotation{SecretID: detail.text(cmp.Or(m.DetailKey, DefaultDetailKey)), VersionID: detail.text("versionId")}
		about = r.SecretID != ""
	}
	r.Time = o.time("time")
	if r.Name == r.SecretID {
		r.Name = ""
	}
	return r, about
}

func distinct(found []Rotation) []Rotation {
	type key struct{ id, version string }
	seen := map[key]bool{}
	var all []Rotation
	for _, r := range found {
		if k := (key{r.SecretID, r.VersionID}); !seen[k] {
			seen[k] = true
			all = append(all, r)
		}
	}
	return all
}
