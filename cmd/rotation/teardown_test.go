package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// What a teardown may take away is ours, of the function and where it was told to look.
func TestScopeOfTeardown(t *testing.T) {
	for _, tc := range []struct {
		name   string
		setup  func(w *world)
		args   []string
		stays  []string // parts of what is there
		goes   []string
		prints string
	}{
		{
			name: "a permission under our id from another rule",
			setup: func(w *world) {
				w.must("setup", "--function", "orders")
				id := w.permission()
				w.forbid(id)
				w.permit(id, "another")
			},
			stays: []string{"rule/another"}, goes: []string{"default secrets-rotation"},
		},
		{
			name: "permissions of rules on another bus that are gone",
			setup: func(w *world) {
				w.bus("first")
				w.must("setup", "--function", "orders", "--event", "custom", "--bus", "first")
				w.must("setup", "--function", "orders", "--event", "custom")
				w.dropRule("first", "secrets-rotation-orders-custom")
				w.dropRule("default", "secrets-rotation-orders-custom")
			},
			args: []string{"--bus", "first"}, stays: []string{"rule/secrets-rotation-orders-custom"}, goes: []string{"rule/first/"},
		},
		{
			name: "a permission of a bus that is gone",
			setup: func(w *world) {
				w.bus("first")
				w.must("setup", "--function", "orders", "--event", "custom", "--bus", "first")
				w.dropRule("first", "secrets-rotation-orders-custom")
				events, _ := w.clients()
				_, err := events.DeleteEventBus(w.t.Context(), &eventbridge.DeleteEventBusInput{Name: aws.String("first")})
				w.do(err)
			},
			goes: []string{"rule/first/"}, prints: "1 written.",
		},
		{
			name: "a rule with our tags under a name that setup never gives",
			setup: func(w *world) {
				events, _ := w.clients()
				_, err := events.PutRule(w.t.Context(), &eventbridge.PutRuleInput{
					Name: aws.String("secrets-rotation-orders-mine"), EventPattern: aws.String(nativeOfDB), Tags: []types.Tag{
						{Key: aws.String("managed-by"), Value: aws.String("rotation-setup")}, {Key: aws.String("secrets-rotation:function"), Value: aws.String(ordersARN)},
					},
				})
				w.do(err)
			},
			stays: []string{"default secrets-rotation-orders-mine"}, prints: "Nothing of ours is there.",
		},
		{
			name: "a permission whose rule was deleted and is there again, somebody else's",
			setup: func(w *world) {
				w.must("setup", "--function", "orders")
				w.dropRule("default", nativeRule)
				w.putRule(&eventbridge.PutRuleInput{Name: aws.String(nativeRule), EventPattern: aws.String(nativeOfDB)})
			},
			stays: []string{"rule/" + nativeRule, "default " + nativeRule}, prints: "Nothing of ours is there.",
		},
		{
			name: "a function that is gone, and its custom rule alone",
			setup: func(w *world) {
				w.must("setup", "--function", "orders", "--event", "both")
				w.lambda.Delete("orders")
			},
			args: []string{"--event", "custom"}, stays: []string{"orders-native"}, goes: []string{"orders-custom"}, prints: "only its rules are looked for",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			tc.setup(w)
			before := w.state("orders")
			out := w.must(append([]string{"teardown", "--function", "orders"}, tc.args...)...)
			state := w.state("orders")
			for _, part := range tc.stays {
				if !strings.Contains(state, part) {
					t.Errorf("%s is not in\n%s", part, state)
				}
			}
			for _, part := range tc.goes {
				if !strings.Contains(before, part) || strings.Contains(state, part) {
					t.Errorf("before there was\n%s\nand now, %s with it,\n%s", before, part, state)
				}
			}
			if !strings.Contains(out, tc.prints) {
				t.Errorf("want %q in\n%s", tc.prints, out)
			}
		})
	}
}

func TestBusThatDoesNotExist(t *testing.T) {
	w := newWorld(t)
	for _, command := range []string{"teardown", "verify"} {
		w.fails(exitFailed, []string{`event bus "nope" does not exist`}, command, "--function", "orders", "--bus", "nope")
	}
	// Who may not look a bus up learns it from the list of its rules.
	w.deny("events:DescribeEventBus")
	w.fails(exitFailed, []string{`event bus "nope" does not exist`}, "verify", "--function", "orders", "--bus", "nope")
}
