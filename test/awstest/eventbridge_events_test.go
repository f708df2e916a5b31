package awstest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

func entry(source, detailType, detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: optional(source), DetailType: optional(detailType), Detail: optional(detail)}
}

// put publishes the entries and returns what became of each: its error, or "".
func put(t *testing.T, c *eventbridge.Client, entries ...types.PutEventsRequestEntry) (results []string, ids []string) {
	t.Helper()
	out, err := c.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, r := range out.Entries {
		result := ""
		if r.ErrorCode != nil {
			failed++
			result = *r.ErrorCode + ": " + *r.ErrorMessage
		}
		if (r.EventId == nil) == (r.ErrorCode == nil) {
			t.Errorf("got id and error %+v", r)
		}
		results, ids = append(results, result), append(ids, aws.ToString(r.EventId))
	}
	if int(out.FailedEntryCount) != failed {
		t.Errorf("got %d failed entries, want %d", out.FailedEntryCount, failed)
	}
	return results, ids
}

func TestPutEvents(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{Region: "us-gov-west-1", Account: "210987654321"})
	whole := entry("s", "Dé <t>", `{"n": 1.50}`)
	whole.Time, whole.Resources = aws.Time(time.Date(2026, 1, 2, 3, 4, 5, 999e6, time.UTC)), []string{"arn:x"}
	got, ids := put(t, c,
		whole,
		entry("", "t", `{}`),
		entry("s", "", `{}`),
		entry("s", "t", ""),
		entry("s", "t", "{"),
		entry("s", "t", "[1]"),
		entry("s", "t", "null"),
		entry("aws.secretsmanager", "t", `{}`),
		entry("awsome", "t", `{}`),
	)
	want := []string{
		"",
		"InvalidArgument: Parameter Source is not valid. Reason: Source is a required argument.",
		"InvalidArgument: Parameter DetailType is not valid. Reason: DetailType is a required argument.",
		"InvalidArgument: Parameter Detail is not valid. Reason: Detail is a required argument.",
		"MalformedDetail: Detail is malformed.",
		"MalformedDetail: Detail is malformed.",
		"MalformedDetail: Detail is malformed.",
		"NotAuthorizedForSourceException: Not authorized for the source.",
		"",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	events := fake.Events()
	if len(events) != 2 {
		t.Fatalf("got %d events, want 2", len(events))
	}
	if got, want := string(events[0]), `{"version":"0","id":"`+ids[0]+`","detail-type":"Dé <t>","source":"s","account":"210987654321","time":"2026-01-02T03:04:05Z","region":"us-gov-west-1","resources":["arn:x"],"detail":{"n":1.50}}`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	var second struct {
		Time      string
		Resources []string
	}
	if err := json.Unmarshal(events[1], &second); err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", second.Time)
	if d := time.Since(at); err != nil || d < 0 || d > time.Minute || second.Resources == nil {
		t.Errorf("time and resources by default: got %s, %v", events[1], err)
	}
}

func TestPutEventsThatAreRefused(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	many := slices.Repeat([]types.PutEventsRequestEntry{entry("s", "t", `{}`)}, 11)
	large := entry("s", "t", `{"x":"`+strings.Repeat("x", 1<<20-1-len(`st{"x":""}`))+`"}`)
	larger := large
	larger.DetailType = aws.String("tt")
	for _, tt := range []struct {
		entries []types.PutEventsRequestEntry
		want    string
	}{
		{many[:10], ""},
		{many, "Bad Request: ValidationException: 1 validation error detected: Value '[11 entries]' at 'entries' failed to satisfy constraint: Member must have length between 1 and 10"},
		{[]types.PutEventsRequestEntry{large}, ""},
		{[]types.PutEventsRequestEntry{larger}, "Bad Request: ValidationException: Total size of the entries in the request is over the limit."},
	} {
		_, err := c.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: tt.entries})
		if got := apiError(err); got != tt.want {
			t.Errorf("%d entries: got %.300q, want %q", len(tt.entries), got, tt.want)
		}
	}

	fake.Fail(awstest.EventFault{Action: "events:PutEvents", Message: "Rate exceeded", Entries: true, Skip: 1, Times: 2})
	got, _ := put(t, c, many[:5]...)
	const throttled = "ThrottlingException: Rate exceeded"
	if want := []string{"", throttled, throttled, "", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := len(fake.Events()), 10+1+3; got != want {
		t.Errorf("got %d events, want %d", got, want)
	}
}

// An event for a bus that is not there is lost, and its sender told that all is
// well: https://github.com/aws/aws-sdk/issues/186
func TestPutEventsToNoBus(t *testing.T) {
	fake, c := startEventBridge(t, awstest.Place{})
	lost := entry("s", "t", `{}`)
	lost.EventBusName = aws.String("none")
	if got, _ := put(t, c, lost); got[0] != "" {
		t.Errorf("got %q, want no error", got)
	}
	u := fake.Undelivered()
	if len(u) != 1 || u[0].Reason != "Event bus none does not exist." || u[0].Bus != "none" {
		t.Errorf("got %+v", u)
	}
}

