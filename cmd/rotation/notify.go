package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/spf13/cobra"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation"
	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
)

func newNotify(a *awsFlags) *cobra.Command {
	var n rotation.Notification
	var m event.Matcher
	var out output
	c := &cobra.Command{
		Use:   "notify SECRET_ID",
		Short: "Publish the custom event of one rotation by hand",
		Long: `Publish the custom event that tells functions of a rotation, as a rotation
function does after finishSecret. Functions that hold the secret fetch it anew.

Needs events:PutEvents on the bus. With secretsmanager:DescribeSecret and
events:DescribeEventBus, a secret or a bus that does not exist is an error and
not an event.`,
		Example: `  rotation notify prod/db
  rotation notify prod/db --version-id EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if n.SecretID = args[0]; n.SecretID == "" {
				return usageError{errors.New("SECRET_ID is empty, want a name or an ARN")}
			}
			bus, secret := regionOf(n.Bus), regionOf(n.SecretID)
			if bus != "" && secret != "" && bus != secret {
				return usageError{fmt.Errorf("--bus is in %s, the secret in %s: want both in one Region", bus, secret)}
			}
			n.Source, n.DetailType, n.DetailKey = m.Source, m.DetailType, m.DetailKey
			clients, err := a.clients(c.Context(), cmp.Or(bus, secret))
			if err != nil {
				return err
			}
			return notify(c, clients, n, out)
		},
	}
	c.Flags().StringVar(&n.VersionID, "version-id", "", "the new current `VERSION`; without it, functions look for a change")
	c.Flags().StringVar(&n.Bus, "bus", "", "`BUS` to publish on, name or ARN (default: the default bus)")
	addMatcher(c, &m, "")
	out.add(c)
	return c
}

func notify(c *cobra.Command, clients wiring.Clients, n rotation.Notification, out output) error {
	if err := check(c, clients, n); err != nil {
		return err
	}
	id, err := rotation.Notify(c.Context(), clients.Events, n)
	if err != nil {
		return wiring.Explain(err)
	}
	if out.format == formatJSON {
		return printJSON(c.OutOrStdout(), struct {
			EventID   string `json:"eventId"`
			SecretID  string `json:"secretId"`
			VersionID string `json:"versionId,omitempty"`
			Bus       string `json:"bus"`
		}{id, n.SecretID, n.VersionID, cmp.Or(n.Bus, wiring.DefaultBus)})
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "published  %s on bus %s: event %s\n", n.SecretID, cmp.Or(n.Bus, wiring.DefaultBus), id)
	return err
}

// check looks the secret and the bus up, if the caller may: EventBridge takes an
// event for a bus that does not exist, and no rule would match a mistyped id.
func check(c *cobra.Command, clients wiring.Clients, n rotation.Notification) error {
	if err := clients.CheckBus(c.Context(), n.Bus); err != nil {
		if _, denied := errors.AsType[*wiring.AccessError](err); !denied {
			return err
		}
		fmt.Fprintf(c.ErrOrStderr(), "note: the bus was not looked up: %v\n", err)
	}
	stages, err := clients.StagesOf(c.Context(), n.SecretID, n.VersionID)
	if _, denied := errors.AsType[*wiring.AccessError](err); denied {
		fmt.Fprintf(c.ErrOrStderr(), "note: the secret was not looked up: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case n.VersionID == "" || stages.Current:
	case len(stages.Labels) == 0:
		return fmt.Errorf("secret %q has no version %q with a label: functions would wait for it in vain; leave --version-id out, or see aws secretsmanager list-secret-version-ids", n.SecretID, n.VersionID)
	default:
		fmt.Fprintf(c.ErrOrStderr(), "note: version %s is not AWSCURRENT now (%s); functions wait for it\n", n.VersionID, stages)
	}
	return nil
}

// regionOf returns the Region of an ARN, "" for everything else.
func regionOf(id string) string {
	a, err := arn.Parse(id)
	if err != nil {
		return ""
	}
	return a.Region
}
