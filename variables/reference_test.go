package variables

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	tests := map[string][]Reference{
		"":                              nil,
		" ,\t, \n":                      nil,
		"MySecret":                      {{ID: "MySecret"}},
		"a,b c\td\ne\u00a0f,,g":         {{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}, {ID: "f"}, {ID: "g"}},
		"API_KEY=prod/api-key":          {{Name: "API_KEY", ID: "prod/api-key"}},
		"DB_PASSWORD=prod/db#password":  {{Name: "DB_PASSWORD", ID: "prod/db", Key: "password", HasKey: true}},
		"prod/db#password":              {{ID: "prod/db", Key: "password", HasKey: true}},
		"X=db#a#b=c":                    {{Name: "X", ID: "db", Key: "a#b=c", HasKey: true}},
		"DB_*=prod/db":                  {{Name: "DB_", Prefix: true, ID: "prod/db"}},
		"db*=prod/db":                   {{Name: "db", Prefix: true, ID: "prod/db"}},
		arn:                             {{ID: arn}},
		"X=" + arn + "#user":            {{Name: "X", ID: arn, Key: "user", HasKey: true}},
		"prod/a=b":                      {{ID: "prod/a=b"}},
		"1a=b":                          {{ID: "1a=b"}},
		"A=b=c":                         {{Name: "A", ID: "b=c"}},
		"rds!db-1 a/_+=.@-z":            {{ID: "rds!db-1"}, {ID: "a/_+=.@-z"}},
		"A=x B=x C=x#c":                 {{Name: "A", ID: "x"}, {Name: "B", ID: "x"}, {Name: "C", ID: "x", Key: "c", HasKey: true}},
		"A=x A=y":                       {{Name: "A", ID: "x"}, {Name: "A", ID: "y"}},
		strings.Repeat("i", 2048):       {{ID: strings.Repeat("i", 2048)}},
		"HTTPS_PROXY=p TZ=t path=lower": {{Name: "HTTPS_PROXY", ID: "p"}, {Name: "TZ", ID: "t"}, {Name: "path", ID: "lower"}},
	}
	for in, want := range tests {
		got, err := Parse(in)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Parse(%q): -want +got\n%s", in, diff)
		}
	}
}

func TestParseProblems(t *testing.T) {
	tests := map[string]string{
		"X=":                      `reference "X=": has no secret id`,
		"X_*=":                    `reference "X_*=": has no secret id`,
		"#key":                    `reference "#key": has no secret id`,
		"X=db#":                   `reference "X=db#": has no key after #`,
		"db#":                     `reference "db#": has no key after #`,
		"X_*=db#key":              `reference "X_*=db#key": a prefix is for all keys; want X_*=db`,
		"a b a":                   `reference "a": stands there twice`,
		"X=a#k X=a#k":             `reference "X=a#k": stands there twice`,
		"PATH=db":                 `reference "PATH=db": PATH is reserved`,
		"AWS_REGION=db#region":    `AWS_REGION is reserved`,
		"SECRETS_MANAGER_TTL=ttl": `SECRETS_MANAGER_TTL is reserved`,
		"db#LD_PRELOAD":           `LD_PRELOAD is reserved`,
		"db#my-key":               `the key "my-key" is no variable name; want a NAME for it`,
		"AWS_*=db":                `variables AWS_… are reserved`,
		"AWS_X_*=db":              `variables AWS_X_… are reserved`,
		"LD_*=db":                 `variables LD_… are reserved`,
		"PYTHON*=db":              `variables PYTHON… are reserved`,
		"LAMBDA_*=db":             `variables LAMBDA_… are reserved`,
		"*=db":                    `the secret id holds '*'`,
		`"MySecret"`:              `the secret id holds '"'`,
		"{{resolve}}":             `the secret id holds '{'`,
		"geheimnis-ß":             `the secret id holds 'ß'`,
		"a\xffb":                  `the secret id holds`,
		strings.Repeat("i", 2049): `the secret id has 2049 characters; want 2048 at most`,
	}
	for in, want := range tests {
		_, err := Parse(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want %s", in, err, want)
			continue
		}
		if lines := strings.Count(err.Error(), "\n") + 1; lines != 1 {
			t.Errorf("Parse(%.40q) reports %d problems, want 1: %v", in, lines, err)
		}
	}
}

func TestParseReportsAllProblemsAndKeepsTheRest(t *testing.T) {
	refs, err := Parse("good PATH=x X= AWS_*=y Y=good#k")
	if diff := cmp.Diff([]Reference{{ID: "good"}, {Name: "Y", ID: "good", Key: "k", HasKey: true}}, refs); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := strings.Split(err.Error(), "\n"); len(got) != 3 {
		t.Errorf("got %d problems %q, want 3", len(got), got)
	}
}

func TestIDs(t *testing.T) {
	refs, err := Parse("b A=a b#x C_*=a c")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, IDs(refs)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestReserved(t *testing.T) {
	for _, name := range strings.Fields(`PATH HOME IFS ENV LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES
		AWS_SECRET_ACCESS_KEY AWS_LAMBDA_RUNTIME_API AWS_PROFILE _AWS_XRAY_DAEMON_ADDRESS LAMBDA_TASK_ROOT
		_LAMBDA_TELEMETRY_LOG_FD _HANDLER _X_AMZN_TRACE_ID NODE_OPTIONS NODE_PATH NODE_TLS_REJECT_UNAUTHORIZED
		PYTHONPATH PYTHONSTARTUP RUBYOPT RUBYLIB GEM_PATH PERL5OPT PERL5LIB JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS
		_JAVA_OPTIONS CLASSPATH DOTNET_STARTUP_HOOKS CORECLR_PROFILER_PATH COMPlus_EnableDiagnostics BASH_ENV
		BASH_FUNC_x SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND GCONV_PATH GLIBC_TUNABLES MALLOC_TRACE GODEBUG
		GOTRACEBACK SSL_CERT_FILE UID SECRET SECRETS_KEY PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`) {
		if !reserved(name) {
			t.Errorf("%s is not reserved", name)
		}
	}
	for _, name := range strings.Fields(`password PASSWORD USER username HOST host PORT TZ LANG HTTP_PROXY HTTPS_PROXY
		NO_PROXY http_proxy NODE_ENV DD_API_KEY SECRET_KEY SECRETKEY CLIENT_SECRET AWS Path HOME_URL GITHUB_TOKEN
		NPM_TOKEN JAVA_KEYSTORE_PASSWORD DATABASE_URL LDAP_PASSWORD BUNDLE_RUBYGEMS__PKG__GITHUB__COM`) {
		if reserved(name) {
			t.Errorf("%s is reserved", name)
		}
	}
}
