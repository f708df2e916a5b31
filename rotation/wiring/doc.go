// Package wiring brings rotation events to Lambda functions.
//
// [Clients.Plan] works out the rule, the target and the permission that bring the
// event of Secrets Manager, or that of [rotation.Notify], to a function, and
// [Plan.Apply] makes them. [Clients.Verify] proves that events arrive, or says what
// is missing, and [Clients.PlanRemoval] takes away what was made, and nothing else:
//
//	c := wiring.NewClients(cfg)
//	plan, err := c.Plan(ctx, wiring.Spec{Function: wiring.FunctionID{Name: "orders"}, Secrets: []string{"prod/db"}})
//	…
//	err = plan.Apply(ctx, func(s wiring.Step) { log.Print(s.Change, s.Resource, s.Name) })
package wiring
