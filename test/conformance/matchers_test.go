package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-secretsmanager/lambda-extension/event"
)

// TestMatchers gives random events, rotations and what is nearly one, to the clients
// for Python and Node. What a client makes of an event, by itself or by handing it to
// the extension, must be what the extension would make of it with the client's
// options.
func TestMatchers(t *testing.T) {
	t.Logf("seed %d", *seed)
	r := random{rand.New(rand.NewPCG(*seed, 4))}
	var questions []question
	for range *howMany {
		q := question{Event: r.event()}
		if r.IntN(2) == 0 {
			q.Options = [3]string{r.pick("mine", "secretsmanager", "", "é/x"), r.pick("Rotated", "", "Secret Rotation"), r.pick("id", "", "versionId")}
		}
		questions = append(questions, q)
	}
	clients := map[string]func() (*exec.Cmd, error){
		"python": func() (*exec.Cmd, error) {
			python, err := exec.LookPath("python3")
			return exec.Command(python, "testdata/matchers.py", "../../layer/python"), err
		},
		"node": func() (*exec.Cmd, error) {
			cmd, err := node("")
			if err != nil {
				return nil, err
			}
			return exec.Command(cmd.Path, "testdata/matchers.cjs", "../../layer/nodejs/node_modules/aws-secretsmanager/lib"), nil
		},
	}
	for name, command := range clients {
		t.Run(name, func(t *testing.T) {
			answers := ask(t, name, command, questions)
			rotations := 0
			for i, q := range questions {
				rotations += q.check(t, answers[i])
			}
			if rotations < len(questions)/20 {
				t.Errorf("only %d of %d events were rotations", rotations, len(questions))
			}
			t.Logf("%d of %d events were rotations", rotations, len(questions))
		})
	}
}

// question is an event for a client with options: source, detail-type and the key.
type question struct {
	Options [3]string       `json:"options"`
	Event   json.RawMessage `json:"event"`
}

// answer is what a client makes of an event: nothing, an event for the extension, or
// rotations.
type answer struct {
	Event     json.RawMessage `json:"event"`
	Rotations []rotation      `json:"rotations"`
}

type rotation struct {
	SecretID  string `json:"secretId"`
	VersionID string `json:"versionId"`
}

