package templates

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDockerfile does what the first stage does, with a zip of the layer, and looks
// at what the second one takes from it.
func TestDockerfile(t *testing.T) {
	stages := instructions(t)
	if len(stages) != 2 {
		t.Fatalf("got %d stages, want 2", len(stages))
	}
	root := t.TempDir()
	var dir string
	for _, i := range stages[0] {
		switch i.name {
		case "WORKDIR":
			dir = filepath.Join(root, i.rest)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		case "COPY":
			if i.rest != "build/layer-${ARCH}.zip layer.zip" {
				t.Fatalf("COPY %s, want the zip that scripts/build-layer makes", i.rest)
			}
			if err := os.WriteFile(filepath.Join(dir, "layer.zip"), read(t, prepared, "layer.zip"), 0o644); err != nil {
				t.Fatal(err)
			}
		case "RUN":
			cmd := exec.Command("sh", "-c", i.rest)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("RUN %s: %v\n%s", i.rest, err, out)
			}
		}
	}

	// Lambda starts each file of the folder by its name.
	image := map[string]string{}
	for _, i := range stages[1] {
		if from, ok := strings.CutPrefix(i.rest, "--from=layer "); i.name == "COPY" && ok {
			words := strings.Fields(from)
			image[words[1]] = filepath.Join(root, words[0])
		}
	}
	opt, ok := image["/opt/"]
	if !ok || len(image) != 1 {
		t.Fatalf("the image takes %v from the layer, want all of it, into /opt", image)
	}
	path := filepath.Join(opt, "extensions", "aws-secretsmanager")
	for _, executable := range []string{path, filepath.Join(opt, "secrets-wrapper")} {
		info, err := os.Stat(executable)
		if err != nil || info.Mode().Perm() != 0o755 {
			t.Fatalf("%s is %v (%v), want a file of mode 0755", executable, info, err)
		}
	}
	// The zip itself stays behind, and each package is where its runtime looks.
	var top []string
	entries, err := os.ReadDir(opt)
	for _, e := range entries {
		top = append(top, e.Name())
	}
	if want := []string{"extensions", "nodejs", "python", "secrets-wrapper", "share"}; err != nil || !slices.Equal(top, want) {
		t.Errorf("/opt has %q (%v), want %q", top, err, want)
	}
	// It is a program for this machine: the configuration that it lacks is what it complains about.
	cmd := exec.Command(path)
	cmd.Env = []string{"SECRETS_MANAGER_TTL=soon"}
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.Success() || !strings.Contains(string(out), "SECRETS_MANAGER_TTL") {
		t.Errorf("the extension does not run: %s", out)
	}
}

// TestDockerfileNeedsNoMoreThanItIsSent compares what is copied with what the
// ignore file lets through.
func TestDockerfileNeedsNoMoreThanItIsSent(t *testing.T) {
	var copied, sent []string
	for _, stage := range instructions(t) {
		for _, i := range stage {
			if words := strings.Fields(i.rest); i.name == "COPY" && !strings.HasPrefix(i.rest, "--from") {
				copied = append(copied, strings.ReplaceAll(words[0], "${ARCH}", "*"))
			}
		}
	}
	for line := range strings.Lines(string(read(t, folder, "container", "Dockerfile.dockerignore"))) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok {
			sent = append(sent, path)
		}
	}
	if !slices.Equal(copied, sent) {
		t.Errorf("the image copies %q, and %q is sent", copied, sent)
	}
	if _, err := os.Stat(filepath.Join("../..", copied[len(copied)-1])); err != nil {
		t.Error(err)
	}
}

// TestLayerHoldsWhatIsCopied fails when the layer gets an extension that the image
// does not take along.
func TestLayerHoldsWhatIsCopied(t *testing.T) {
	z, err := zip.OpenReader(filepath.Join(prepared, "layer.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	extensions, err := fs.Glob(z, "extensions/*")
	if want := []string{"extensions/aws-secretsmanager"}; err != nil || !slices.Equal(extensions, want) {
		t.Errorf("the layer has the extensions %q (%v), want %q", extensions, err, want)
	}
}

type instruction struct{ name, rest string }

// instructions returns those of each stage. hadolint has parsed the file before;
// no instruction in it goes over a line.
func instructions(t *testing.T) [][]instruction {
	t.Helper()
	var stages [][]instruction
	for line := range strings.Lines(string(read(t, folder, "container", "Dockerfile"))) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "" || name == "#":
			continue
		case strings.HasSuffix(rest, `\`):
			t.Fatalf("%s goes over its line", name)
		case name == "FROM":
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], instruction{name, rest})
	}
	return stages
}
