package awssm

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

var discard = log.New(io.Discard, "", 0)

var sameSecret = cmp.Options{cmpopts.IgnoreUnexported(cache.Secret{}), cmp.Comparer(func(a, b cache.Value) bool { return a == b })}

func TestFetch(t *testing.T) {
	aws := awstest.New()
	defer aws.Close()
	text := strings.Repeat("\x01\"é", 1<<14)
	blob := bytes.Repeat([]byte{0, 255, 7, '"'}, 1<<14)
	arn, first := aws.Put("prod/db", "one")
	_, second := aws.Put("prod/db", text)
	binARN, bin := aws.PutBinary("a_b+c=d.e@f-g/h", blob)
	aws.Put("prod/db-other", "other")
	partial := arn[:len(arn)-7]

	client := clientOf(t, aws.URL(), func(o *Options) { o.UserAgent = "the-extension/1.2" })
	newest := &cache.Secret{ARN: arn, Name: "prod/db", VersionID: second, Stages: []string{"AWSCURRENT"}, Value: cache.Text(text)}
	older := &cache.Secret{ARN: arn, Name: "prod/db", VersionID: first, Stages: []string{"AWSPREVIOUS"}, Value: cache.Text("one")}
	tests := []struct {
		q    cache.Query
		want *cache.Secret
	}{
		{cache.Query{ID: "prod/db"}, newest},
		{cache.Query{ID: arn}, newest},
		{cache.Query{ID: partial}, newest},
		{cache.Query{ID: "prod/db", Stage: cache.Current}, newest},
		{cache.Query{ID: "prod/db", Stage: "AWSPREVIOUS"}, older},
		{cache.Query{ID: "prod/db", VersionID: first}, older},
		{cache.Query{ID: "prod/db", VersionID: first, Stage: "AWSPREVIOUS"}, older},
		{cache.Query{ID: "a_b+c=d.e@f-g/h"}, &cache.Secret{ARN: binARN, Name: "a_b+c=d.e@f-g/h", VersionID: bin, Stages: []string{"AWSCURRENT"}, Value: cache.Binary(blob)}},
	}
	for _, tt := range tests {
		got, err := client.Fetch(t.Context(), tt.q)
		if err != nil {
			t.Errorf("%+v: %v", tt.q, err)
			continue
		}
		if got.Created.IsZero() || time.Since(got.Created).Abs() > time.Minute {
			t.Errorf("%+v: created at %v", tt.q, got.Created)
		}
		got.Created = time.Time{}
		if diff := cmp.Diff(tt.want, got, sameSecret); diff != "" {
			t.Errorf("%+v: (-want +got)\n%s", tt.q, diff)
		}
	}
	call := aws.Calls()[0]
	if call.AccessKeyID != awstest.AccessKeyID || call.SessionToken != awstest.SessionToken || !strings.Contains(call.UserAgent, "the-extension/1.2") {
		t.Errorf("got call %+v", call)
	}
	if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db", VersionID: first, Stage: cache.Current}); err == nil {
		t.Error("a stage that is not on the version: got no error")
	}
}

func TestNames(t *testing.T) {
	s := &cache.Secret{Name: "prod", ARN: "arn:aws:secretsmanager:us-east-1:1:secret:prod-AbCdEf"}
	for id, want := range map[string]bool{
		"prod":   true,
		"prod-A": false, "pro": false, "": false,
		s.ARN: true,
		"arn:aws:secretsmanager:us-east-1:1:secret:prod": true,
		"arn:aws:secretsmanager:us-east-1:1:secret:pro":  false,
		"arn:aws:secretsmanager:us-east-1:2:secret:prod": false,
		s.ARN + "-AbCdEf": false,
	} {
		if got := names(s, id); got != want {
			t.Errorf("names(%q) = %v, want %v", id, got, want)
		}
	}
	longer := &cache.Secret{Name: "prod-db", ARN: "arn:aws:secretsmanager:us-east-1:1:secret:prod-db-AbCdEf"}
	if names(longer, "arn:aws:secretsmanager:us-east-1:1:secret:prod") {
		t.Error("an ARN that only begins alike was taken for the same secret")
	}
}

func TestWrongVersionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := awstest.NewHandler()
		aws.Put("prod/db", value)
		_, id := aws.Put("prod/db", value)
		aws.Fail(awstest.Fault{Kind: awstest.AnotherSecret, Other: "prod/db"}) // drops the version from the question
		client := connect(t, serve(t, aws))
		if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db", VersionID: id}); err != nil {
			t.Error(err)
		}
		_, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db", VersionID: aws.Stages("prod/db")["AWSPREVIOUS"]})
		expect(t, aws, err, want{502, cache.TypeConnection, "instead of", 2})
	})
}

