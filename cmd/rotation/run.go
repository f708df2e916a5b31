package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// The exit statuses, as the help tells them.
const (
	exitOK     = 0
	exitFailed = 1 // an error, or a check that does not hold
	exitUsage  = 2
)

// usageError is a command line that cannot be meant.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errNotHeld ends verify when its report, which is printed already, is not all ok.
var errNotHeld = errors.New("not everything holds")

// run is main less what only a process has. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted; nothing is lost, run the same command again (%w)", err)
	}
	fmt.Fprintf(stderr, "rotation: %v\n", err)
	if _, done := errors.AsType[printedError](err); !done && wantsJSON(c) {
		_ = printJSON(stdout, because(err))
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "See '%s --help'.\n", c.CommandPath())
		return exitUsage
	}
	return exitFailed
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "rotation",
		Short: "Bring rotations of secrets to Lambda functions",
		Long: `Bring rotations of AWS Secrets Manager's secrets to Lambda functions.

Secrets Manager sends an event for every secret that gets a new current version.
setup routes it to a function, verify proves that it arrives.

Credentials and Region are found as every AWS tool finds them: AWS_PROFILE,
AWS_REGION, the shared configuration, single sign-on, roles.

Exit status: 0 done, or all holds; 1 an error, or something does not hold;
2 the command line is wrong.`,
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprint(c.ErrOrStderr(), c.UsageString())
			return usageError{errors.New("no command, want notify, setup, verify or teardown")}
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	a := &awsFlags{}
	root.PersistentFlags().StringVar(&a.profile, "profile", "", "profile of the AWS configuration `NAME`")
	root.PersistentFlags().StringVar(&a.region, "region", "", "AWS `REGION`, else that of an ARN, of AWS_REGION or of the profile")
	root.AddCommand(newNotify(a), newSetup(a), newVerify(a), newTeardown(a))
	for _, c := range append(root.Commands(), root) {
		wrapArgs(c)
	}
	return root
}

// wrapArgs makes wrong arguments a usage error, which cobra itself does not tell
// from others.
func wrapArgs(c *cobra.Command) {
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// buildVersion is that of the module, with which `go install …@version` stamps it.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
