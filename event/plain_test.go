package event

import (
	"encoding/json"
	"time"
)

// plainly reads events as encoding/json does: it has the rules of Match without its
// scanner and its short cuts.
type plainly struct{ Matcher }

// match also reports whether the payload is clear: nobody sends a record that is of
// SNS and of SQS, or a notification that is an event too, and no rule is about them.
func (m plainly) match(payload []byte) (rotations []Rotation, clear bool) {
	var v any
	if json.Unmarshal(payload, &v) != nil {
		return nil, true
	}
	object, _ := v.(map[string]any)
	records, batch := object["Records"]
	if !batch {
		if r := m.one(v); r != nil {
			rotations = append(rotations, *r)
		}
		return rotations, true
	}
	list, _ := records.([]any)
	seen := map[[2]string]bool{}
	clear = true
	all := true
	for _, record := range list {
		message, unwrapped := unwrap(record)
		clear = clear && unwrapped
		r := m.one(message)
		if r == nil {
			all = false
			continue
		}
		if id := [2]string{r.SecretID, r.VersionID}; !seen[id] {
			seen[id] = true
			rotations = append(rotations, *r)
		}
	}
	if !all {
		return nil, clear
	}
	return rotations, clear
}

// unwrap returns the event in a record of SNS, SQS, or SNS in SQS.
func unwrap(record any) (message any, clear bool) {
	sns, isSNS := under(record, "Sns", "Message").(string)
	sqs, isSQS := under(record, "body").(string)
	if isSNS && isSQS {
		return nil, false
	}
	if isSNS {
		return decoded(sns), true
	}
	if !isSQS {
		return nil, true
	}
	message = decoded(sqs)
	if inner, ok := under(message, "Message").(string); ok {
		return decoded(inner), under(message, "detail-type") == nil
	}
	return message, true
}

func (m plainly) one(v any) *Rotation {
	source, detailType, detail := under(v, "source"), under(v, "detail-type"), under(v, "detail")
	var r Rotation
	cloudTrail := under(detail, "eventSource") == "secretsmanager.amazonaws.com" && under(detail, "errorCode") == nil
	switch {
	case source == "aws.secretsmanager" && detailType == "Secret Label Updated":
		if under(detail, "labelUpdated") == "AWSCURRENT" {
			var arn any
			if resources, _ := under(v, "resources").([]any); len(resources) > 0 {
				arn = resources[0]
			}
			r.SecretID, r.Name = firstTwo(arn, under(detail, "name"))
			r.VersionID, _ = under(detail, "versionId").(string)
		}
	case detailType == "AWS Service Event via CloudTrail" && cloudTrail:
		if under(detail, "eventName") == "RotationSucceeded" {
			r.SecretID, _ = under(detail, "additionalEventData", "SecretId").(string)
		}
	case detailType == "AWS API Call via CloudTrail" && cloudTrail:
		r = plainCall(detail)
	case source == m.Source && detailType == m.DetailType:
		r.SecretID, _ = under(detail, m.DetailKey).(string)
		if m.DetailKey != "versionId" {
			r.VersionID, _ = under(detail, "versionId").(string)
		}
	}
	if r.SecretID == "" {
		return nil
	}
	if s, ok := under(v, "time").(string); ok {
		r.Time, _ = time.Parse(time.RFC3339, s)
	}
	return &r
}

func plainCall(detail any) (r Rotation) {
	request, response := under(detail, "requestParameters"), under(detail, "responseElements")
	version, _ := under(response, "versionId").(string)
	moved, _ := under(request, "moveToVersionId").(string)
	switch under(detail, "eventName") {
	case "PutSecretValue":
		if stages := under(request, "versionStages"); stages != nil && !has(stages, "AWSCURRENT") {
			return r
		}
	case "UpdateSecret":
		if version == "" {
			return r
		}
	case "UpdateSecretVersionStage":
		if version = moved; version == "" || under(request, "versionStage") != "AWSCURRENT" {
			return r
		}
	default:
		return r
	}
	r.SecretID, r.Name = firstTwo(under(response, "arn"), under(response, "aRN"), under(response, "ARN"), under(request, "secretId"), under(response, "name"))
	r.VersionID = version
	return r
}

// under returns what stands under names, one within the other; nil if nothing does.
func under(v any, names ...string) any {
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func decoded(s string) (v any) {
	if json.Unmarshal([]byte(s), &v) != nil {
		return nil
	}
	return v
}

func has(list any, s string) bool {
	elements, _ := list.([]any)
	for _, e := range elements {
		if e == s {
			return true
		}
	}
	return false
}

func firstTwo(candidates ...any) (first, second string) {
	for _, c := range candidates {
		s, _ := c.(string)
		switch {
		case s == "" || s == first:
		case first == "":
			first = s
		case second == "":
			second = s
		}
	}
	return first, second
}
