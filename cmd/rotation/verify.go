package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
)

func newVerify(a *awsFlags) *cobra.Command {
	var w wiringFlags
	var out output
	var v wiring.Verification
	c := &cobra.Command{
		Use:   "verify --function F [--secret S...]",
		Short: "Prove that rotations reach a function, or say what is missing",
		Long: `Read back everything that a rotation needs on its way to a function, and print a
checklist: what does not hold, and the command that mends it. Rules that were
made by hand or by a template count as well as those of setup.

--send also invokes the function, with a rotation event that names the current
version, so that nothing changes, and reports what its extension answered; where
the custom event is wired, it is published too.

The exit status is 0 only when all holds. A check that could not be made does not.

Needs to read: events:ListEventBuses, ListRules, ListRuleNamesByTarget,
DescribeRule, ListTagsForResource, ListTargetsByRule and TestEventPattern;
lambda:GetFunctionConfiguration, GetFunctionConcurrency, GetPolicy and
GetLayerVersion; secretsmanager:DescribeSecret and GetResourcePolicy;
iam:SimulatePrincipalPolicy. With --send: lambda:InvokeFunction, events:PutEvents.`,
		Example: `  rotation verify --function orders
  rotation verify --function orders:live --secret prod/db --send`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			spec, clients, err := w.begin(c, a, &out, args)
			if err != nil {
				return err
			}
			v.Spec, v.Flags = spec, a.again(spec.Function.Region)
			report, err := clients.Verify(c.Context(), v)
			if err != nil {
				return err
			}
			if !report.Holds {
				err = errNotHeld
			}
			if out.format == formatJSON {
				return printed(c, report, err)
			}
			if printErr := printReport(c.OutOrStdout(), report); printErr != nil {
				return printErr
			}
			return err
		},
	}
	w.addFunction(c)
	w.addSecrets(c)
	w.addEvent(c, "", "which to look at (default: those that are wired, else native)")
	w.addBus(c, "of the custom event, name or ARN (default: every bus)")
	addMatcher(c, &w.matcher, "the function's SECRETS_ROTATION_… variable, else ")
	c.Flags().StringVar(&v.Layer, "layer", "", "`NAME` of the layer, where it was published under another than "+wiring.LayerName)
	c.Flags().BoolVar(&v.Send, "send", false, "invoke the function with an event too")
	out.add(c)
	return c
}

func printReport(w io.Writer, r *wiring.Report) error {
	count := map[wiring.Status]int{}
	fmt.Fprintf(w, "function  %s\n", r.Function)
	for _, c := range r.Checks {
		count[c.Status]++
		line := fmt.Sprintf("%-9s %s: %s", c.Status, c.Name, c.On)
		if c.Detail != "" {
			line += "  (" + c.Detail + ")"
		}
		fmt.Fprintln(w, line)
		if c.Mend != "" {
			fmt.Fprintf(w, "          mend: %s\n", c.Mend)
		}
	}
	_, err := fmt.Fprintf(w, "%d checks: %d ok, %d failed, %d unknown\n", len(r.Checks), count[wiring.OK], count[wiring.Failed], count[wiring.Unknown])
	return err
}
