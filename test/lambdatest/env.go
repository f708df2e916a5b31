package lambdatest

import (
	"slices"
	"strconv"
	"strings"
)

// Env returns the environment of the runtime as Lambda sets it, and after that
// Options.Env without duplicates. It has credentials that are good for fakes
// only; with SnapStart it has the container credentials instead of keys.
func (l *Lambda) Env() []string {
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + l.API(),
		"AWS_LAMBDA_FUNCTION_NAME=" + l.o.Function,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_INITIALIZATION_TYPE=" + l.o.InitializationType,
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + l.o.Function,
		"AWS_LAMBDA_LOG_STREAM_NAME=2020/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_XRAY_DAEMON_ADDRESS=169.254.79.129:2000",
		"AWS_REGION=" + l.o.Region,
		"AWS_DEFAULT_REGION=" + l.o.Region,
		"LAMBDA_TASK_ROOT=/var/task",
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"LANG=en_US.UTF-8",
		"LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin",
		"TZ=:UTC",
		"_HANDLER=bootstrap",
	}
	switch l.o.InitializationType {
	case SnapStart:
		env = append(env,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI="+l.o.CredentialsURL,
			"AWS_CONTAINER_AUTHORIZATION_TOKEN="+l.o.CredentialsToken)
	case ManagedInstances:
		env = append(env, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(l.o.MaxConcurrency))
		fallthrough
	default:
		env = append(env,
			"AWS_ACCESS_KEY_ID=AKIDLAMBDATEST",
			"AWS_SECRET_ACCESS_KEY=lambdatest-secret-key",
			"AWS_SESSION_TOKEN=lambdatest-session-token")
	}
	return merge(env, l.o.Env)
}

// ExtensionEnv returns the environment of an extension: that of the function
// less what only the runtime is given.
func (l *Lambda) ExtensionEnv() []string {
	return slices.DeleteFunc(l.Env(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "AWS_EXECUTION_ENV", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT":
			return true
		}
		return strings.HasPrefix(name, "_") || strings.HasPrefix(name, "AWS_XRAY_") ||
			strings.HasPrefix(name, "AWS_LAMBDA_LOG_") && strings.HasSuffix(name, "_NAME")
	})
}

// merge appends more to env; a name that occurs twice keeps its last value, at
// its first place.
func merge(env, more []string) []string {
	var merged []string
	place := map[string]int{}
	for _, v := range slices.Concat(env, more) {
		name, _, _ := strings.Cut(v, "=")
		if i, ok := place[name]; ok {
			merged[i] = v
			continue
		}
		place[name] = len(merged)
		merged = append(merged, v)
	}
	return merged
}
