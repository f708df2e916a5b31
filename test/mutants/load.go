package main

// The first use after a load that failed.
func init() {
	mutants = append(mutants, mutant{
		Rule: "what could not be loaded for the moment is tried again on first use", File: "cache/ahead.go",
		Old: "			c.forgive(id)\n", New: "", Package: "./cache", Tests: "TestFailedLoadIsTriedAgainAtOnce",
	}, mutant{
		Rule: "a final error of a load stays", File: "cache/ahead.go",
		Old: " && AsError(id, e.err).Transient() {", New: " {", Package: "./cache", Tests: "TestFailedLoadIsTriedAgainAtOnce",
	}, mutant{
		Rule: "the time box of the load is not that of the reads after it", File: "cache/cache.go",
		Old: " && e.err == nil && box > 0", New: " && box > 0", Package: "./cache", Tests: "TestFailedLoadIsTriedAgainAtOnce",
	})
}
