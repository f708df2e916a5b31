//go:build linux

package soak

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

const (
	latency = 3 * time.Millisecond
	// fetchTimeout is longer than a busy machine stands still.
	fetchTimeout = 8 * time.Second
	// grace is how long after the end of a fault a read may still get its error, which
	// is remembered for three seconds. One that came at the end of a fetch has that
	// time as well.
	grace = 5 * time.Second
	// At most so long is one thing broken.
	longestFault = 1500 * time.Millisecond
	// faultsAtOnce is how many secrets are broken at the same time.
	faultsAtOnce = 6
)

// upstream is a Secrets Manager that can lose its connections.
type upstream struct {
	aws    *awstest.SecretsManager
	server *httptest.Server
	calls  atomic.Int64
}

func newUpstream() *upstream {
	u := &upstream{aws: awstest.NewHandler()}
	u.aws.SetLatency(latency)
	u.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u.calls.Add(1)%1000 == 0 {
			u.aws.ResetCalls() // it keeps every call
		}
		u.aws.ServeHTTP(w, r)
	}))
	return u
}

func (u *upstream) env() []string {
	return append(u.aws.Env(), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+u.server.URL)
}

func (u *upstream) close() {
	u.aws.Heal()
	u.server.CloseClientConnections()
	u.server.Close()
}

// passing are the faults that come and go, and leave the secret what it was.
var passing = []awstest.Fault{
	{Kind: awstest.AccessDenied},
	{Kind: awstest.KMSAccessDenied},
	{Kind: awstest.DecryptionFailure},
	{Kind: awstest.InvalidParameter},
	{Kind: awstest.Throttling},
	{Kind: awstest.ExpiredToken},
	{Kind: awstest.InternalServiceError},
	{Kind: awstest.Unavailable},
	{Kind: awstest.Error, Status: http.StatusBadGateway, Type: "BadGateway", Message: "made up"},
	{Kind: awstest.Slow, Delay: 200 * time.Millisecond},
	{Kind: awstest.Hang},
	{Kind: awstest.Reset},
	{Kind: awstest.Drip, Delay: time.Millisecond},
	{Kind: awstest.Truncated},
	{Kind: awstest.Garbage},
	{Kind: awstest.Empty},
	{Kind: awstest.AnotherSecret},
	{Kind: awstest.NoValue},
}

// breakThings breaks some of the fragile secrets in every way, one after the
// other, until the reads are over.
func (w *world) breakThings(over <-chan struct{}) {
	random := rand.New(rand.NewPCG(*seed, 2000))
	// In a short run, too, each has its turn.
	lasts := min(longestFault, time.Duration(*requests)*time.Second/perSecond/time.Duration(2*len(passing)))
	for i := 0; ; i++ {
		fault := passing[i%len(passing)]
		broken := slices.Clone(w.fragile)
		random.Shuffle(len(broken), func(i, j int) { broken[i], broken[j] = broken[j], broken[i] })
		for _, secret := range broken[:faultsAtOnce] {
			fault.SecretID = secret
			if fault.Kind == awstest.AnotherSecret {
				fault.Other = w.names[0]
			}
			w.truth.breaks(secret, time.Now().Add(time.Hour))
			w.upstream.aws.Fail(fault)
		}
		w.faults.Add(1)
		going := wait(over, lasts)
		w.upstream.aws.Heal()
		for _, secret := range broken[:faultsAtOnce] {
			w.truth.breaks(secret, time.Now())
		}
		if !going || !wait(over, lasts/2) {
			return
		}
	}
}

// wait reports whether there is still something to do after d.
func wait(over <-chan struct{}, d time.Duration) bool {
	select {
	case <-over:
		return false
	case <-time.After(d):
		return true
	}
}
