package awstest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Place is where a fake of Lambda, IAM or EventBridge lives. The zero value is [Account] in
// [Region].
type Place struct {
	Account, Region string
	Partition       string // "" is that of the Region
}

func (p Place) orDefault() Place {
	p.Account = cmp.Or(p.Account, Account)
	p.Region = cmp.Or(p.Region, Region)
	if p.Partition == "" {
		p.Partition = "aws"
		for _, known := range []string{"cn", "us-gov", "us-iso", "us-isob", "eusc"} {
			if strings.HasPrefix(p.Region, known+"-") {
				p.Partition = "aws-" + known
			}
		}
	}
	return p
}

// arn names a resource of the account, in the Region unless the service is global.
func (p Place) arn(service, resource string) string {
	region := p.Region
	if service == "iam" || service == "sts" {
		region = ""
	}
	return strings.Join([]string{"arn", p.Partition, service, region, p.Account, resource}, ":")
}

// caller is the identity of everyone who signs.
func (p Place) caller() string { return p.arn("sts", "assumed-role/ops/me") }

// API is what the fakes of Lambda, IAM and EventBridge have in common. All its methods may be
// called at any time from any goroutine.
type API struct {
	place  Place
	server *httptest.Server

	mu     sync.Mutex
	calls  []*APICall
	denied map[string]bool
}

// APICall is one call that was received.
type APICall struct {
	Time     time.Time // of its arrival
	Action   string    // lambda:AddPermission, iam:GetRole, …
	Resource string    // the ARN that it is about; what the caller wrote where that names nothing
	Status   int       // 0 while it lasts
}

func newAPI(p Place) API { return API{place: p.orDefault(), denied: make(map[string]bool)} }

// URL returns the endpoint, "" for a fake that was made without a server.
func (a *API) URL() string {
	if a.server == nil {
		return ""
	}
	return a.server.URL
}

// env returns the environment variables that make an AWS SDK use the fake for
// these services.
func (a *API) env(services ...string) []string {
	env := []string{
		"AWS_REGION=" + a.place.Region,
		"AWS_DEFAULT_REGION=" + a.place.Region,
		"AWS_ACCESS_KEY_ID=" + AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + SecretAccessKey,
		"AWS_SESSION_TOKEN=" + SessionToken,
	}
	for _, s := range services {
		env = append(env, "AWS_ENDPOINT_URL_"+s+"="+a.URL())
	}
	return env
}

// Close stops the server.
func (a *API) Close() {
	if a.server != nil {
		a.server.CloseClientConnections()
		a.server.Close()
	}
}

// Deny makes every call that needs the permission, "lambda:AddPermission" say,
// fail as if no policy granted it.
func (a *API) Deny(action string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.denied[action] = true
}

// Heal takes back what was denied.
func (a *API) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.denied)
}

// Calls returns all calls so far, in the order of their arrival.
func (a *API) Calls() []APICall {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := make([]APICall, len(a.calls))
	for i, c := range a.calls {
		calls[i] = *c
	}
	return calls
}

// CallCount returns how many calls there were of an action; "" counts all.
func (a *API) CallCount(action string) int {
	n := 0
	for _, c := range a.Calls() {
		if action == "" || c.Action == action {
			n++
		}
	}
	return n
}

// ResetCalls forgets the calls so far.
func (a *API) ResetCalls() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = nil
}

// record logs a call. The answer is why it must fail: nobody signed it, or the
// permission is denied.
func (a *API) record(r *http.Request, action, resource string) (call *APICall, code, message string) {
	call = &APICall{Time: time.Now(), Action: action, Resource: resource}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, call)
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="):
		return call, "MissingAuthenticationTokenException", "Missing Authentication Token"
	case a.denied[action]:
		return call, "AccessDeniedException", a.denial(action, resource, "identity-based")
	}
	return call, "", ""
}

// denial is how AWS words that no policy of a kind grants a permission.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (a *API) denial(action, resource, kind string) string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no %s policy allows the %[2]s action",
		a.place.caller(), action, resource, kind)
}

func (a *API) answered(c *APICall, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.Status = status
}

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

func (i *IAM) getCallerIdentity(iamRequest) (any, *iamError) {
	return callerIdentity{Arn: i.place.caller(), UserID: "AROAIOSFODNN7EXAMPLE:me", Account: i.place.Account}, nil
}
