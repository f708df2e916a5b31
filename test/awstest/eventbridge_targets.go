package awstest

import (
	"fmt"
	"slices"
	"strings"
)

// maxTargets is how many targets a rule may have.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
const maxTargets = 5

// failedEntry is the refusal of one target in an answer of status 200.
type failedEntry struct {
	TargetID     string `json:"TargetId"`
	ErrorCode    string
	ErrorMessage string
}

type failedEntries struct {
	FailedEntryCount int
	FailedEntries    []failedEntry
}

func (f *failedEntries) add(id string, why *eventError) {
	f.FailedEntryCount++
	f.FailedEntries = append(f.FailedEntries, failedEntry{id, why.code, why.message})
}

// putTargets adds targets, and replaces those whose id is there.
func (e *EventBridge) putTargets(req eventRequest) (any, *eventError) {
	r, failure := e.rule(req.EventBusName, req.Rule)
	if failure != nil {
		return nil, failure
	}
	if n := len(req.Targets); n < 1 || n > 100 {
		return nil, constraint("targets", fmt.Sprintf("[%d targets]", n), "have length between 1 and 100")
	}
	targets := slices.Clone(r.targets)
	out := failedEntries{FailedEntries: []failedEntry{}}
	for i, t := range req.Targets {
		if failure := checkName(fmt.Sprintf("targets.%d.member.id", i+1), t.ID, 64); failure != nil {
			return nil, failure
		}
		if strings.Count(t.ARN, ":") < 5 || !strings.HasPrefix(t.ARN, "arn:") {
			return nil, eventInvalid("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", t.ARN)
		}
		if f := e.fault("events:PutTargets", true); f != nil {
			out.add(t.ID, f)
			continue
		}
		if at := slices.IndexFunc(targets, func(old eventTarget) bool { return old.ID == t.ID }); at >= 0 {
			targets[at] = t
		} else {
			targets = append(targets, t)
		}
	}
	if len(targets) > maxTargets {
		return nil, &eventError{code: "LimitExceededException", message: "The requested resource exceeds the maximum number allowed."}
	}
	r.targets = targets
	return out, nil
}

func (e *EventBridge) removeTargets(req eventRequest) (any, *eventError) {
	r, failure := e.rule(req.EventBusName, req.Rule)
	if failure != nil {
		return nil, failure
	}
	if n := len(req.IDs); n < 1 || n > 100 {
		return nil, constraint("ids", fmt.Sprint(req.IDs), "have length between 1 and 100")
	}
	out := failedEntries{FailedEntries: []failedEntry{}}
	for _, id := range req.IDs {
		at := slices.IndexFunc(r.targets, func(t eventTarget) bool { return t.ID == id })
		switch f := e.fault("events:RemoveTargets", true); {
		case f != nil:
			out.add(id, f)
		case at < 0:
			out.add(id, eventNotFound("Rule %s on EventBus %s has no target with the id %s.", r.name, r.bus, id))
		default:
			r.targets = slices.Delete(slices.Clone(r.targets), at, at+1)
		}
	}
	return out, nil
}

func (e *EventBridge) listTargetsByRule(req eventRequest) (any, *eventError) {
	r, failure := e.rule(req.EventBusName, req.Rule)
	if failure != nil {
		return nil, failure
	}
	var out struct {
		Targets   []eventTarget
		NextToken string `json:",omitempty"`
	}
	targets := append([]eventTarget{}, r.targets...)
	out.Targets, out.NextToken, failure = pageOf(e, req, targets, func(t eventTarget) string { return t.ID })
	return out, failure
}

func (e *EventBridge) listRuleNamesByTarget(req eventRequest) (any, *eventError) {
	b, failure := e.bus(req.EventBusName)
	if failure != nil {
		return nil, failure
	}
	out := struct {
		RuleNames []string
		NextToken string `json:",omitempty"`
	}{RuleNames: []string{}}
	for name, r := range b.rules {
		if slices.ContainsFunc(r.targets, func(t eventTarget) bool { return t.ARN == req.TargetArn }) {
			out.RuleNames = append(out.RuleNames, name)
		}
	}
	out.RuleNames, out.NextToken, failure = pageOf(e, req, out.RuleNames, func(name string) string { return name })
	return out, failure
}
