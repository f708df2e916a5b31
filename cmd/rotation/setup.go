package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
)

func newSetup(a *awsFlags) *cobra.Command {
	var w wiringFlags
	var out output
	var dryRun bool
	c := &cobra.Command{
		Use:   "setup --function F [--secret S...]",
		Short: "Bring the rotations of secrets to a function",
		Long: `Make the rule, the target and the permission that bring the rotations of
secrets to a function. What is there already stays: a second run writes nothing.

The secrets named are all that the rule will match: name every one, each time.
A rule or a permission of somebody else is never touched.

Needs events:DescribeRule, ListRules, ListTagsForResource, ListTargetsByRule,
PutRule, TagResource and PutTargets, with ListEventBuses and DescribeEventBus for
other buses and accounts; lambda:GetFunctionConfiguration, GetPolicy and
AddPermission; secretsmanager:DescribeSecret. To take a rule away that fewer
secrets no longer need: events:RemoveTargets, DeleteRule, lambda:RemovePermission.`,
		Example: `  rotation setup --function orders --secret prod/db
  rotation setup --function orders:live --secret prod/db --secret prod/api-key --dry-run
  rotation setup --function orders --secret prod/db --output cloudformation`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			spec, clients, err := w.begin(c, a, &out, args)
			if err != nil {
				return err
			}
			if out.format == formatCloudFormation || out.format == formatTerraform {
				return template(c, clients, spec, out.format)
			}
			plan, err := clients.Plan(c.Context(), spec)
			if err != nil {
				return err
			}
			return carryOut(c, plan, dryRun, out.format, strings.TrimSpace("Next: rotation verify --function "+spec.Function.String()+" "+a.again(spec.Function.Region)))
		},
	}
	w.addFunction(c)
	w.addSecrets(c)
	w.addEvent(c, "native", "Secrets Manager's own event, the one that rotation functions publish, or both")
	w.addBus(c, "of the custom event, name or ARN (default: the default bus)")
	addMatcher(c, &w.matcher, "the function's SECRETS_ROTATION_… variable, else ")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, write nothing")
	out.add(c, formatCloudFormation, formatTerraform)
	return c
}

func newTeardown(a *awsFlags) *cobra.Command {
	var w wiringFlags
	var out output
	var dryRun bool
	c := &cobra.Command{
		Use:   "teardown --function F",
		Short: "Take away what setup made",
		Long: `Take away the rules, targets and permissions that setup made for a function, and
nothing else. The function may be gone already.

Needs events:ListEventBuses (DescribeEventBus with --bus), ListRules,
ListTagsForResource, ListTargetsByRule, DescribeRule, RemoveTargets and DeleteRule;
lambda:GetFunctionConfiguration, GetPolicy and RemovePermission.`,
		Example: `  rotation teardown --function orders
  rotation teardown --function orders --event custom --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			spec, clients, err := w.begin(c, a, &out, args)
			if err != nil {
				return err
			}
			plan, err := clients.PlanRemoval(c.Context(), spec)
			if err != nil {
				return err
			}
			return carryOut(c, plan, dryRun, out.format, "")
		},
	}
	w.addFunction(c)
	w.addEvent(c, "both", "whose rules to take away")
	w.addBus(c, "to look on, name or ARN (default: every bus)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, write nothing")
	out.add(c)
	return c
}

// planOutput is a plan and how far it came.
type planOutput struct {
	errorOutput
	Function string       `json:"function"`
	DryRun   bool         `json:"dryRun"`
	Changes  int          `json:"changes"` // made, or to be made in a dry run
	Rules    []ruleOutput `json:"rules,omitempty"`
	Steps    []stepOutput `json:"steps"`
	Notes    []string     `json:"notes,omitempty"`
}

type ruleOutput struct {
	Name    string       `json:"name"`
	Bus     string       `json:"bus"`
	ARN     string       `json:"arn"`
	Event   wiring.Event `json:"event"`
	Pattern string       `json:"pattern"`
	Secrets []string     `json:"secrets"`
}

type stepOutput struct {
	wiring.Step
	Done bool `json:"done"`
}

// carryOut does what a plan says, or tells what it would do, a line a step.
func carryOut(c *cobra.Command, plan *wiring.Plan, dryRun bool, format, next string) error {
	var err error
	done := 0
	text := newSteps(c.OutOrStdout(), format, plan)
	if dryRun {
		for _, s := range plan.Steps {
			text.step(s)
		}
	} else {
		err = plan.Apply(c.Context(), func(s wiring.Step) {
			done++
			text.step(s)
		})
	}
	if format == formatJSON {
		return printed(c, describe(plan, dryRun, done, err), err)
	}
	if err == nil {
		text.end(plan, dryRun, next)
	}
	return err
}

func describe(plan *wiring.Plan, dryRun bool, done int, failure error) planOutput {
	o := planOutput{errorOutput: because(failure), Function: plan.Function, DryRun: dryRun, Notes: plan.Notes, Steps: []stepOutput{}}
	for _, r := range plan.Rules {
		o.Rules = append(o.Rules, ruleOutput{r.Name, r.Bus, r.ARN, r.Event, r.Pattern, r.Secrets})
	}
	for i, s := range plan.Steps {
		o.Steps = append(o.Steps, stepOutput{s, i < done})
		if s.Writes() && (dryRun || i < done) {
			o.Changes++
		}
	}
	return o
}

// steps prints the lines of a plan; nothing in another format than text.
type steps struct {
	w        io.Writer
	patterns map[string]string
}

func newSteps(w io.Writer, format string, plan *wiring.Plan) steps {
	s := steps{w: w, patterns: map[string]string{}}
	if format != formatText {
		s.w = io.Discard
	}
	for _, r := range plan.Rules {
		s.patterns[r.Name] = r.Pattern
	}
	fmt.Fprintf(s.w, "function  %s\n", plan.Function)
	for _, note := range plan.Notes {
		fmt.Fprintf(s.w, "note      %s\n", note)
	}
	return s
}

func (s steps) step(step wiring.Step) {
	fmt.Fprintf(s.w, "%-9s %-11s %s  %s\n", step.Change, step.Resource, step.Name, step.Detail)
	if pattern := s.patterns[step.Name]; pattern != "" && step.Resource == "rule" && step.Writes() {
		fmt.Fprintf(s.w, "          pattern     %s\n", pattern)
	}
}

func (s steps) end(plan *wiring.Plan, dryRun bool, next string) {
	n := plan.Changes()
	switch {
	case n == 0 && len(plan.Steps) == 0:
		fmt.Fprintln(s.w, "Nothing of ours is there.")
	case n == 0:
		fmt.Fprintln(s.w, "Nothing to change.")
	case dryRun:
		fmt.Fprintf(s.w, "Dry run: %d to be written, nothing was.\n", n)
		return
	default:
		fmt.Fprintf(s.w, "%d written.\n", n)
	}
	if next != "" {
		fmt.Fprintln(s.w, next)
	}
}
