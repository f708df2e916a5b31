// Package rotation is the other side of a rotation: it tells functions of it.
//
// A rotation function calls [Notify] when finishSecret has moved AWSCURRENT:
//
//	events := eventbridge.NewFromConfig(cfg)
//	…
//	_, err := rotation.Notify(ctx, events, rotation.Notification{SecretID: arn, VersionID: token})
//
// Its role needs one statement for that:
//
//	{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "arn:aws:events:REGION:ACCOUNT:event-bus/default"}
//
// Without any code, Secrets Manager itself sends an event for every secret to the
// default bus. [Clients.Plan] works out the rule, the target and the permission
// that bring either event to a function, [Plan.Apply] makes them,
// [Clients.Verify] proves that they work and [Clients.PlanRemoval] takes away
// what was made, and nothing else.
package rotation
