package endpoint

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// told is what an event says of a rotation.
type told struct {
	version
	at time.Time
}

func now(v version) told { return told{v, time.Now()} }

// shapes are the events that tell of a new current version, by where they come from.
var shapes = map[string]func(told) string{
	"of Secrets Manager": native,
	"custom, by name":    func(e told) string { return custom(e, e.name, "") },
	"custom, by ARN":     func(e told) string { return custom(e, e.arn, e.id) },
	"custom, by partial ARN": func(e told) string {
		return custom(e, e.partial(), e.id)
	},
	"CloudTrail, rotation": func(e told) string {
		return event(e, "aws.secretsmanager", "AWS Service Event via CloudTrail", fmt.Sprintf(
			`{"eventSource":"secretsmanager.amazonaws.com","eventName":"RotationSucceeded","requestParameters":null,"additionalEventData":{"SecretId":%q}}`, e.arn))
	},
	"CloudTrail, PutSecretValue": func(e told) string {
		return called(e, "PutSecretValue", fmt.Sprintf(`"requestParameters":{"secretId":%q,"clientRequestToken":%q},"responseElements":{"arn":%q,"versionId":%[2]q}`, e.name, e.id, e.arn))
	},
	"CloudTrail, UpdateSecret": func(e told) string {
		return called(e, "UpdateSecret", fmt.Sprintf(`"requestParameters":{"secretId":%q},"responseElements":{"aRN":%q,"name":%[1]q,"versionId":%[3]q}`, e.name, e.arn, e.id))
	},
	"CloudTrail, UpdateSecretVersionStage": func(e told) string {
		return called(e, "UpdateSecretVersionStage", fmt.Sprintf(`"requestParameters":{"secretId":%q,"versionStage":"AWSCURRENT","moveToVersionId":%q},"responseElements":{"ARN":%[1]q}`, e.arn, e.id))
	},
	"SNS":        func(e told) string { return sns(native(e)) },
	"SQS":        func(e told) string { return sqs(native(e)) },
	"SNS in SQS": func(e told) string { return sqs(notification(native(e))) },
	"SNS in SQS, raw": func(e told) string {
		return sqs(called(e, "UpdateSecret", fmt.Sprintf(`"responseElements":{"arn":%q,"versionId":%q}`, e.arn, e.id)))
	},
	"with spaces": func(e told) string {
		return strings.NewReplacer(`":`, `" : `, `,"`, ",\n\t\"").Replace(native(e))
	},
	"with escapes": func(e told) string { return strings.ReplaceAll(native(e), "secretsmanager", `\u0073ecretsmanager`) },
}

// others are events that are none of ours, or tell of no new current version.
var others = map[string]func(told) string{
	"an order":        func(told) string { return `{"order":1}` },
	"a list":          func(told) string { return `[1,"secretsmanager","detail-type"]` },
	"a text":          func(told) string { return `"Secret Rotation"` },
	"null":            func(told) string { return `null` },
	"pending":         func(e told) string { return strings.ReplaceAll(native(e), "AWSCURRENT", "AWSPENDING") },
	"another label":   func(e told) string { return strings.ReplaceAll(native(e), "AWSCURRENT", "BLUE") },
	"another service": func(e told) string { return strings.ReplaceAll(native(e), "aws.secretsmanager", "aws.ssm") },
	"another type":    func(e told) string { return strings.ReplaceAll(custom(e, e.name, ""), "Secret Rotation", "Rotation") },
	"another source":  func(e told) string { return strings.ReplaceAll(custom(e, e.name, ""), `"secretsmanager"`, `"mine"`) },
	"another secret":  func(e told) string { return custom(e, e.name+"x", "") },
	"another account": func(e told) string { return custom(e, strings.Replace(e.arn, ":secret:", "0:secret:", 1), "") },
	"a failed call": func(e told) string {
		return called(e, "PutSecretValue", `"errorCode":"AccessDenied","requestParameters":{"secretId":"`+e.name+`"}`)
	},
	"another call": func(e told) string {
		return called(e, "GetSecretValue", `"requestParameters":{"secretId":"`+e.name+`"}`)
	},
	"a mixed batch":  func(e told) string { return sqs(native(e), `{"order":1}`) },
	"an empty batch": func(told) string { return sqs() },
	"a put as pending": func(e told) string {
		return called(e, "PutSecretValue", fmt.Sprintf(`"requestParameters":{"secretId":%q,"versionStages":["AWSPENDING"]},"responseElements":{"arn":%q,"versionId":%q}`, e.name, e.arn, e.id))
	},
}

func native(e told) string {
	return event(e, "aws.secretsmanager", "Secret Label Updated", fmt.Sprintf(`{"name":%q,"labelUpdated":"AWSCURRENT","versionId":%q}`, e.name, e.id))
}

func custom(e told, id, versionID string) string {
	detail := map[string]string{"secretId": id}
	if versionID != "" {
		detail["versionId"] = versionID
	}
	return event(e, "secretsmanager", "Secret Rotation", text(detail))
}

func called(e told, name, members string) string {
	return event(e, "aws.secretsmanager", "AWS API Call via CloudTrail", fmt.Sprintf(`{"eventSource":"secretsmanager.amazonaws.com","eventName":%q,%s}`, name, members))
}

// event is what EventBridge delivers: its time is cut to seconds.
func event(e told, source, detailType, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":"1","detail-type":%q,"source":%q,"account":"123456789012","time":%q,"region":"us-east-1","resources":[%q],"detail":%s}`,
		detailType, source, e.at.UTC().Format(time.RFC3339), e.arn, detail)
}

func sns(message string) string {
	return text(map[string]any{"Records": []any{map[string]any{"EventSource": "aws:sns", "Sns": map[string]any{"Type": "Notification", "Message": message}}}})
}

func notification(message string) string {
	return text(map[string]any{"Type": "Notification", "MessageId": "1", "Message": message})
}

func sqs(bodies ...string) string {
	records := []any{}
	for i, b := range bodies {
		records = append(records, map[string]any{"messageId": fmt.Sprint(i), "eventSource": "aws:sqs", "body": b})
	}
	return text(map[string]any{"Records": records})
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of strings
	}
	return string(b)
}
