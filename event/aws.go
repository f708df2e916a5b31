package event

import (
	"cmp"
	"encoding/json"
	"slices"
)

const current = "AWSCURRENT"

// native reads "Secret Label Updated", which Secrets Manager sends for every label
// that moves.
func native(o, detail object) Rotation {
	if detail.text("labelUpdated") != current {
		return Rotation{}
	}
	var arn string
	if resources := o.list("resources"); len(resources) > 0 {
		_ = json.Unmarshal(resources[0], &arn)
	}
	name := detail.text("name")
	return Rotation{SecretID: cmp.Or(arn, name), Name: name, VersionID: detail.text("versionId")}
}

// cloudTrail reads what CloudTrail logged: the end of a rotation, or a call that
// made another version the current one.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
func cloudTrail(detail object) Rotation {
	if detail.text("errorCode") != "" {
		return Rotation{}
	}
	request, response := detail.object("requestParameters"), detail.object("responseElements")
	version := response.text("versionId")
	switch detail.text("eventName") {
	case "RotationSucceeded":
		return Rotation{SecretID: detail.object("additionalEventData").text("SecretId")}
	case "PutSecretValue":
		// During a rotation the new version is put as AWSPENDING and moved later.
		if stages := request.list("versionStages"); len(stages) > 0 && !slices.ContainsFunc(stages, isCurrent) {
			return Rotation{}
		}
	case "UpdateSecret":
		if version == "" {
			return Rotation{} // only the description or the key was changed
		}
	case "UpdateSecretVersionStage":
		version = request.text("moveToVersionId")
		if request.text("versionStage") != current || version == "" {
			return Rotation{}
		}
	default:
		return Rotation{}
	}
	typed := request.text("secretId")
	arn := cmp.Or(response.text("arn"), response.text("aRN"), response.text("ARN"))
	return Rotation{SecretID: cmp.Or(arn, typed), Name: typed, VersionID: version}
}

func isCurrent(raw json.RawMessage) bool {
	var stage string
	return json.Unmarshal(raw, &stage) == nil && stage == current
}
