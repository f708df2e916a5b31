// Command demo tells what the layer does for a Lambda function, and checks every
// sentence of it.
//
// The extension and the function are the real ones, each in its own process; AWS
// Lambda and AWS Secrets Manager are the fakes of this repository, in this one.
// The first sentence that does not hold ends the demo with exit status 1.
// scripts/demo builds the parts and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// patience is for the whole story, which takes five seconds.
const patience = 40 * time.Second

func run(args []string, out *os.File) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	extension := flags.String("extension", "", "the extension's binary, named aws-secretsmanager")
	function := flags.String("function", "", "the function's binary")
	folder := flags.String("folder", "", "where the dotenv file goes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *extension == "" || *function == "" || *folder == "" {
		return errors.New("-extension, -function and -folder are required: run scripts/demo")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	s, err := newStory(newPage(out), filepath.Join(*folder, "secrets.env"))
	if err != nil {
		return err
	}
	defer s.close()
	chapters := []func(context.Context) error{
		func(ctx context.Context) error { return s.coldStart(ctx, *extension, *function) },
		s.reads,
		s.dotenv,
		func(ctx context.Context) error { return s.elsewhere.start(ctx, *extension) },
		s.rotation,
		s.untold,
		s.secondRotation,
		s.outage,
		s.shutdown,
		s.calls,
	}
	s.prologue()
	for _, chapter := range chapters {
		if err := chapter(ctx); err != nil {
			return fmt.Errorf("this did not hold: %w\nThe log of the processes:\n%s", err, s.here.lambda.Log())
		}
	}
	s.page.text("")
	s.page.text("Every line marked ok was checked, not only printed.")
	return nil
}
