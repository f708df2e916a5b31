package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// What somebody else does in the account, and on the way to it.

// dropRule deletes a rule, and leaves its permission behind.
func (w *world) dropRule(bus, name string) {
	w.t.Helper()
	events, _ := w.clients()
	_, err := events.RemoveTargets(w.t.Context(), &eventbridge.RemoveTargetsInput{Rule: &name, EventBusName: &bus, Ids: []string{"secrets-rotation"}})
	w.do(err)
	_, err = events.DeleteRule(w.t.Context(), &eventbridge.DeleteRuleInput{Name: &name, EventBusName: &bus})
	w.do(err)
}

// permit lets EventBridge in from a rule of the account, under any id.
func (w *world) permit(id, rule string) {
	w.t.Helper()
	_, functions := w.clients()
	_, err := functions.AddPermission(w.t.Context(), &lambda.AddPermissionInput{
		FunctionName: aws.String("orders"), StatementId: &id, Action: aws.String("lambda:InvokeFunction"),
		Principal: aws.String("events.amazonaws.com"), SourceArn: aws.String("arn:aws:events:us-east-1:123456789012:rule/" + rule),
	})
	w.do(err)
}

// forbid takes a permission back.
func (w *world) forbid(id string) {
	w.t.Helper()
	_, functions := w.clients()
	_, err := functions.RemovePermission(w.t.Context(), &lambda.RemovePermissionInput{FunctionName: aws.String("orders"), StatementId: &id})
	w.do(err)
}

// permission returns the id of the one that setup makes for a native rule.
func (w *world) permission() string {
	w.t.Helper()
	return decode[planOutput](w.t, w.must("setup", "--function", "orders", "--dry-run", "--json")).Steps[1].Name
}

// between has f see every call of Lambda before the fake. If f answers it, it
// returns true; forward has the fake answer.
func (w *world) between(f func(rw http.ResponseWriter, r *http.Request, forward http.Handler) bool) {
	w.t.Helper()
	target, err := url.Parse(w.lambda.URL())
	w.do(err)
	forward := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !f(rw, r, forward) {
			forward.ServeHTTP(rw, r)
		}
	}))
	w.t.Cleanup(server.Close)
	w.t.Setenv("AWS_ENDPOINT_URL_LAMBDA", server.URL)
}

// refuse answers as Lambda does.
func refuse(rw http.ResponseWriter, status int, kind string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("X-Amzn-ErrorType", kind)
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(`{"Message":"no"}`))
}

// Whoever lost an answer, or was slower than another, finds what is there.
func TestAnswersThatGetLost(t *testing.T) {
	for method, command := range map[string]string{http.MethodPost: "setup", http.MethodDelete: "teardown"} {
		t.Run(command, func(t *testing.T) {
			w := newWorld(t)
			if command == "teardown" {
				w.must("setup", "--function", "orders")
			}
			calls := 0
			w.between(func(_ http.ResponseWriter, r *http.Request, forward http.Handler) bool {
				if r.Method != method {
					return false
				}
				if calls++; calls == 1 {
					forward.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				}
				return false
			})
			t.Setenv("AWS_MAX_ATTEMPTS", "2")
			w.must(command, "--function", "orders")
			if calls != 2 {
				t.Errorf("%d calls, want one whose answer got lost and one that came too late", calls)
			}
		})
	}
}

// A conflict is harmless only where what is there lets our rule in.
func TestPermissionThatIsTakenMeanwhile(t *testing.T) {
	for name, rule := range map[string]string{"by another rule": "another", "and gone again": ""} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.permission()
			w.between(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if r.Method != http.MethodPost {
					return false
				}
				if rule != "" {
					w.lambda.SetPolicy(ordersARN, `{"Version":"2012-10-17","Statement":[{"Sid":"`+id+`","Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},
						"Action":"lambda:InvokeFunction","Resource":"`+ordersARN+`","Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:events:us-east-1:123456789012:rule/`+rule+`"}}}]}`)
				}
				refuse(rw, http.StatusConflict, "ResourceConflictException")
				return true
			})
			w.fails(exitFailed, []string{`create permission "` + id + `"`, "ResourceConflictException"}, "setup", "--function", "orders")
		})
	}
}
