// Command figures makes docs/figures.md of what was measured: it rewrites the tables
// between the marks of that page, and writes the charts that test/plot draws.
//
//	go run ./test/figures -page docs/figures.md -charts FOLDER -bench BENCH.json -age AGE.json -soak SOAK.json
//
// Each of the three is optional; the tables that are made of it stay as they are
// without it. scripts/figures measures, and calls this.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws-secretsmanager/lambda-extension/test/bench/record"
	"github.com/aws-secretsmanager/lambda-extension/test/chart"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	file := flags.String("page", "", "the page to rewrite")
	folder := flags.String("charts", "", "the folder for the charts")
	benchFile := flags.String("bench", "", "the JSON of scripts/bench")
	ageFile := flags.String("age", "", "the JSON of TestAgeAfterRotation")
	soakFile := flags.String("soak", "", "the JSON of scripts/soak")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" || *folder == "" || flags.NArg() > 0 {
		return errors.New("-page and -charts are required: run scripts/figures")
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	p := &page{text: string(text), charts: map[string]chart.Chart{}}
	var b record.Report
	var a []ages
	var s soak
	for _, source := range []struct {
		file string
		into any
		add  func() error
	}{
		{*benchFile, &b, func() error { return p.addBenchmark(b) }},
		{*ageFile, &a, func() error { return p.addAges(a) }},
		{*soakFile, &s, func() error { return p.addSoak(s) }},
	} {
		if source.file == "" {
			continue
		}
		if err := read(source.file, source.into); err != nil {
			return err
		}
		if err := source.add(); err != nil {
			return fmt.Errorf("%s: %w", source.file, err)
		}
	}
	return p.write(*file, *folder)
}

func read(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (p *page) write(file, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, c := range p.charts {
		data, err := json.MarshalIndent(c, "", " ")
		if err != nil {
			return fmt.Errorf("chart %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+".json"), append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(file, []byte(p.text), 0o644)
}
