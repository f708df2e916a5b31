package conformance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

// scripts/conformance -timeout 1h -run Random -args -random 200000 -seed 7
var (
	howMany = flag.Int("random", 2000, "how many random values every reader reads")
	seed    = flag.Uint64("seed", 1, "what makes the values: the same seed makes the same ones")
)

// inOneFile is few enough for the environment of a process, which is how a shell
// gives out what it has read.
const inOneFile = 2000

// TestRandom is TestDotenv with values that nobody has seen before. What a reader
// loses is told by rules, so these hold for all values or fail here.
func TestRandom(t *testing.T) {
	t.Logf("seed %d", *seed)
	values := randomValues(*seed, *howMany)
	for _, r := range readers {
		t.Run(r.name, func(t *testing.T) {
			var sum [6]count
			for part := range slices.Chunk(values, inOneFile) {
				for _, b := range batched(t, part) {
					for rung, n := range r.check(t, b) {
						sum[rung].right += n.right
						sum[rung].all += n.all
					}
				}
			}
			for rung, n := range sum {
				if rung > 0 && n.right == 0 && *howMany >= 1000 && !(r.name == "node" && rung == 5) {
					t.Errorf("rung %d: got none of %d values", rung, n.all)
				}
			}
			t.Logf("values that came back, of all, by rung: %v", sum[1:])
		})
	}
}

// TestRandomShell is about the format for shells, which may have any bytes.
func TestRandomShell(t *testing.T) {
	values := randomValues(*seed, *howMany)
	r := random{rand.New(rand.NewPCG(*seed, 3))}
	for i := range values {
		if i%3 == 0 {
			values[i] = strings.ReplaceAll(r.bytes(r.IntN(30)), "\x00", "")
		}
	}
	for _, reader := range readers[:2] {
		t.Run(reader.name, func(t *testing.T) {
			for part := range slices.Chunk(values, inOneFile) {
				want := map[string]string{}
				for i, value := range part {
					want[fmt.Sprintf("SECRET_%04d", i)] = value
				}
				data, report := dotenv.Shell(want)
				if report.Refused != nil {
					t.Fatalf("refused: %v", report.Refused)
				}
				path := filepath.Join(t.TempDir(), "secrets.sh")
				if err := dotenv.WriteFile(path, data); err != nil {
					t.Fatal(err)
				}
				got := reader.read(t, path)
				for name, value := range want {
					if v, there := got[name]; !there || v != value {
						t.Errorf("got %s, want %s", short(v), short(value))
					}
				}
			}
		})
	}
}

// randomValues are of characters that readers care for, of all that there are, and
// pieces of the worst values put together.
func randomValues(seed uint64, n int) []string {
	r := random{rand.New(rand.NewPCG(seed, 2))}
	kinds := []func() string{
		func() string { return r.of(printable, 1+r.IntN(40)) },
		func() string { return r.of(nasty, 1+r.IntN(30)) },
		func() string { return r.of("'\"\\$`\n #=", 1+r.IntN(8)) },
		func() string { return r.of("a'\"\\${}()-:`", 1+r.IntN(10)) },
		func() string { return r.of("abcXYZ019_./:@%+,!?=*^{}[]-", 1+r.IntN(30)) },
		func() string { return r.of("ab \"$\n.", 1+r.IntN(20)) + "'" },
		func() string { return r.of("ab \"$`\n.", 1+r.IntN(20)) + "\n" },
		func() string { return r.runes(1 + r.IntN(12)) },
		func() string {
			return special[r.IntN(len(special))] + r.of(nasty, r.IntN(3)) + special[r.IntN(len(special))]
		},
	}
	values := make([]string, n)
	for i := range values {
		values[i] = kinds[r.IntN(len(kinds))]()
	}
	return values
}

// runes makes text of any characters, but for NUL and those that Unicode will never
// assign, which have a test of their own.
func (r random) runes(n int) string {
	var b strings.Builder
	for b.Len() < n {
		c := rune(1 + r.IntN(1<<(7+r.IntN(15))))
		if utf8.ValidRune(c) && (c < 0xFDD0 || c > 0xFDEF) && c&0xFFFE != 0xFFFE {
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (r random) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}
