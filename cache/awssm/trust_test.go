package awssm

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/aws-secretsmanager/lambda-extension/cache"
	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// A server whose certificate nobody vouches for is told nothing.
func TestUnknownServerIsNotAsked(t *testing.T) {
	aws := awstest.NewHandler()
	aws.Put("prod/db", value)
	server := httptest.NewTLSServer(aws)
	defer server.Close()
	client := clientOf(t, server.URL, func(*Options) {})
	if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"}); err == nil {
		t.Error("the value of an unknown server was taken")
	}
	if got := aws.Calls(); len(got) != 0 {
		t.Errorf("got %d calls, want none", len(got))
	}
}

// A proxy sees the host that is spoken to over TLS, and no request.
func TestProxyIsATunnel(t *testing.T) {
	seen := make(chan string, 16)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := clientOf(t, "https://secretsmanager.test", func(o *Options) { o.Proxy = http.ProxyURL(u) })
	if _, err := client.Fetch(t.Context(), cache.Query{ID: "prod/db"}); err == nil {
		t.Error("got no error from a proxy that refuses")
	}
	close(seen)
	n := 0
	for got := range seen {
		n++
		if got != "CONNECT secretsmanager.test:443" {
			t.Errorf("the proxy saw %s", got)
		}
	}
	if n == 0 {
		t.Error("the proxy was not asked")
	}
}
