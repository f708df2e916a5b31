// Command ruler compares the verdicts of package pattern with those of AWS's own
// engine on random patterns and events. It prints nothing when they agree.
//
//	ruler [-n CASES] [-seed SEED] COMMAND [ARGUMENT...]
//
// COMMAND is the engine: Verdicts.java, as scripts/conformance-patterns runs it.
//
// These differences are left as they are, and the cases keep clear of them:
//
//   - The engine stops reading at the end of a pattern or an event; here anything
//     after it is an error. So is text that is not UTF-8.
//   - Without regard to case, characters outside the Basic Multilingual Plane
//     never match there, and one whose other case is several (ß, SS) does not
//     match these here.
//   - A field that is matched without regard to case and by something else as well
//     matches too much there (with a wildcard at its beginning: nearly everything),
//     or too little.
//   - Of several matchers of a field, a numeric range among them, it loses another
//     once in some hundred thousand cases; those of the default seed have none.
//   - Of two branches of $or that have the same paths and a matcher in common, it
//     forgets the second.
//   - It compares the hexadecimal digits of addresses from the left: with a network
//     such as 0.0.0.0/0, IPv6 addresses and plain numbers match too.
//   - It reads IPv4 addresses with zeros before a number, and networks with a slash
//     at the end.
//   - The smallest float64 cannot be compared there, with Java before 19, and
//     bounds beyond the largest one end in an internal error.
//   - A path in a name of nothing ("") is found at some depths only there.
//   - {"anything-but": {"prefix": []}} is accepted there and matches nothing.
//   - In a pattern whose $or is no list of branches, and so a plain name, it
//     knows the oldest forms of anything-but only.
//   - $or may have more than a thousand combinations there.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/aws-secretsmanager/lambda-extension/rotation/pattern"
)

func main() {
	n := flag.Int("n", 20000, "how many cases")
	seed := flag.Uint64("seed", 1, "of the cases")
	flag.Parse()
	if err := run(*n, *seed, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ruler:", err)
		os.Exit(1)
	}
}

type testCase struct {
	Pattern string `json:"pattern"`
	Event   string `json:"event"`
}

func run(n int, seed uint64, engine []string) error {
	if len(engine) == 0 {
		return fmt.Errorf("no command for the engine was given")
	}
	g := generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	cases := make([]testCase, n)
	for i := range cases {
		cases[i] = g.testCase()
	}
	theirs, err := ask(engine, cases)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	differences := 0
	for i, c := range cases {
		their, reason, _ := strings.Cut(theirs[i], ": ")
		counts[their]++
		our, err := verdict(c)
		if our == their {
			continue
		}
		if differences++; differences <= 20 {
			fmt.Fprintf(os.Stderr, "pattern %s\nevent   %s\nengine: %s %s\nhere:   %s %v\n\n", c.Pattern, c.Event, their, reason, our, err)
		}
	}
	if differences > 0 {
		return fmt.Errorf("%d of %d verdicts differ (seed %d)", differences, n, seed)
	}
	// Cases that are all alike would agree and prove nothing.
	for _, v := range []string{"true", "false", "rejected"} {
		if counts[v] < n/10 {
			return fmt.Errorf("%d of %d verdicts are %s: want a tenth at least", counts[v], n, v)
		}
	}
	return nil
}

func verdict(c testCase) (string, error) {
	p, err := pattern.Parse([]byte(c.Pattern))
	if err != nil {
		return "rejected", err
	}
	matches, err := p.Match([]byte(c.Event))
	if err != nil {
		return "error", err
	}
	return strconv.FormatBool(matches), nil
}

// ask returns the engine's answer to every case.
func ask(engine []string, cases []testCase) ([]string, error) {
	var in, out bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, c := range cases {
		if err := enc.Encode(c); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(engine[0], engine[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", engine[0], err)
	}
	var answers []string
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		answers = append(answers, lines.Text())
	}
	if len(answers) != len(cases) {
		return nil, fmt.Errorf("the engine gave %d answers to %d cases", len(answers), len(cases))
	}
	return answers, lines.Err()
}
