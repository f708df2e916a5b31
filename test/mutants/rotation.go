package main

// The other side of a rotation: what is written to AWS, and what is left alone.
func init() {
	const wiring = "rotation/wiring/"
	mutants = append(mutants, []mutant{
		{
			Rule: "a target that hands on something else than the event is put right", File: wiring + "apply.go",
			Old: " && !rewrites(t) {", New: " {", Package: "./cmd/rotation", Tests: "TestWhatSetupPutsRight",
		},
		{
			Rule: "a target that EventBridge refuses in an answer of status 200 fails the set-up", File: wiring + "apply.go",
			Old: "if len(failed) == 0 {", New: "if len(failed) >= 0 {", Package: "./cmd/rotation", Tests: "TestTargetsThatAreRefused",
		},
		{
			Rule: "tags go with a new rule, so that a teardown finds it", File: wiring + "apply.go",
			Old: "in.Tags = tags(f)", New: "_ = f", Package: "./cmd/rotation", Tests: "TestSetupIsIdempotentAndTeardownComplete",
		},
		{
			Rule: "a permission under our id that lets in another rule stays", File: wiring + "removal.go",
			Old: "ok && s.sourceARN() == r.arn", New: "ok && s.Sid != \"\"", Package: "./cmd/rotation", Tests: "TestScopeOfTeardown",
		},
		{
			Rule: "a rule with targets of somebody else stays", File: wiring + "removal.go",
			Old: "if len(others) > 0 {", New: "if len(others) > 99 {", Package: "./cmd/rotation", Tests: "TestTargetsOfOthersStay",
		},
		{
			Rule: "a permission whose rule is there and not ours stays", File: wiring + "removal.go",
			Old: "if !r.exists {", New: "if !r.exists || true {", Package: "./cmd/rotation", Tests: "TestScopeOfTeardown|TestWhatIsNotOursStays",
		},
		{
			Rule: "only a permission whose id follows from its rule is ours", File: wiring + "permission.go",
			Old: "ok && s.Sid == statementID(bus, name, e)", New: "ok", Package: "./cmd/rotation", Tests: "TestPermissionsOfOthersStay",
		},
		{
			Rule: "an event that EventBridge refuses in an answer of status 200 is an error", File: "rotation/notify.go",
			Old: "r.ErrorCode != nil || out.FailedEntryCount > 0", New: "r.ErrorCode == nil && out.FailedEntryCount > 0", Package: "./rotation", Tests: "TestNotifyFails",
		},
		{
			Rule: "no event is sent whose source EventBridge would keep for AWS", File: "rotation/notify.go",
			Old: `strings.HasPrefix(m.Source, "aws.")`, New: `strings.HasPrefix(m.Source, "aws.aws.")`, Package: "./cmd/rotation", Tests: "TestUsage|TestVariablesThatWouldMatchNothing",
		},
	}...)
}
