package rotation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/aws-secretsmanager/lambda-extension/event"
)

// Notification is the custom event that tells functions of a rotation.
type Notification struct {
	SecretID  string // name or ARN, as the functions' rules match it; needed
	VersionID string // of the new current version; "" leaves it out, and the functions look for it themselves

	// What the event looks like; "" is the default of package event. The functions
	// have the same in their SECRETS_ROTATION_… variables.
	Source, DetailType, DetailKey string

	Bus string // name or ARN of the event bus; "" is the account's default bus
}

// EventPutter is the part of [eventbridge.Client] that [Notify] uses.
type EventPutter interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// EntryError is how EventBridge refuses one event of a request that it accepted:
// with a code and a message, in an answer of status 200.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
type EntryError struct {
	Code, Message string
}

func (e *EntryError) Error() string {
	return "EventBridge refused it: " + cmp.Or(e.Code, "no code") + ": " + cmp.Or(e.Message, "no message")
}

// Notify publishes n with one PutEvents call and returns the id that EventBridge
// gave the event. Calling it again is harmless: functions that hold the version
// do nothing.
//
// An event that EventBridge refuses is an [*EntryError]; any other error is the
// call's. Failed calls are tried again by the client, as its retryer says.
func Notify(ctx context.Context, client EventPutter, n Notification) (eventID string, err error) {
	entry, err := n.entry()
	if err != nil {
		return "", fmt.Errorf("notify of the rotation of %q: %w", n.SecretID, err)
	}
	out, err := client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry}})
	if err != nil {
		return "", fmt.Errorf("notify of the rotation of %q: %w", n.SecretID, err)
	}
	if len(out.Entries) != 1 {
		return "", fmt.Errorf("notify of the rotation of %q: EventBridge answered for %d events, want 1", n.SecretID, len(out.Entries))
	}
	if r := out.Entries[0]; r.ErrorCode != nil || out.FailedEntryCount > 0 {
		return "", fmt.Errorf("notify of the rotation of %q: %w", n.SecretID,
			&EntryError{Code: aws.ToString(r.ErrorCode), Message: aws.ToString(r.ErrorMessage)})
	}
	return aws.ToString(out.Entries[0].EventId), nil
}

func (n Notification) entry() (types.PutEventsRequestEntry, error) {
	if n.SecretID == "" {
		return types.PutEventsRequestEntry{}, errors.New("no secret id, want a name or an ARN")
	}
	if err := CheckEvent(event.Matcher{Source: n.Source, DetailType: n.DetailType, DetailKey: n.DetailKey}); err != nil {
		return types.PutEventsRequestEntry{}, err
	}
	key := cmp.Or(n.DetailKey, event.DefaultDetailKey)
	detail := map[string]string{key: n.SecretID}
	if n.VersionID != "" && key != event.VersionKey {
		detail[event.VersionKey] = n.VersionID
	}
	encoded, err := json.Marshal(detail)
	if err != nil {
		return types.PutEventsRequestEntry{}, err
	}
	entry := types.PutEventsRequestEntry{
		Source:     aws.String(cmp.Or(n.Source, event.DefaultSource)),
		DetailType: aws.String(cmp.Or(n.DetailType, event.DefaultDetailType)),
		Detail:     aws.String(string(encoded)),
	}
	if n.Bus != "" {
		entry.EventBusName = &n.Bus
	}
	return entry, nil
}

// maxDetailType is the most characters that EventBridge takes.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
const maxDetailType = 128

// CheckEvent refuses a custom event that EventBridge would never deliver.
func CheckEvent(m event.Matcher) error {
	var problems []error
	if strings.HasPrefix(m.Source, "aws.") {
		problems = append(problems, fmt.Errorf("source %q would match nothing: EventBridge keeps names that begin with aws. for AWS", m.Source))
	}
	if len(m.DetailType) > maxDetailType {
		problems = append(problems, fmt.Errorf("detail-type has %d characters, want %d at most", len(m.DetailType), maxDetailType))
	}
	return errors.Join(problems...)
}
