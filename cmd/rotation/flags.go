package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aws-secretsmanager/lambda-extension/event"
	"github.com/aws-secretsmanager/lambda-extension/rotation/wiring"
)

// The forms of output.
const (
	formatText           = "text"
	formatJSON           = "json"
	formatCloudFormation = "cloudformation"
	formatTerraform      = "terraform"
)

// output is --output and its short form --json.
type output struct {
	format string
	json   bool
	known  []string
}

func (o *output) add(c *cobra.Command, more ...string) {
	o.known = append([]string{formatText, formatJSON}, more...)
	c.Flags().StringVarP(&o.format, "output", "o", formatText, "`"+strings.Join(o.known, "|")+"`")
	c.Flags().BoolVar(&o.json, "json", false, "the same as --output json")
}

func (o *output) check() error {
	if o.json {
		if o.format != formatText && o.format != formatJSON {
			return usageError{fmt.Errorf("--json contradicts --output %s", o.format)}
		}
		o.format = formatJSON
	}
	if !slices.Contains(o.known, o.format) {
		return usageError{fmt.Errorf("--output %q: want %s", o.format, strings.Join(o.known, ", "))}
	}
	return nil
}

// wiringFlags are those that say which events of what go to which function.
type wiringFlags struct {
	function, event, bus string
	secrets              []string
	matcher              event.Matcher
}

func (w *wiringFlags) addFunction(c *cobra.Command) {
	c.Flags().StringVarP(&w.function, "function", "f", "", "the function: `NAME`, NAME:ALIAS, NAME:VERSION or an ARN (needed)")
}

func (w *wiringFlags) addSecrets(c *cobra.Command) {
	c.Flags().StringSliceVarP(&w.secrets, "secret", "s", nil, "a `SECRET`: name, ARN or partial ARN; once for each, or several behind it (default: those that the function's SECRET names)")
}

func (w *wiringFlags) addEvent(c *cobra.Command, fallback, usage string) {
	c.Flags().StringVar(&w.event, "event", fallback, "`native|custom|both`: "+usage)
}

func (w *wiringFlags) addBus(c *cobra.Command, usage string) {
	c.Flags().StringVar(&w.bus, "bus", "", "`BUS` "+usage)
}

func addMatcher(c *cobra.Command, m *event.Matcher, fallback string) {
	c.Flags().StringVar(&m.Source, "source", "", "source of the custom event (default: "+fallback+event.DefaultSource+")")
	c.Flags().StringVar(&m.DetailType, "detail-type", "", "detail-type of the custom event (default: "+fallback+event.DefaultDetailType+")")
	c.Flags().StringVar(&m.DetailKey, "detail-key", "", "key of the secret's id in its detail (default: "+fallback+event.DefaultDetailKey+")")
}

// begin is what every command on a function does first: it reads the whole command
// line, then the AWS configuration.
func (w *wiringFlags) begin(c *cobra.Command, a *awsFlags, out *output, args []string) (wiring.Spec, wiring.Clients, error) {
	spec, err := w.wiring(c, args)
	if err == nil {
		err = out.check()
	}
	if err != nil {
		return spec, wiring.Clients{}, err
	}
	clients, err := a.clients(c.Context(), spec.Function.Region)
	return spec, clients, err
}

// wiring reads the flags. What stands behind them without a flag are secrets, so
// that --secret A B means both, as lists do to the AWS CLI.
func (w *wiringFlags) wiring(c *cobra.Command, args []string) (wiring.Spec, error) {
	if w.function == "" {
		return wiring.Spec{}, usageError{errors.New("--function is missing, want NAME, NAME:ALIAS, NAME:VERSION or an ARN")}
	}
	id, err := wiring.ParseFunctionID(w.function)
	if err != nil {
		return wiring.Spec{}, usageError{fmt.Errorf("--function: %w", err)}
	}
	spec := wiring.Spec{Function: id, Bus: w.bus, Matcher: w.matcher}
	for _, s := range append(slices.Clone(w.secrets), args...) {
		spec.Secrets = append(spec.Secrets, strings.TrimSpace(s))
	}
	// An empty one is a variable of a script that is not set, not the wish for the default.
	if c.Flags().Changed("secret") && len(w.secrets) == 0 || slices.Contains(spec.Secrets, "") {
		return spec, usageError{errors.New("--secret is empty, want a name or an ARN")}
	}
	switch w.event {
	case "":
	case "native":
		spec.Events = []wiring.Event{wiring.Native}
	case "custom":
		spec.Events = []wiring.Event{wiring.Custom}
	case "both":
		spec.Events = []wiring.Event{wiring.Native, wiring.Custom}
	default:
		return spec, usageError{fmt.Errorf("--event %q: want native, custom or both", w.event)}
	}
	return spec, nil
}