// log collects deliveries.
type log struct {
	mu         sync.Mutex
	deliveries []awstest.Delivery
}

func (l *log) add(d awstest.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deliveries = append(l.deliveries, d)
}

// sources are those of the events that were delivered, in that order.
func (l *log) sources() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sources []string
	for _, d := range l.deliveries {
		var event struct{ Source string }
		if err := json.Unmarshal(d.Event, &event); err != nil {
			return err.Error()
		}
		sources = append(sources, event.Source)
	}
	return strings.Join(sources, " ")
}

// Each move of a label is one event on the default bus, as Secrets Manager has it.
func TestLabelEvents(t *testing.T) {
	secrets, client := start(t)
	fake, c := startEventBridge(t, awstest.Place{})
	putRule(t, c, "", "r", `{"source":["aws.secretsmanager"],"detail-type":["Secret Label Updated"],"detail":{"labelUpdated":["AWSCURRENT"],"name":["prod/db"]}}`, appARN)
	var l log
	fake.Deliver(l.deliverer(nil))
	secrets.Put("prod/db", "before anyone listens")
	secrets.OnLabel(fake.Emit)

	arn, v1 := secrets.Put("prod/db", "one")
	v2 := secrets.PutPending("prod/db", "two")
	blue := secrets.PutStaged("prod/db", "blue", "BLUE")
	secrets.Put("other", "x")
	secrets.Promote("prod/db", v2)
	if got := len(fake.Events()); got != 4 {
		t.Errorf("after Promote: got %d events, want 4", got)
	}
	secrets.Promote("prod/db", v2) // moves nothing
	v3 := putValue(t, client, "prod/db", "three")

	var labels, delivered []string
	for _, event := range fake.Events() {
		labels = append(labels, labelOf(t, event))
	}
	otherVersion := secrets.Stages("other")["AWSCURRENT"]
	want := []string{"prod/db AWSCURRENT " + v1, "prod/db BLUE " + blue, "other AWSCURRENT " + otherVersion, "prod/db AWSCURRENT " + v2, "prod/db AWSCURRENT " + v3}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
	if err := fake.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, d := range l.deliveries {
		delivered = append(delivered, labelOf(t, d.Event))
	}
	if diff := cmp.Diff([]string{want[0], want[3], want[4]}, delivered); diff != "" {
		t.Errorf("deliveries (-want +got)\n%s", diff)
	}

	complete := regexp.MustCompile(`^\{"version":"0","id":"[0-9a-f-]{36}","detail-type":"Secret Label Updated","source":"aws\.secretsmanager","account":"123456789012",` +
		`"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ","region":"us-east-1","resources":\["` + regexp.QuoteMeta(arn) + `"\],"detail":\{"name":"prod/db","labelUpdated":"AWSCURRENT","versionId":"` + v1 + `"\}\}$`)
	if event := fake.Events()[0]; !complete.Match(event) {
		t.Errorf("got %s, want %s", event, complete)
	}

	secrets.OnLabel(nil)
	secrets.Put("prod/db", "after")
	if got := len(fake.Events()); got != len(want) {
		t.Errorf("got %d events after nobody listens", got)
	}
}

// A listener may use the fake, and hears of every move once, those of others too.
func TestLabelListenerMayCallBack(t *testing.T) {
	secrets := awstest.NewHandler()
	var heard [][]byte // by one call of the listener at a time
	calling := false
	secrets.OnLabel(func(event []byte) {
		if calling {
			t.Error("called during a call")
		}
		calling = true
		defer func() { calling = false }()
		heard = append(heard, event)
		if bytes.Contains(event, []byte(`"name":"a"`)) {
			secrets.Put("b", "x")
		}
	})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { secrets.Put("a", "x") })
	}
	wg.Wait()
	if len(heard) != 100 {
		t.Errorf("heard of %d moves, want 100", len(heard))
	}
}

func TestLabelListenerMayLeave(t *testing.T) {
	secrets := awstest.NewHandler()
	calls := 0
	secrets.OnLabel(func([]byte) {
		calls++
		secrets.Put("b", "x")
		secrets.OnLabel(nil)
	})
	secrets.Put("a", "x")
	if calls != 1 {
		t.Errorf("called %d times, want once", calls)
	}
}

func labelOf(t *testing.T, event []byte) string {
	t.Helper()
	var e struct {
		Detail struct{ Name, LabelUpdated, VersionID string }
	}
	if err := json.Unmarshal(event, &e); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(e.Detail.Name, " ", e.Detail.LabelUpdated, " ", e.Detail.VersionID)
}
