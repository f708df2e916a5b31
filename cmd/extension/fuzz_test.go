package main

import (
	"math/big"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzConfig sets two variables of the function. Each is taken or refused as its row
// of the table says, by itself and by name, and no error has the content of one that
// may hold a password.
func FuzzConfig(f *testing.F) {
	f.Add("SECRETS_MANAGER_TTL", "300", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", "")
	f.Add("AWS_ENDPOINT_URL", "http://[::1]:80", "AWS_USE_FIPS_ENDPOINT", "true")
	f.Add("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", "AWS_ACCESS_KEY_ID", "")
	f.Add("HTTPS_PROXY", "user:pass-word@proxy:1", "AWS_CA_BUNDLE", "/ca.pem")
	f.Add("HTTPS_PROXY", "http://user:pass word@a b", "AWS_TOKEN", "t0k3n t0k3n")
	f.Add("SECRET", "A=b#c", "SECRETS_KEY", "SECRET")
	f.Add("SECRETS_DOTENV_PATH", "/", "AWS_REGION", "\xff")
	for name := range numbers {
		f.Add(name, "0", "SECRETS_MAX_STALE", "007")
		f.Add(name, "-0", "SECRETS_MANAGER_TTL", "99999999999999999999")
		f.Add("SECRETS_DOTENV_PATH", "/a/../b", name, "1_0")
	}
	for name, w := range words {
		f.Add(name, strings.ToUpper(w.known[0]), "AWS_ENDPOINT_URL", "")
		f.Add(name, "İ", "SECRETS_DOTENV_PATH", "oFf")
	}
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		if strings.HasPrefix(value1, "file:") || strings.HasPrefix(value2, "file:") {
			return // reads files of the machine
		}
		set := vars{name1: value1, name2: value2}
		c, err := parse(with(set))
		said := ""
		if err != nil {
			said = err.Error()
			if n := len(problems(err)); n != strings.Count(said, "\n")+1 {
				t.Errorf("%d problems in %q", n, said)
			}
		}
		for name, value := range set {
			checkVariable(t, &c, name, value, said)
			if mayHoldPassword(name) {
				for _, hidden := range []string{canary + value, value + canary} {
					_, err := parse(with(vars{name1: value1, name2: value2, name: hidden}))
					if err != nil && strings.Contains(err.Error(), canary) {
						t.Errorf("%s is told of: %v", name, err)
					}
				}
			}
		}
		if err == nil && (c.TTL+c.MaxStale < 0 || c.Port == 0 || c.AWS.Region == "" || c.Initialization == "") {
			t.Errorf("bad configuration without a problem: TTL %v, stale %v, port %d, Region %q", c.TTL, c.MaxStale, c.Port, c.AWS.Region)
		}
	})
}

func mayHoldPassword(name string) bool {
	return slices.Contains([]string{
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_ENDPOINT_URL",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	}, name)
}

// number is a row of the table whose value is a whole number.
type number struct {
	least, most, unset int64 // most 0: no limit
	unit               time.Duration
	got                func(*config) int64
}

var numbers = map[string]number{
	"SECRETS_MANAGER_TTL":                          {0, 0, 300, time.Second, func(c *config) int64 { return int64(c.TTL) }},
	"SECRETS_MAX_STALE":                            {0, 0, 3600, time.Second, func(c *config) int64 { return int64(c.MaxStale) }},
	"SECRETS_MANAGER_TIMEOUT_MILLIS":               {0, 0, 3000, time.Millisecond, func(c *config) int64 { return int64(c.FetchTimeout) }},
	"SECRETS_INIT_TIMEOUT_MILLIS":                  {1, 0, 5000, time.Millisecond, func(c *config) int64 { return int64(c.InitTimeout) }},
	"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE":      {0, 100_000, 1000, 1, func(c *config) int64 { return int64(c.CacheSize) }},
	"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": {1, 1000, 8, 1, func(c *config) int64 { return int64(c.AWS.MaxConns) }},
	"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT":       {1, 65535, 2773, 1, func(c *config) int64 { return int64(c.Port) }},
}

// word is a row of the table whose value is one of some words, in any case. The
// first is the default.
type word struct {
	known []string
	got   func(*config) bool // is it the first
}

var words = map[string]word{
	"SECRETS_ON_INIT_ERROR":      {[]string{"fail", "continue"}, func(c *config) bool { return c.Strict }},
	"SECRETS_RUNTIME_PROXY":      {[]string{"off", "on"}, func(c *config) bool { return c.ProxyPort == 0 }},
	"AWS_USE_DUALSTACK_ENDPOINT": {[]string{"false", "true"}, func(c *config) bool { return !c.AWS.DualStack }},
}

var digits = regexp.MustCompile(`^[0-9]+$`)

// checkVariable holds what became of one variable to its row.
func checkVariable(t *testing.T, c *config, name, value, said string) {
	t.Helper()
	refused := strings.Contains("\n"+said, "\n"+name+": got ")
	if n, ok := numbers[name]; ok {
		want, fits := n.read(value)
		if name == "SECRETS_MANAGER_TTL" && c.CacheSize == 0 {
			return // no cache keeps nothing
		}
		if fits == refused || n.got(c) != want {
			t.Errorf("%s=%q is %d, want %d; refused: %t, want %t: %s", name, value, n.got(c), want, refused, !fits, said)
		}
	}
	if w, ok := words[name]; ok {
		i := slices.Index(w.known, strings.ToLower(value))
		fits := i >= 0 || value == ""
		if name == "AWS_USE_DUALSTACK_ENDPOINT" && c.AWS.Endpoint != "" {
			return // they exclude each other
		}
		if fits == refused || w.got(c) != (i < 1) {
			t.Errorf("%s=%q is the default: %t, want %t; refused: %t, want %t: %s", name, value, w.got(c), i < 1, refused, !fits, said)
		}
	}
	switch name {
	case "SECRETS_DOTENV_PATH":
		want := path.Clean(value)
		switch {
		case value == "":
			want = defaultDotenvPath
		case strings.ToLower(value) == "off":
			want = ""
		case value[0] != '/' || value[len(value)-1] == '/' || strings.Contains(value, "\x00"):
			if !refused {
				t.Errorf("%q is taken for the path of a file", value)
			}
			return
		}
		if refused || c.DotenvPath != want {
			t.Errorf("%q is %q, want %q: %s", value, c.DotenvPath, want, said)
		}
	case "AWS_REGION":
		if fits := regexp.MustCompile(`^[A-Za-z0-9-]+$`).MatchString(value); value != "" && fits == refused {
			t.Errorf("%q is refused: %t", value, refused)
		}
	}
}

// read returns what value means in the smallest unit there is.
func (n number) read(value string) (want int64, fits bool) {
	i, unset := new(big.Int), n.unset*int64(n.unit)
	switch {
	case value == "":
		return unset, true
	case !digits.MatchString(value):
		return unset, false
	}
	i.SetString(value, 10)
	if i.Cmp(big.NewInt(n.least)) < 0 || n.most > 0 && i.Cmp(big.NewInt(n.most)) > 0 {
		return unset, false
	}
	i.Mul(i, big.NewInt(int64(n.unit)))
	if i.Cmp(big.NewInt(int64(forever))) > 0 {
		return int64(forever), true
	}
	return i.Int64(), true
}
