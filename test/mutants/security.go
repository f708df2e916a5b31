package main

// What SECURITY.md says, seen from outside the binary.
func init() {
	mutants = append(mutants, mutant{
		Rule: "no value is logged", File: "cmd/extension/agent.go",
		Old: "Changed: func() { _ = a.variables.Publish() },", New: `Changed: func() { _ = a.variables.Publish(); log.Info("changed", "vars", a.current().Values) },`,
		Package: "./test/security", Tests: "TestNothingPrintsAValue",
	})
}

func init() {
	mutants = append(mutants, mutant{
		Rule: "no core file while secrets are held", File: "cmd/extension/run.go",
		Old: "	noCoreFile()\n", New: "", Package: "./test/security", Tests: "TestNothingPrintsAValue",
	})
}
