package rotation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation"
)

// putter answers PutEvents, and keeps what it was asked.
type putter struct {
	in  *eventbridge.PutEventsInput
	out *eventbridge.PutEventsOutput
	err error
}

func (p *putter) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	p.in = in
	return p.out, p.err
}

func accepted() *putter {
	return &putter{out: &eventbridge.PutEventsOutput{Entries: []types.PutEventsResultEntry{{EventId: aws.String("id")}}}}
}

// Both sides of the event are ours: what is published must be recognised.
func TestNotifyIsRecognised(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf"
	for _, tc := range []struct {
		n      rotation.Notification
		detail map[string]string
		want   event.Rotation
	}{
		{rotation.Notification{SecretID: arn, VersionID: "v2"}, map[string]string{"secretId": arn, "versionId": "v2"}, event.Rotation{SecretID: arn, VersionID: "v2"}},
		{rotation.Notification{SecretID: "prod/db"}, map[string]string{"secretId": "prod/db"}, event.Rotation{SecretID: "prod/db"}},
		{rotation.Notification{SecretID: `odd "<name>&`, Source: "my.app", DetailType: "Rotated", DetailKey: "arn", VersionID: "v2"}, map[string]string{"arn": `odd "<name>&`, "versionId": "v2"}, event.Rotation{SecretID: `odd "<name>&`, VersionID: "v2"}},
		{rotation.Notification{SecretID: "prod/db", DetailKey: "versionId", VersionID: "v2"}, map[string]string{"versionId": "prod/db"}, event.Rotation{SecretID: "prod/db"}},
	} {
		p := accepted()
		id, err := rotation.Notify(t.Context(), p, tc.n)
		if err != nil || id != "id" {
			t.Fatalf("%+v: %q, %v", tc.n, id, err)
		}
		entry := p.in.Entries[0]
		var detail map[string]string
		if err := json.Unmarshal([]byte(*entry.Detail), &detail); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.detail, detail); diff != "" {
			t.Errorf("detail (-want +got)\n%s", diff)
		}
		delivered := fmt.Appendf(nil, `{"source":%q,"detail-type":%q,"detail":%s}`, *entry.Source, *entry.DetailType, *entry.Detail)
		m := event.Matcher{Source: tc.n.Source, DetailType: tc.n.DetailType, DetailKey: tc.n.DetailKey}
		if diff := cmp.Diff([]event.Rotation{tc.want}, m.Match(delivered)); diff != "" {
			t.Errorf("recognised (-want +got)\n%s", diff)
		}
		if entry.EventBusName != nil {
			t.Errorf("bus %q, want the default one left out", *entry.EventBusName)
		}
	}
}

func TestNotifyOnABus(t *testing.T) {
	p := accepted()
	if _, err := rotation.Notify(t.Context(), p, rotation.Notification{SecretID: "prod/db", Bus: "mine"}); err != nil || aws.ToString(p.in.Entries[0].EventBusName) != "mine" {
		t.Errorf("got %v, %v", p.in.Entries, err)
	}
}

func TestNotifyFails(t *testing.T) {
	ctx := t.Context()
	refused := &putter{out: &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []types.PutEventsResultEntry{
		{ErrorCode: aws.String("InternalFailure"), ErrorMessage: aws.String("try again")},
	}}}
	_, err := rotation.Notify(ctx, refused, rotation.Notification{SecretID: "prod/db"})
	entry, ok := errors.AsType[*rotation.EntryError](err)
	if !ok || entry.Code != "InternalFailure" || entry.Message != "try again" || !strings.Contains(err.Error(), `"prod/db"`) {
		t.Errorf("a refused entry: %v", err)
	}
	broken := errors.New("broken pipe")
	if _, err := rotation.Notify(ctx, &putter{err: broken}, rotation.Notification{SecretID: "prod/db"}); !errors.Is(err, broken) {
		t.Errorf("a call that fails: %v", err)
	}
	if _, err := rotation.Notify(ctx, &putter{out: &eventbridge.PutEventsOutput{}}, rotation.Notification{SecretID: "prod/db"}); err == nil {
		t.Error("an answer for no event is no success")
	}
	p := accepted()
	if _, err := rotation.Notify(ctx, p, rotation.Notification{}); err == nil || p.in != nil || !strings.Contains(err.Error(), "want a name or an ARN") {
		t.Errorf("without an id: %v", err)
	}
}
