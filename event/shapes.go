package event

import "time"

// current is the label of the version that readers get by default. Moving any
// other label changes no current value.
const current = "AWSCURRENT"

// one recognises an event as EventBridge delivers it.
func (m Matcher) one(event []byte) (Rotation, bool) {
	var source, detailType, detail, resources, at []byte
	for key, value := range members(event) {
		switch {
		case is(key, "source"):
			source = value
		case is(key, "detail-type"):
			detailType = value
		case is(key, "detail"):
			detail = value
		case is(key, "resources"):
			resources = value
		case is(key, "time"):
			at = value
		}
	}
	var r Rotation
	switch {
	case is(source, "aws.secretsmanager") && is(detailType, "Secret Label Updated"):
		r = labelUpdated(detail, resources)
	case is(detailType, "AWS Service Event via CloudTrail") && fromSecretsManager(detail):
		r = rotationSucceeded(detail)
	case is(detailType, "AWS API Call via CloudTrail") && fromSecretsManager(detail):
		r = apiCall(detail)
	case is(source, m.Source) && is(detailType, m.DetailType):
		r = m.custom(detail)
	}
	if r.SecretID == "" {
		return Rotation{}, false
	}
	if s, ok := text(at); ok {
		r.Time, _ = time.Parse(time.RFC3339, s)
	}
	return r, true
}

// custom reads the event that a rotation function sends by itself.
func (m Matcher) custom(detail []byte) (r Rotation) {
	r.SecretID, _ = text(member(detail, m.DetailKey))
	if m.DetailKey != VersionKey {
		r.VersionID, _ = text(member(detail, VersionKey))
	}
	return r
}

// labelUpdated reads the event that Secrets Manager sends for every secret.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
func labelUpdated(detail, resources []byte) (r Rotation) {
	if !is(member(detail, "labelUpdated"), current) {
		return r
	}
	var arn []byte
	for resource := range elements(resources) {
		arn = resource
		break
	}
	r.SecretID, r.Name = ids(arn, member(detail, "name"))
	r.VersionID, _ = text(member(detail, "versionId"))
	return r
}

// fromSecretsManager reports whether CloudTrail recorded something of Secrets
// Manager that did not fail.
func fromSecretsManager(detail []byte) bool {
	return is(member(detail, "eventSource"), "secretsmanager.amazonaws.com") && absent(member(detail, "errorCode"))
}

func rotationSucceeded(detail []byte) (r Rotation) {
	if is(member(detail, "eventName"), "RotationSucceeded") {
		r.SecretID, _ = text(member(member(detail, "additionalEventData"), "SecretId"))
	}
	return r
}

// apiCall reads the calls that can move AWSCURRENT. During a rotation they also
// prepare the version to come, as AWSPENDING, which changes nothing yet.
func apiCall(detail []byte) (r Rotation) {
	request, response := member(detail, "requestParameters"), member(detail, "responseElements")
	version := member(response, "versionId")
	name := member(detail, "eventName")
	switch {
	case is(name, "PutSecretValue"):
		if stages := member(request, "versionStages"); !absent(stages) && !contains(stages, current) {
			return r
		}
	case is(name, "UpdateSecret"):
		// Without a new value it changes the description or the key, and makes no version.
		if s, ok := text(version); !ok || s == "" {
			return r
		}
	case is(name, "UpdateSecretVersionStage"):
		version = member(request, "moveToVersionId")
		if s, ok := text(version); !ok || s == "" || !is(member(request, "versionStage"), current) {
			return r
		}
	default:
		return r
	}
	// CloudTrail lowers the first letter of names, and has not always lowered this one's alike.
	r.SecretID, r.Name = ids(
		member(response, "arn"), member(response, "aRN"), member(response, "ARN"),
		member(request, "secretId"), member(response, "name"))
	r.VersionID, _ = text(version)
	return r
}

// ids returns the first two different ones of what may be ids of one secret.
func ids(candidates ...[]byte) (first, second string) {
	for _, c := range candidates {
		switch s, ok := text(c); {
		case !ok || s == "" || s == first:
		case first == "":
			first = s
		default:
			return first, s
		}
	}
	return first, ""
}
