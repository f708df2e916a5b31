package awstest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws-secretsmanager/lambda-extension/test/awstest"
)

// numbered emits n events whose sources are numbers.
func numbered(fake *awstest.EventBridge, from, n int) {
	for i := range n {
		fake.Emit(fmt.Appendf(nil, `{"source":"%d"}`, from+i))
	}
}

func TestDisorder(t *testing.T) {
	deliver := func(d awstest.Disorder) string {
		fake, c := startEventBridge(t, awstest.Place{})
		putRule(t, c, "", "r", anySource, appARN)
		var l log
		fake.Deliver(l.deliverer(nil))
		fake.SetDisorder(d)
		numbered(fake, 0, 20)
		drain(t, fake)
		return l.sources()
	}
	inOrder := deliver(awstest.Disorder{})
	if want := "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"; inOrder != want {
		t.Errorf("no disorder: got %s", inOrder)
	}
	sorted := func(s string) []string { return slices.Sorted(strings.SplitSeq(s, " ")) }

	shuffled := deliver(awstest.Disorder{Seed: 1, Window: 4})
	if shuffled == inOrder || !slices.Equal(sorted(shuffled), sorted(inOrder)) {
		t.Errorf("window: got %s", shuffled)
	}
	if again := deliver(awstest.Disorder{Seed: 1, Window: 4}); again != shuffled {
		t.Errorf("the same seed: got %s, then %s", shuffled, again)
	}
	if other := deliver(awstest.Disorder{Seed: 2, Window: 4}); other == shuffled {
		t.Errorf("another seed: got the same, %s", other)
	}
	if got := deliver(awstest.Disorder{Duplicates: 1}); got != "0 0 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10 11 11 12 12 13 13 14 14 15 15 16 16 17 17 18 18 19 19" {
		t.Errorf("all twice: got %s", got)
	}
	some := sorted(deliver(awstest.Disorder{Seed: 3, Duplicates: 0.3, Window: 4}))
	if n := len(some); n <= 20 || n >= 40 || !slices.Equal(slices.Compact(some), sorted(inOrder)) {
		t.Errorf("some twice: got %d, %s", n, some)
	}
}

func TestWindowHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := awstest.NewEventBridgeHandler(awstest.Place{})
		defer fake.Close()
		serveRule(t, fake)
		var l log
		fake.Deliver(l.deliverer(nil))
		fake.SetDisorder(awstest.Disorder{Window: 3})
		numbered(fake, 0, 3)
		synctest.Wait()
		if got := l.sources(); got != "" {
			t.Errorf("delivered %s, want all three held back", got)
		}
		numbered(fake, 3, 1)
		synctest.Wait()
		if got := strings.Fields(l.sources()); len(got) != 1 {
			t.Errorf("delivered %s, want one", got)
		}
		fake.SetDisorder(awstest.Disorder{})
		synctest.Wait()
		if got := strings.Fields(l.sources()); len(got) != 4 {
			t.Errorf("delivered %s, want all", got)
		}
	})
}

// Drain waits for what is under way and for what that brings about, and no longer
// than it may.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := awstest.NewEventBridgeHandler(awstest.Place{})
		defer fake.Close()
		serveRule(t, fake)
		fake.SetDisorder(awstest.Disorder{Window: 2})
		var l log
		fake.Deliver(func(ctx context.Context, d awstest.Delivery) error {
			time.Sleep(time.Minute)
			if len(l.deliveries) == 0 {
				defer numbered(fake, 1, 1)
			}
			l.add(d)
			return nil
		})
		if err := fake.Drain(t.Context()); err != nil {
			t.Errorf("with nothing to do: %v", err)
		}
		numbered(fake, 0, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := fake.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if err := fake.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := l.sources(), "0 1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// Close ends the delivery under way and makes no other.
func TestCloseEndsDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := awstest.NewEventBridgeHandler(awstest.Place{})
		serveRule(t, fake)
		var l log
		fake.Deliver(func(ctx context.Context, d awstest.Delivery) error {
			l.add(d)
			<-ctx.Done()
			return ctx.Err()
		})
		numbered(fake, 0, 3)
		synctest.Wait()
		fake.Close()
		numbered(fake, 3, 1)
		synctest.Wait()
		if got := l.sources(); got != "0" {
			t.Errorf("got %s, want 0 alone", got)
		}
	})
}

// serveRule makes a rule for all events without a server.
func serveRule(t *testing.T, fake *awstest.EventBridge) {
	t.Helper()
	for _, call := range []struct{ op, body string }{
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[{\"exists\":true}]}"}`},
		{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"` + appARN + `"}]}`},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(call.body))
		r.Header.Set("X-Amz-Target", "AWSEvents."+call.op)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+awstest.AccessKeyID+"/20260102/us-east-1/events/aws4_request")
		w := httptest.NewRecorder()
		if fake.ServeHTTP(w, r); w.Code != http.StatusOK {
			t.Fatalf("%s: got %d %s", call.op, w.Code, w.Body)
		}
	}
}