func TestRetrySucceeds(t *testing.T) {
	for _, kind := range []awstest.Kind{awstest.Throttling, awstest.InternalServiceError, awstest.Unavailable, awstest.Reset, awstest.Truncated} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				aws := awstest.NewHandler()
				aws.Put("prod/db", value)
				aws.Fail(awstest.Fault{Kind: kind, Times: 2})
				client := connect(t, serve(t, aws))
				start := time.Now()
				s, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"})
				if err != nil || s.Value.Reveal() != value {
					t.Fatalf("got %v, %v", s, err)
				}
				if d := time.Since(start); d < 100*time.Millisecond || d > 200*time.Millisecond {
					t.Errorf("waited %v in all, want 100 to 200 ms", d)
				}
			})
		})
	}
}

// An attempt that would begin after the deadline is not waited for: the error at
// hand says more than a time-out.
func TestNoRetryPastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := awstest.NewHandler()
		aws.Fail(awstest.Fault{Kind: awstest.Throttling})
		client := connect(t, serve(t, aws))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := client.Fetch(ctx, cache.Query{ID: "prod/db"})
		expect(t, aws, err, want{400, "ThrottlingException", "Rate exceeded", 1})
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %v", d)
		}
	})
}

func TestTimeoutTellsWhatWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := awstest.NewHandler()
		aws.Fail(awstest.Fault{Kind: awstest.Throttling, Times: 1})
		aws.Fail(awstest.Fault{Kind: awstest.Hang})
		client := connect(t, serve(t, aws))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client.Fetch(ctx, cache.Query{ID: "prod/db"})
		expect(t, aws, err, want{504, cache.TypeTimeout, "no answer in time; the attempt before: Rate exceeded", 2})
	})
}

// After a freeze the pooled connection is silent, and no timer has run. Nothing
// here could tell a frozen sandbox from an idle one but the age of the
// connection, which is what net/http looks at.
func TestConnectionFromBeforeAFreezeIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := awstest.NewHandler()
		aws.Put("prod/db", value)
		p := serve(t, aws)
		client := connect(t, p)
		fetch := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := client.Fetch(ctx, cache.Query{ID: "prod/db"})
			return err
		}
		for range 3 {
			if err := fetch(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(idleTimeout / 2)
		}
		if n := p.dials(); n != 1 {
			t.Errorf("%d connections for calls soon after each other, want 1", n)
		}
		p.blackhole()
		time.Sleep(idleTimeout)
		if err := fetch(); err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionIsKept(t *testing.T) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("prod/db", value)
	wire := awstest.NewWire(aws.URL())
	defer wire.Close()
	client := clientOf(t, wire.URL())
	for range 300 {
		if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := wire.Accepted(); n != 1 {
		t.Errorf("%d connections for one call after the other, want 1", n)
	}
}

func TestFreshConnectionAfterWireWentSilent(t *testing.T) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("prod/db", value)
	wire := awstest.NewWire(aws.URL())
	defer wire.Close()
	client := clientOf(t, wire.URL())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.Fetch(ctx, cache.Query{ID: "prod/db"}); err != nil {
		t.Fatal(err)
	}
	wire.Blackhole()
	// Too young to be given up: this is what a freeze would do without the limit.
	_, err := client.Fetch(ctx, cache.Query{ID: "prod/db"})
	if err == nil || cache.AsError("", err).Type != cache.TypeTimeout {
		t.Errorf("got %v, want a time-out", err)
	}
	if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"}); err != nil {
		t.Errorf("the call after that: %v", err)
	}
}

func TestMaxConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aws := awstest.NewHandler()
		aws.SetLatency(50 * time.Millisecond)
		p := serve(t, aws)
		client := connect(t, p, func(o *Options) { o.MaxConns = 4 })
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			name := fmt.Sprintf("secret%d", i)
			aws.Put(name, "value of "+name)
			wg.Go(func() {
				s, err := client.Fetch(t.Context(), cache.Query{ID: name})
				if err != nil || s.Value.Reveal() != "value of "+name {
					t.Errorf("%s: got %v, %v", name, s, err)
				}
			})
		}
		wg.Wait()
		if d := time.Since(start); d != 250*time.Millisecond {
			t.Errorf("20 calls of 50 ms on 4 connections took %v, want 250 ms", d)
		}
		if n := p.dials(); n != 4 {
			t.Errorf("got %d connections, want 4", n)
		}
	})
}

