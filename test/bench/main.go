// Command bench measures the figures that the README promises.
//
// Each is a ratio or a difference to a baseline that is measured in the same run,
// turn by turn, so that a slow or busy machine slows both. Counts and sizes are
// what they are. The processes are the layer's own binary and plain Go programs
// in the folders below this one; Lambda and Secrets Manager are fakes in this
// process. scripts/bench builds the parts and runs it.
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
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// patience is for all figures together, which take about a minute.
const patience = 10 * time.Minute

// bench is what the measurements share.
type bench struct {
	folder string // has the layer and the binaries, and gets the dotenv files
	smoke  bool
	report report
}

// extension is the name of the binary in the layer, and the one it registers with.
const extension = "aws-secretsmanager"

func (b *bench) path(name string) string { return filepath.Join(b.folder, name) }

// times is how often something is measured.
func (b *bench) times(full, smoke int) int {
	if b.smoke {
		return smoke
	}
	return full
}

func run(args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	folder := flags.String("folder", "", "where the layer and the binaries are")
	smoke := flags.Bool("smoke", false, "measure less; a timing that misses its must only warns")
	file := flags.String("json", "", "write the figures to this file too, with what pictures need")
	samples := flags.String("benchstat", "", "write all measurements to this file, for benchstat")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *folder == "" {
		return errors.New("-folder is required: run scripts/bench")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	b := &bench{folder: *folder, smoke: *smoke, report: newReport(*smoke)}
	if err := b.unpack(); err != nil {
		return err
	}
	measurements := []func(context.Context) ([]figure, error){
		b.hits, b.misses, b.coldStart, b.manySecrets, b.startParts, b.calls, b.sizes, b.memory, b.rotation,
		b.proxy, b.wrapperStart, b.restart,
	}
	var figures []figure
	for _, measure := range measurements {
		f, err := measure(ctx)
		if err != nil {
			return err
		}
		figures = append(figures, f...)
	}
	printTable(os.Stdout, figures, *smoke)
	b.report.add(figures)
	if err := b.write(*file, *samples); err != nil {
		return err
	}
	return missed(figures, *smoke)
}

// write writes the files that were asked for.
func (b *bench) write(file, samples string) error {
	if file != "" {
		if err := b.report.writeJSON(file); err != nil {
			return err
		}
	}
	if samples != "" {
		return b.report.writeSamples(samples)
	}
	return nil
}
