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
// Package wiring brings that event to functions, and the one that Secrets Manager
// itself sends for every secret, with no code at all.
package rotation
