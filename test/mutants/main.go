// Command mutants shows that the tests hold the rules: it breaks one line at a time
// and wants the test that is named for it to fail.
//
//	go run ./test/mutants                 # every rule: about an hour
//	go run ./test/mutants -run flight     # those whose rule, file or package of tests matches
//	go run ./test/mutants -list           # the rules as docs/rules.md has them, without a run
//
// Nothing in the tree is edited. The changed file is laid over the real one by the
// go command's -overlay, in GOFLAGS, so that binaries which a test builds have it
// too. See https://pkg.go.dev/cmd/go#hdr-Compile_packages_and_dependencies.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// mutant is a rule, the line that keeps it, and the tests that see when it is gone.
type mutant struct {
	Rule    string // one sentence
	File    string // from the root of the module
	Old     string // what is replaced; it stands in File once
	New     string // "" removes it
	Package string // that has the tests, as "./cache"; those of [emulated] get a layer with the broken line
	Tests   string // a regular expression for -run, without anchors, or one TEST/SUBTEST; one of them must fail
	Args    string // arguments of the test binary, separated by spaces
}

// mutants is filled by the other files of this folder.
var mutants []mutant

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	pattern := flags.String("run", "", "a regular expression that the rule, its file or the package of its tests must match")
	list := flags.Bool("list", false, "print the rules, run nothing")
	workers := flags.Int("parallel", 2, "how many rules are tried at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	match, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		return !match.MatchString(m.Rule) && !match.MatchString(m.File) && !match.MatchString(m.Package)
	})
	if len(chosen) == 0 {
		return fmt.Errorf("no rule, file or package matches %q", *pattern)
	}
	slices.SortStableFunc(chosen, func(a, b mutant) int {
		return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.File, b.File))
	})
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if *list {
		printRules(out, chosen)
		return check(root, chosen)
	}
	return try(ctx, root, chosen, *workers, out)
}

// moduleRoot is the folder with go.mod, from here upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod here or above: run it in the repository")
		}
		dir = filepath.Dir(dir)
	}
}

// check reports the rules whose line is not there, or there more than once.
func check(root string, chosen []mutant) error {
	var errs []error
	for _, m := range chosen {
		if _, err := m.mutate(root); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (m mutant) mutate(root string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(root, m.File))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(b), m.Old); n != 1 {
		return nil, fmt.Errorf("%s has %q %d times, want once: the rule %q needs another look", m.File, m.Old, n, m.Rule)
	}
	return []byte(strings.Replace(string(b), m.Old, m.New, 1)), nil
}

// try runs the tests as they are, which must pass, and then with each rule broken.
func try(ctx context.Context, root string, chosen []mutant, workers int, out io.Writer) error {
	if err := check(root, chosen); err != nil {
		return err
	}
	idle, err := sound(ctx, root, chosen)
	if err != nil {
		return err
	}
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		survived int
		queue    = make(chan mutant)
	)
	for range max(workers, 1) {
		wg.Go(func() {
			for m := range queue {
				began := time.Now()
				r := result{invalid, tail(idle[m.Package])}
				if idle[m.Package] == nil {
					r = m.run(ctx, root)
				}
				mu.Lock()
				if r.verdict != red {
					survived++
				}
				fmt.Fprintf(out, "%-7s %5.1f s  %s: %s\n%s", r.verdict, time.Since(began).Seconds(), m.File, m.Rule, r.detail)
				mu.Unlock()
			}
		})
	}
	for _, m := range chosen {
		queue <- m
	}
	close(queue)
	wg.Wait()
	fmt.Fprintf(out, "%d of %d rules were seen red\n", len(chosen)-survived, len(chosen))
	if survived > 0 {
		return fmt.Errorf("%d rules were not seen red", survived)
	}
	return ctx.Err()
}

const introduction = `# Rules and the tests that hold them

Each rule below is kept by a line of code. "make mutants" takes that line away, or breaks it, one rule after the other, and
wants the test that stands beside it to fail; it takes about an hour. "go run ./test/mutants -list" prints this page.
The tests in ` + "`test/rie`" + ` need root: where they cannot run their rules are said to be INVALID, not red.
`

func printRules(out io.Writer, chosen []mutant) {
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	fmt.Fprint(out, introduction, "\n")
	fmt.Fprintln(out, "| rule | where | test that fails without it |\n|---|---|---|")
	for _, m := range chosen {
		tests := strings.ReplaceAll(m.Tests, "|", "`, `")
		fmt.Fprintf(out, "| %s | `%s` | `%s` in `%s` |\n", cell.Replace(m.Rule), m.File, tests, strings.TrimPrefix(m.Package, "./"))
	}
}
