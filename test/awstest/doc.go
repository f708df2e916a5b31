// Package awstest is a fake of AWS Secrets Manager that the real AWS SDKs talk to,
// and of what stands around it when a secret rotates.
//
// It keeps secrets in memory, moves staging labels as the service does, answers
// with the service's own errors and texts, and fails on request in every way
// that a network can:
//
//	aws := awstest.New()
//	defer aws.Close()
//	aws.Put("prod/db", `{"password":"one"}`)
//	cmd.Env = append(cmd.Env, aws.Env()...) // or give aws.URL() to an SDK as its endpoint
//	aws.Fail(awstest.Fault{Kind: awstest.Throttling, SecretID: "prod/db", Times: 2})
//
// [SecretsManager.Calls] says what was asked. [NewCredentials] fakes the endpoint
// that hands out temporary keys, and [NewWire] a network that goes silent, as it
// does for a Lambda function that was frozen.
//
// [NewEventBridge] is a fake of Amazon EventBridge: rules match as AWS's engine
// does, [EventBridge.Deliver] says where events go, and [SecretsManager.OnLabel]
// with [EventBridge.Emit] brings every move of a label to its default bus;
// [EventBridge.SetDisorder] has events come twice and out of order. [NewLambda] and
// [NewIAM] are what there is to know of a function and its role.
//
// Nothing here needs a *testing.T.
// Helpers that are called with a secret or version that does not exist panic.
package awstest
