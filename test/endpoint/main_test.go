package endpoint

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// canary is part of every value, and must never be seen in what the binary prints.
	canary = "c4n4ry"
	region = "us-east-1"
	// patience is how long anything may take before it counts as hanging: the
	// emulators are Python programs on a busy machine.
	patience = time.Minute
)

var (
	wanted = flag.String("upstreams", "awstest", "what to test against: awstest, ministack (at MINISTACK_URL), moto (at MOTO_URL), separated by commas")

	binary string // the built extension
	places []place
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait more than they work
		panic(err)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	var err error
	if places, err = parsePlaces(*wanted, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "endpoint:", err)
		return 1
	}
	dir, err := os.MkdirTemp("", "endpoint")
	if err != nil {
		fmt.Fprintln(os.Stderr, "endpoint:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "aws-secretsmanager")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/extension").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "endpoint: build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// place is where an upstream is.
type place struct {
	name, url string // "" is a fake that each test starts
	quirks    quirks
	transport http.RoundTripper // of all calls to it
}

// parsePlaces reads -upstreams. One whose address is not known is an error: a test
// that is not run must not look like one that passed.
func parsePlaces(list string, getenv func(string) string) (places []place, err error) {
	for name := range strings.SplitSeq(list, ",") {
		if slices.ContainsFunc(places, func(p place) bool { return p.name == name }) {
			return nil, fmt.Errorf("-upstreams: %s is there twice", name)
		}
		p := place{name: name, transport: http.DefaultTransport}
		switch name {
		case "awstest":
		case "ministack":
			p.url, p.quirks = getenv("MINISTACK_URL"), ministack
		case "moto":
			p.url, p.quirks = getenv("MOTO_URL"), moto
		default:
			return nil, fmt.Errorf("-upstreams: got %q, want awstest, ministack or moto", name)
		}
		if p.url == "" && name != "awstest" {
			return nil, fmt.Errorf("-upstreams: %s_URL is not set; scripts/with-emulators sets it", strings.ToUpper(name))
		}
		if p.quirks.alone {
			p.transport = &oneAtATime{}
		}
		places = append(places, p)
	}
	return places, nil
}

// oneAtATime is a transport for a server that cannot do two things at once.
type oneAtATime struct{ mu sync.Mutex }

func (o *oneAtATime) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func TestParsePlaces(t *testing.T) {
	env := map[string]string{"MOTO_URL": "http://m"}
	for _, tt := range []struct{ list, want, err string }{
		{"awstest", "awstest", ""},
		{"moto,awstest", "moto http://m awstest", ""},
		{"ministack", "", "MINISTACK_URL is not set"},
		{"moto,ministack", "", "MINISTACK_URL is not set"},
		{"localstack", "", `got "localstack"`},
		{"moto,moto", "", "moto is there twice"},
		{"", "", `got ""`},
	} {
		places, err := parsePlaces(tt.list, func(name string) string { return env[name] })
		var got []string
		for _, p := range places {
			got = append(got, strings.Fields(p.name+" "+p.url)...)
		}
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: got %q, %v; want %q, %q", tt.list, got, err, tt.want, tt.err)
		}
	}
}