func ask(t *testing.T, name string, command func() (*exec.Cmd, error), questions []question) []answer {
	t.Helper()
	cmd, err := command()
	if err != nil {
		if os.Getenv("CONFORMANCE") == "1" {
			t.Fatalf("%s is missing: %v", name, err)
		}
		t.Skipf("%s is missing, scripts/conformance installs it: %v", name, err)
	}
	var in, stderr bytes.Buffer
	e := json.NewEncoder(&in)
	for _, q := range questions {
		if err := e.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	answers := make([]answer, len(questions))
	d := json.NewDecoder(bytes.NewReader(out))
	for i := range answers {
		var a *answer
		if err := d.Decode(&a); err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		if a != nil {
			answers[i] = *a
		}
	}
	return answers
}

// check returns how many rotations the event has.
func (q question) check(t *testing.T, a answer) int {
	t.Helper()
	own := event.Matcher{Source: q.Options[0], DetailType: q.Options[1], DetailKey: q.Options[2]}
	want := found(own, q.Event)
	got := a.Rotations
	if a.Event != nil {
		got = found(event.Matcher{}, a.Event)
	}
	if want == nil && got != nil {
		want = q.either(own, event.Matcher{}) // the extension may know what the options leave out
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options %q, event %s\n-want +got\n%s", q.Options, q.Event, diff)
	}
	return min(len(want), 1)
}

// either returns the rotations of an event of which each record is one to a or b.
func (q question) either(a, b event.Matcher) (list []rotation) {
	var batch struct{ Records []json.RawMessage }
	if json.Unmarshal(q.Event, &batch) != nil || batch.Records == nil {
		return found(b, q.Event)
	}
	for _, record := range batch.Records {
		one, _ := json.Marshal(map[string]any{"Records": []any{record}})
		r := found(a, one)
		if r == nil {
			r = found(b, one)
		}
		if r == nil {
			return nil
		}
		if !slices.Contains(list, r[0]) {
			list = append(list, r[0])
		}
	}
	return list
}

func found(m event.Matcher, payload []byte) (list []rotation) {
	for _, r := range m.Match(payload) {
		list = append(list, rotation{r.SecretID, r.VersionID})
	}
	return list
}

// event makes an event that is a rotation more often than not, straight or in one
// to three records of SNS or SQS.
func (r random) event() json.RawMessage {
	if r.IntN(3) == 0 {
		return r.straight()
	}
	var records []any
	for range 1 + r.IntN(3) {
		text := r.spelled(r.straight())
		switch r.IntN(4) {
		case 0:
			records = append(records, map[string]any{"EventSource": "aws:sns", "Sns": map[string]any{"Message": text}})
		case 1:
			notification, _ := json.Marshal(map[string]any{"Type": "Notification", "Message": text})
			records = append(records, map[string]any{"body": string(notification)})
		case 2:
			records = append(records, map[string]any{"eventSource": "aws:sqs", "body": text})
		default:
			records = append(records, map[string]any{"body": r.pickAny(text, text, "text", nil, 5, map[string]any{})})
		}
	}
	b, _ := json.Marshal(map[string]any{"Records": records})
	return b
}

func (r random) straight() json.RawMessage {
	const arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf"
	id := func() any { return r.pickAny("prod/db", arn, "é\"\\", "a b", arn, "", nil, 1) }
	version := func() any { return r.pickAny("v1", "v2", "", nil, 7) }
	e := map[string]any{"id": r.of("ab-", 4), "time": "2024-02-06T16:43:48Z"}
	switch r.IntN(6) {
	case 0:
		e["source"], e["detail-type"] = "aws.secretsmanager", r.pick("Secret Label Updated", "Secret Deleted")
		e["resources"] = []any{arn}
		e["detail"] = map[string]any{"name": "prod/db", "labelUpdated": r.pick("AWSCURRENT", "AWSPENDING"), "versionId": version()}
	case 1:
		e["source"], e["detail-type"] = "aws.secretsmanager", "AWS API Call via CloudTrail"
		e["detail"] = map[string]any{
			"eventSource": r.pick("secretsmanager.amazonaws.com", "s3.amazonaws.com"), "eventName": r.pick("PutSecretValue", "UpdateSecret", "GetSecretValue"),
			"requestParameters": map[string]any{"secretId": id()}, "responseElements": map[string]any{"arn": arn, "versionId": version()},
		}
	case 2:
		e["source"], e["detail-type"] = "aws.secretsmanager", "AWS Service Event via CloudTrail"
		e["detail"] = map[string]any{
			"eventSource": "secretsmanager.amazonaws.com", "eventName": r.pick("RotationSucceeded", "RotationFailed"),
			"additionalEventData": map[string]any{"SecretId": id()},
		}
	case 3:
		e["source"], e["detail-type"], e["detail"] = r.pickAny("orders", nil, 1), r.pickAny("Order Made", nil, 2), r.pickAny("x", nil, map[string]any{})
	default:
		e["source"] = r.pick("secretsmanager", "mine", "é/x", "mine", "SecretsManager")
		e["detail-type"] = r.pick("Secret Rotation", "Rotated", "Rotated", "Secret rotation")
		e["detail"] = map[string]any{"secretId": id(), "id": id(), "versionId": version()}
	}
	b, _ := json.Marshal(e)
	return b
}

// spelled writes JSON as other writers do.
func (r random) spelled(b json.RawMessage) string {
	s := string(b)
	switch r.IntN(5) {
	case 0:
		c := r.pick("s", "-", "t", "R", "d")
		return strings.ReplaceAll(s, c, fmt.Sprintf(`\u%04x`, c[0]))
	case 1:
		return strings.ReplaceAll(s, "/", `\/`)
	case 2:
		var out bytes.Buffer
		_ = json.Indent(&out, b, " ", "\t")
		return out.String()
	}
	return s
}

func (r random) pick(list ...string) string { return list[r.IntN(len(list))] }
func (r random) pickAny(list ...any) any    { return list[r.IntN(len(list))] }
