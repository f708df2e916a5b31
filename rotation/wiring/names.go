package wiring

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Event says who sends the event that a rule waits for.
type Event string

const (
	// Native is Secrets Manager's own event, which it sends for every secret.
	Native Event = "native"
	// Custom is the event of [rotation.Notify].
	Custom Event = "custom"
)

// DefaultBus is the event bus that every account has, and the only one that
// Secrets Manager sends to.
const DefaultBus = "default"

// What is ours carries these tags. A rule of a name that we would give is left
// alone without them.
const (
	tagManaged   = "managed-by"
	tagFunction  = "secrets-rotation:function"
	managedValue = "rotation-setup"
)

func tags(f Function) []types.Tag {
	return []types.Tag{
		{Key: aws.String(tagManaged), Value: aws.String(managedValue)},
		{Key: aws.String(tagFunction), Value: &f.ARN},
	}
}

// owned reports whether the tags are ours for this function, whose ARN is not
// known when it has been deleted: then its name and qualifier must do.
func owned(list []types.Tag, f FunctionID) bool {
	var managed bool
	var function string
	for _, t := range list {
		switch aws.ToString(t.Key) {
		case tagManaged:
			managed = aws.ToString(t.Value) == managedValue
		case tagFunction:
			function = aws.ToString(t.Value)
		}
	}
	id, err := ParseFunctionID(function)
	return managed && err == nil && id.Name == f.Name && id.Qualifier == f.Qualifier
}

const (
	rulePrefix = "secrets-rotation-"
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
	maxRuleName = 64
	// Room for "-native" and the number of one of several rules.
	maxFunctionPart = maxRuleName - len(rulePrefix) - len("-native") - len(".999")
)

// ruleName returns the name of the nth rule, from 1, of a function. Neither names
// nor qualifiers of functions have a dot, so no two of them get the same.
func ruleName(f FunctionID, e Event, n int) string {
	name := rulePrefix + functionPart(f) + "-" + string(e)
	if n > 1 {
		name += "." + strconv.Itoa(n)
	}
	return name
}

func functionPart(f FunctionID) string {
	part := f.Name
	if f.Qualifier != "" {
		part += "." + f.Qualifier
	}
	if len(part) > maxFunctionPart {
		sum := hash(part)
		part = part[:maxFunctionPart-len(sum)-1] + "." + sum
	}
	return part
}

// ruleEvent tells which event a rule of ours is for; ok is false for another name.
func ruleEvent(f FunctionID, name string) (e Event, ok bool) {
	rest, ok := strings.CutPrefix(name, rulePrefix+functionPart(f)+"-")
	if !ok {
		return "", false
	}
	m := ruleEnd.FindStringSubmatch(rest)
	if m == nil {
		return "", false
	}
	return Event(m[1]), true
}

var ruleEnd = regexp.MustCompile(`^(native|custom)(?:\.[1-9][0-9]{0,2})?$`)

// statementID returns the id of the permission for a rule, in the policy of its
// function: [a-zA-Z0-9-_], so the bus goes into a hash.
// https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
func statementID(bus, rule string, e Event) string {
	return rulePrefix + string(e) + "-" + hash(bus+"/"+rule)
}

// targetID is that of our target in a rule of ours.
const targetID = "secrets-rotation"

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// ruleARN returns the ARN of a rule beside the function.
func ruleARN(f FunctionID, bus, name string) string {
	resource := "rule/" + name
	if bus != DefaultBus {
		resource = "rule/" + bus + "/" + name
	}
	return arn.ARN{Partition: f.Partition, Service: "events", Region: f.Region, AccountID: f.Account, Resource: resource}.String()
}

// busOfRule takes the ARN of a rule apart.
func busOfRule(rule string) (bus, name string, ok bool) {
	a, err := arn.Parse(rule)
	rest, isRule := strings.CutPrefix(a.Resource, "rule/")
	if err != nil || a.Service != "events" || !isRule {
		return "", "", false
	}
	if i := strings.LastIndex(rest, "/"); i >= 0 {
		return rest[:i], rest[i+1:], true
	}
	return DefaultBus, rest, true
}

// busName returns the name of the bus that a user gave by name or ARN. A rule can
// only be on a bus of the function's account and Region.
func busName(bus string, f FunctionID) (string, error) {
	if bus == "" {
		return DefaultBus, nil
	}
	if !strings.HasPrefix(bus, "arn:") {
		if !busNames.MatchString(bus) {
			return "", fmt.Errorf("event bus %q is none, want a name or arn:PARTITION:events:REGION:ACCOUNT:event-bus/NAME", bus)
		}
		return bus, nil
	}
	a, err := arn.Parse(bus)
	name, ok := strings.CutPrefix(a.Resource, "event-bus/")
	if err != nil || a.Service != "events" || !ok || !busNames.MatchString(name) {
		return "", fmt.Errorf("event bus %q is none, want a name or arn:PARTITION:events:REGION:ACCOUNT:event-bus/NAME", bus)
	}
	if f.Account != "" && (a.AccountID != f.Account || a.Region != f.Region) {
		return "", fmt.Errorf("event bus %q is not in the account and Region of function %q (%s, %s), want one of them", bus, f, f.Account, f.Region)
	}
	return name, nil
}

var busNames = regexp.MustCompile(`^[/.\-_A-Za-z0-9]{1,256}$`)
