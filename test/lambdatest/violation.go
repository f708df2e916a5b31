package lambdatest

import (
	"fmt"
	"slices"
)

// A rule of Lambda that a participant can break, as the documentation has it.
type rule string

const (
	extensionsAPI = " (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html)"
	runtimeAPI    = " (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)"
	lifecycle     = " (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)"

	ruleName       rule = "an external extension registers with the full file name of its executable; any other name is taken for an internal extension, which cannot have SHUTDOWN" + extensionsAPI
	ruleRegister   rule = "every extension registers exactly once, before the runtime starts" + extensionsAPI
	ruleIdentifier rule = "every call after Register carries the Lambda-Extension-Identifier that Register answered" + extensionsAPI
	ruleEvents     rule = "an extension may register for INVOKE and SHUTDOWN, on Managed Instances only for SHUTDOWN" + extensionsAPI
	ruleNext       rule = "an extension asks for one event at a time, without a time-out, since the process is frozen while it waits" + extensionsAPI
	ruleShutdown   rule = "after SHUTDOWN an extension ends its work and exits within the deadline" + extensionsAPI
	ruleError      rule = "init/error and exit/error carry a Lambda-Extension-Function-Error-Type such as Extension.Reason and a JSON body; init/error is for the time before the first Next" + extensionsAPI
	ruleExit       rule = "after init/error or exit/error an extension makes no more calls and exits at once; one that stays alive hangs the function until it times out" + extensionsAPI

	ruleStart    rule = "the runtime starts when all extensions have registered" + lifecycle
	ruleRuntime  rule = "a runtime answers an invocation with response or error, once, before it asks for the next one" + runtimeAPI
	ruleID       rule = "a runtime answers with the Lambda-Runtime-Aws-Request-Id of the invocation under way" + runtimeAPI
	ruleMode     rule = "Lambda-Runtime-Function-Response-Mode is streaming or absent" + runtimeAPI
	rulePath     rule = "there is /2020-01-01/extension of the Extensions API and /2018-06-01/runtime of the Runtime API, nothing else" + runtimeAPI
	ruleNotAgain rule = "nothing registers or asks for events after the environment has ended" + lifecycle
)

// violate reports a broken rule: what was wrong and what was wanted, then the
// rule itself. Participants of an environment that has been closed report
// nothing.
func (l *Lambda) violate(r rule, format string, args ...any) {
	message := fmt.Sprintf("%s. Lambda's rule: %s", fmt.Sprintf(format, args...), r)
	l.reportMu.Lock()
	defer l.reportMu.Unlock()
	if l.silent {
		return
	}
	l.violations = append(l.violations, message)
	if l.o.TB != nil {
		l.o.TB.Helper()
		l.o.TB.Errorf("lambdatest: %s", message)
	}
}

// Violations returns the broken rules that have been reported so far.
func (l *Lambda) Violations() []string {
	l.reportMu.Lock()
	defer l.reportMu.Unlock()
	return slices.Clone(l.violations)
}

// line takes one line of a process's output.
func (l *Lambda) line(source, text string) {
	l.reportMu.Lock()
	defer l.reportMu.Unlock()
	tagged := fmt.Sprintf("[%s] %s", source, text)
	l.log.WriteString(tagged + "\n")
	if l.o.Output != nil {
		_, _ = fmt.Fprintln(l.o.Output, tagged)
	}
	if l.o.TB != nil && !l.silent {
		l.o.TB.Logf("%s", tagged)
	}
}

// Log returns the output of all processes so far, every line after the name of
// its process: "[my-extension] ready". The runtime's name is "runtime".
func (l *Lambda) Log() string {
	l.reportMu.Lock()
	defer l.reportMu.Unlock()
	return l.log.String()
}
