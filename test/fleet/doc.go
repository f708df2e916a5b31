// Package fleet simulates the execution environments of a function while its secret
// is rotated: how long which of them use the old version, how often they are
// refused, and what that costs in calls to Secrets Manager.
//
// Each environment owns a real [cache.Cache], the one of the layer. Lambda, the
// traffic, Secrets Manager and the server that checks the credential are simulated,
// one event after the other, on the clock of a testing/synctest bubble:
//
//	synctest.Test(t, func(t *testing.T) { result = fleet.Run(fleet.Scenario{…}) })
//
// Nothing runs in an environment between its invocations, as in Lambda's sandbox.
// The same scenario with the same seed gives the same result, byte for byte.
// scripts/fleet-sim makes the tables and plots of docs/fleet.md with it, and tries
// settings that are given on its command line.
package fleet
