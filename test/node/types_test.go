package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The declarations must serve every way in which a project may resolve modules.
func TestTypes(t *testing.T) {
	newest := nodes[len(nodes)-1]
	for _, tsc := range compilers {
		for name, flags := range map[string][]string{
			"node16":   {"--module", "node16", "--moduleResolution", "node16"},
			"nodenext": {"--module", "nodenext"},
			"bundler":  {"--module", "esnext", "--moduleResolution", "bundler"},
		} {
			t.Run(typescript(tsc)+"/"+name, func(t *testing.T) {
				dir := project(t, newest, "types/usage.mts", "types/usage.cts", "types/middy.mts")
				check := func(flags []string, files ...string) {
					t.Helper()
					args := append([]string{tsc, "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom"}, flags...)
					cmd := exec.Command(newest.binary(), append(args, files...)...)
					cmd.Dir = dir
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%v: %v\n%s", files, err, out)
					}
				}
				files := []string{"usage.mts", "usage.cts"}
				if name == "bundler" {
					files = files[:1] // a bundler has no CommonJS
				}
				check(append(flags, "--exactOptionalPropertyTypes"), files...)
				// middy's own declarations want packages that nobody here needs.
				if err := os.Symlink(filepath.Join(newest.modules, "@types"), filepath.Join(dir, "node_modules", "@types")); err != nil {
					t.Fatal(err)
				}
				check(append(flags, "--skipLibCheck"), "middy.mts")
			})
		}
	}
}

// typescript names the version of a compiler, which is FOLDER/node_modules/typescript/bin/tsc.
func typescript(tsc string) string {
	folder, _, _ := strings.Cut(tsc, "/node_modules/")
	return filepath.Base(folder)
}
