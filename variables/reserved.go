package variables

import "strings"

// A variable is reserved when setting it makes a process run other code, look
// for code, configuration or trust elsewhere, or lose what the platform told
// it: nothing that the content of a secret should decide. Proxies, locales,
// time zones and the settings of frameworks are left alone: people keep them in
// secrets, and a proxy alone cannot read what TLS protects.
//
// The names are those that
//   - Lambda sets, and says not to set:
//     https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
//   - the loader and libc ignore in setuid programs: ld.so(8), and glibc's list
//     of unsecure variables (sysdeps/generic/unsecvars.h)
//   - sudo takes out of every environment: sudoers(5), "Command environment"
//   - shells obey, or hold read-only: bash(1), dash(1), zshall(1). A read-only
//     one in the dotenv file would end the shell that reads it, in POSIX mode.
//   - language runtimes obey: node(1), python(1), ruby(1), perlrun(1), java(1),
//     php(1), the documentation of .NET's runtime configuration and Go's runtime
//
// Case matters, as it does to Linux.
var reservedNames = set(
	// Our own.
	"SECRET",
	// Lambda.
	"_HANDLER",
	// Any process.
	"PATH", "HOME", "TMPDIR",
	"GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH",
	"NIS_PATH", "NLSPATH", "RES_OPTIONS", "RESOLV_HOST_CONF", "TZDIR", "TERMCAP", "TERMINFO", "TERMINFO_DIRS",
	// TLS: what is trusted, and where session keys are written.
	"OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "SSLKEYLOGFILE",
	"SSL_CERT_DIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
	// Shells.
	"BASHOPTS", "CDPATH", "ENV", "FPATH", "GLOBIGNORE", "IFS", "NULLCMD", "PROMPT_COMMAND",
	"PS4", "READNULLCMD", "SHELL", "SHELLOPTS", "ZDOTDIR", "EUID", "PPID", "UID",
	// Node.js.
	"NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "NODE_TLS_REJECT_UNAUTHORIZED",
	"NODE_V8_COVERAGE",
	// Java.
	"_JAVA_OPTIONS", "CLASSPATH", "JAVA_HOME", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS",
	// Ruby, Perl, PHP, Go, .NET.
	"BUNDLE_GEMFILE", "GEM_HOME", "GEM_PATH", "RUBYGEMS_GEMDEPS", "RUBYLIB", "RUBYOPT", "RUBYSHELL",
	"PERLIO_DEBUG", "PERLLIB", "PERL_UNICODE",
	"PHPRC", "PHP_INI_SCAN_DIR",
	"GOCOVERDIR", "GODEBUG", "GOTRACEBACK",
	"ASPNETCORE_HOSTINGSTARTUPASSEMBLIES",
)

// reservedFamilies are the beginnings of reserved names.
var reservedFamilies = []string{
	"SECRETS_", "PARAMETERS_SECRETS_",
	"AWS_", "LAMBDA_", "_AWS_", "_LAMBDA_", "_X_AMZN_",
	"LD_", "_RLD", "DYLD_", "MALLOC_", "BASH_",
	"PYTHON", "PERL5", "LUA_CPATH", "LUA_INIT", "LUA_PATH",
	"DOTNET_", "CORECLR_", "COMPlus_",
}

func reserved(name string) bool { return reservedNames[name] || reservedFamily(name) }

// reservedFamily reports whether every name that begins with prefix is reserved.
func reservedFamily(prefix string) bool {
	for _, f := range reservedFamilies {
		if strings.HasPrefix(prefix, f) {
			return true
		}
	}
	return false
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}
