package main

// What docs/lifecycle.md says of the built layer in an execution environment, a
// rule or more for each of its rows, in their order.
func init() {
	mutants = append(mutants, []mutant{
		{
			Rule: "an init does not wait for longer than its time box", File: "cmd/extension/agent.go",
			Old: "context.WithTimeout(ctx, a.cfg.InitTimeout)", New: "context.WithCancel(ctx)", Package: emulated, Tests: "TestSlowSecretsManagerAtInit",
		},
		{
			Rule: "what comes after the init is written to the file", File: "cmd/extension/agent.go",
			Old: "		Changed: func() { _ = a.variables.Publish() },\n", New: "", Package: emulated, Tests: "TestSlowSecretsManagerAtInit",
		},
		{
			Rule: "an init that fails is reported as one", File: "cmd/extension/lambda.go",
			Old: "report(ctx, s.InitError, errInit, loadErr)", New: "report(ctx, s.ExitError, errInit, loadErr)", Package: emulated, Tests: "TestMissingSecretFailsInit",
		},
		{
			Rule: "an extension that has reported its failure exits", File: "cmd/extension/main.go",
			Old: "	if err != nil {\n		os.Exit(1)\n	}\n", New: "	if err != nil {\n		select {}\n	}\n", Package: emulated, Tests: "TestMissingSecretFailsInit",
		},
		{
			Rule: "the file is written before the runtime starts", File: "cmd/extension/lambda.go",
			Old: "early := !snapshot && (a.cfg.DotenvPath != \"\" || a.cfg.Wrapper)", New: "early := false", Package: emulated, Tests: "TestFunctionTimeoutRestartsInTheSameTmp",
		},
		{
			Rule: "the file goes with the extension, also where the function has panicked", File: "cmd/extension/agent.go",
			Old: "err := a.variables.Close(); err != nil", New: "err := error(nil); err != nil", Package: emulated, Tests: "TestFunctionThatEnds/panic",
		},
		{
			Rule: "SHUTDOWN ends the process, also where the function has exited", File: "cmd/extension/lambda.go",
			Old: "		defer cancel() // the end of the event loop, orderly or not, ends the rest\n", New: "", Package: emulated, Tests: "TestFunctionThatEnds/exit",
		},
		{
			Rule: "a load waits for its answers, also in the second init", File: "cache/ahead.go",
			Old: "	wg.Wait()\n	return failed\n", New: "	return map[string]error{}\n", Package: emulated, Tests: "TestFunctionThatEndsInItsInit",
		},
		{
			Rule: "a file that a killed extension left is replaced", File: "dotenv/file.go",
			Old: "	return root.Rename(temp, name)\n", New: "	return root.Link(temp, name)\n", Package: emulated, Tests: "TestExtensionKilled",
		},
		{
			Rule: "no connection from before a freeze is used after it", File: "cache/awssm/transport.go",
			Old: "		IdleConnTimeout:        idleTimeout,\n", New: "", Package: emulated, Tests: "TestThawWithDeadConnections",
		},
		{
			Rule: "on Managed Instances only SHUTDOWN is registered", File: "extension/extension.go",
			Old: "		return []EventType{Shutdown}\n", New: "		return []EventType{Invoke, Shutdown}\n", Package: emulated, Tests: "TestManagedInstancesWith32Invocations",
		},
		{
			Rule: "the endpoint has room for all invocations of a Managed Instance at once", File: "localhttp/server.go",
			Old: "const defaultMaxConns = 800\n", New: "const defaultMaxConns = 16\n", Package: emulated, Tests: "TestManagedInstancesWith32Invocations",
		},
		{
			Rule: "whoever asks after a rotation was answered gets the new value", File: "cache/rotate.go",
			Old: "	s, err := c.look(ctx, e, f, ch, before)\n	if err != nil {\n", New: "	s, err := &Secret{VersionID: ch.VersionID}, error(nil)\n	if _ = f; err != nil {\n", Package: emulated, Tests: "TestManagedInstancesWith32Invocations",
		},
		{
			Rule: "nothing is written into a snapshot", File: "cmd/extension/lambda.go",
			Old: "early := !snapshot && (", New: "early := (", Package: emulated, Tests: "TestSnapStart",
		},
		{
			Rule: "the first event after a restore loads", File: "cmd/extension/agent.go",
			Old: "		a.restored = a.load(ctx)\n", New: "", Package: emulated, Tests: "TestSnapStart",
		},
		{
			Rule: "SHUTDOWN waits for the requests under way", File: "localhttp/server.go",
			Old: "	err := s.http.Shutdown(ctx)\n", New: "	err := s.http.Close()\n", Package: emulated, Tests: "TestShutdownUnderLoad",
		},
		{
			Rule: "SHUTDOWN does not wait for a connection over which nothing came", File: "localhttp/limit.go",
			Old: "	for conn := range c.silent {\n		_ = conn.Close()\n	}\n", New: "", Package: emulated, Tests: "TestShutdownUnderLoad",
		},
		{
			Rule: "the file goes after the last request", File: "variables/file.go",
			Old: "	if !f.exists {\n", New: "	if f.exists {\n", Package: emulated, Tests: "TestShutdownUnderLoad",
		},
		{
			Rule: "the extension registers as what its file is called", File: "cmd/extension/main.go",
			Old: "const name = \"aws-secretsmanager\"\n", New: "const name = \"aws-secrets\"\n", Package: emulated, Tests: "TestTenExtensionsSideBySide",
		},
		{
			Rule: "an invocation does not wait for an extension that has nothing to do", File: "cmd/extension/lambda.go",
			Old: "	a.cache.RefreshAhead(ctx)\n	return nil\n", New: "	<-ctx.Done()\n	return nil\n", Package: emulated, Tests: "TestTenExtensionsSideBySide",
		},
		{
			Rule: "the file that the runtime finds is its owner's alone", File: "dotenv/file.go",
			Old: "os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600", New: "os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644", Package: emulated, Tests: "TestUnprivilegedOnAReadOnlyRoot",
		},
		{
			Rule: "nothing but /tmp is written", File: "cmd/extension/config.go",
			Old: "defaultDotenvPath = \"/tmp/secrets.env\"", New: "defaultDotenvPath = \"/var/secrets.env\"", Package: emulated, Tests: "TestUnprivilegedOnAReadOnlyRoot",
		},
		{
			Rule: "of an answer no more is kept than the secret", File: "cache/awssm/awssm.go",
			Old:     "func secretOf(q cache.Query, out *secretsmanager.GetSecretValueOutput) (*cache.Secret, error) {\n",
			New:     "var kept = make(chan []byte, 1000)\n\nfunc secretOf(q cache.Query, out *secretsmanager.GetSecretValueOutput) (*cache.Secret, error) {\n	b := make([]byte, maxAnswer)\n	for i := range b {\n		b[i] = 1\n	}\n	kept <- b\n",
			Package: emulated, Tests: "TestAHundredGreatestSecretsIn128MB",
		},
	}...)
}