func TestCABundle(t *testing.T) {
	aws := awstest.NewHandler()
	aws.Put("prod/db", value)
	server := httptest.NewTLSServer(aws)
	defer server.Close()
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client := clientOf(t, server.URL, func(o *Options) { o.CABundle = bundle })
	if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"}); err != nil {
		t.Error(err)
	}
}

func TestProxy(t *testing.T) {
	aws := awstest.New() // a plain http proxy gets the same requests
	defer aws.Close()
	aws.Put("prod/db", value)
	u, _ := url.Parse(aws.URL())
	client := clientOf(t, "http://secretsmanager.test", func(o *Options) { o.Proxy = http.ProxyURL(u) })
	if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"}); err != nil {
		t.Error(err)
	}
	if got := aws.Calls()[0].Host; got != "secretsmanager.test" {
		t.Errorf("got host %q", got)
	}
}

func TestEndpoints(t *testing.T) {
	tests := []struct {
		o    Options
		want string
	}{
		{Options{Region: "eu-west-1"}, "secretsmanager.eu-west-1.amazonaws.com:443"},
		{Options{Region: "us-gov-west-1", FIPS: true}, "secretsmanager-fips.us-gov-west-1.amazonaws.com:443"},
		{Options{Region: "eu-west-1", FIPS: true, DualStack: true}, "secretsmanager-fips.eu-west-1.amazonaws.com:443"},
		{Options{Region: "cn-north-1"}, "secretsmanager.cn-north-1.amazonaws.com.cn:443"},
		{Options{Region: "eu-west-1", Endpoint: "http://127.0.0.1:4566/path"}, "127.0.0.1:4566"},
	}
	for _, tt := range tests {
		tt.o.Credentials = static
		addr := ""
		client, err := newClient(tt.o, func(_ context.Context, _, a string) (net.Conn, error) {
			addr = a
			return nil, io.EOF
		})
		if err != nil {
			t.Errorf("%s: %v", tt.want, err)
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, _ = client.Fetch(ctx, cache.Query{ID: "x"})
		cancel()
		if addr != tt.want {
			t.Errorf("dialled %q, want %q", addr, tt.want)
		}
	}
}

func TestNewErrors(t *testing.T) {
	good := Options{Region: "eu-west-1", Credentials: static}
	tests := []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Region = "" }, "AWS_REGION is not set"},
		{func(o *Options) { o.Region = "not a region" }, `AWS_REGION "not a region"`},
		{func(o *Options) { o.Endpoint = "localhost:4566" }, "absolute http or https URL"},
		{func(o *Options) { o.Endpoint = "ftp://user:" + canary + "@host" }, "absolute http or https URL"},
		{func(o *Options) { o.Endpoint = "http://:80" }, "absolute http or https URL"},
		{func(o *Options) { o.Endpoint, o.FIPS = "http://localhost:1", true }, "AWS_USE_FIPS_ENDPOINT"},
		{func(o *Options) { o.Endpoint, o.DualStack = "http://localhost:1", true }, "AWS_USE_DUALSTACK_ENDPOINT"},
		{func(o *Options) { o.CABundle = []byte("none") }, "AWS_CA_BUNDLE"},
		{func(o *Options) { o.Credentials = nil }, "no credentials"},
	}
	for _, tt := range tests {
		o := good
		tt.change(&o)
		_, err := New(o)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
		leaks(t, err)
	}
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "credentials") || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("got %v, want every problem", err)
	}
}

// What the layer's binary must not carry: each costs megabytes or start time.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	for _, banned := range []string{"config", "service/eventbridge", "service/lambda", "service/sts", "service/sso"} {
		if slices.Contains(strings.Fields(string(out)), "github.com/aws/aws-sdk-go-v2/"+banned) {
			t.Errorf("aws-sdk-go-v2/%s is linked", banned)
		}
	}
}

func BenchmarkNewAndFirstFetch(b *testing.B) {
	aws := awstest.New()
	defer aws.Close()
	aws.Put("prod/db", value)
	for b.Loop() {
		client, err := New(Options{Region: awstest.Region, Endpoint: aws.URL(), Credentials: static})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := client.Fetch(b.Context(), cache.Query{ID: "prod/db"}); err != nil {
			b.Fatal(err)
		}
	}
}
