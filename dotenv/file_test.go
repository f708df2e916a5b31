package dotenv

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// checkFile wants path to be a plain file of mode 0600 with content, and nothing
// else in its directory.
func checkFile(t *testing.T, path, content string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), fs.FileMode(0o600); got != want {
		t.Errorf("mode: got %v, want %v", got, want)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("content: got %q and %v, want %q", got, err, content)
	}
	checkNames(t, filepath.Dir(path), filepath.Base(path))
}

func checkNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s: got %q, want %q", dir, got, want)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := WriteFile(path, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	write(t, path, "A=1\n")
	checkFile(t, path, "A=1\n")
	write(t, path, "")
	checkFile(t, path, "")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	write(t, path, "B=2\n")
	checkFile(t, path, "B=2\n")
}

func TestWriteFileMakesDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	write(t, filepath.Join(dir, "secrets.env"), "A=1\n")
	checkFile(t, filepath.Join(dir, "secrets.env"), "A=1\n")
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: got %v and %v, want mode 0700", d, info.Mode(), err)
		}
	}
}

func TestWriteFileHere(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "secrets.env", "A=1\n")
	checkFile(t, "secrets.env", "A=1\n")
}

// TestWriteFileReplacesLink has a link in the file's place, to a file that must not
// be written and to one that must not be made.
func TestWriteFileReplacesLink(t *testing.T) {
	for _, target := range []string{"victim", "missing"} {
		other, dir := t.TempDir(), t.TempDir()
		victim := filepath.Join(other, "victim")
		if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "secrets.env")
		symlink(t, filepath.Join(other, target), path)
		write(t, path, "A=1\n")
		checkFile(t, path, "A=1\n")
		checkNames(t, other, "victim")
		if got, _ := os.ReadFile(victim); string(got) != "mine" {
			t.Errorf("the link was followed: got %q", got)
		}
	}
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

// TestWriteFileInLinkedDirectory is about places such as /tmp of macOS.
func TestWriteFileInLinkedDirectory(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "tmp")
	symlink(t, dir, link)
	write(t, filepath.Join(link, "secrets.env"), "A=1\n")
	checkFile(t, filepath.Join(dir, "secrets.env"), "A=1\n")
}

func TestWriteFileErrors(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"directory.env", "full.env"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "full.env", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"directory.env", "full.env", "plain/secrets.env", strings.Repeat("x", 250)} {
		err := WriteFile(filepath.Join(dir, path), []byte("A=canary\n"))
		if err == nil {
			t.Errorf("%s: got no error", path)
			continue
		}
		if msg := err.Error(); strings.Contains(msg, "canary") || !strings.Contains(msg, filepath.Base(path)) {
			t.Errorf("%s: got %q, want the path and no value", path, msg)
		}
		checkNames(t, dir, "directory.env", "full.env", "plain")
	}
	if err := WriteFile("", nil); err == nil {
		t.Error("no path: got no error")
	}
}

func TestOrphansAreRemoved(t *testing.T) {
	dir := t.TempDir()
	const random = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	put := func(name string, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	orphan, fresh := tempPrefix("a.env")+random+tempSuffix, tempPrefix("a.env")+random[:25]+"2"+tempSuffix
	put(orphan, 2*time.Minute)
	put(fresh, time.Second)                                   // another writer's
	put(tempPrefix("b.env")+random+tempSuffix, 2*time.Minute) // another file's
	put(".a.env.mine.new", 2*time.Minute)
	folder := filepath.Join(dir, tempPrefix("a.env")+random[:25]+"3"+tempSuffix)
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Chtimes(folder, time.Time{}, time.Now().Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.env"), "A=1\n")
	checkNames(t, dir, fresh, filepath.Base(folder), ".a.env.mine.new",
		tempPrefix("b.env")+random+tempSuffix, "a.env")
}

// TestReadersNeverSeeAPart has several writers and a reader at once.
func TestReadersNeverSeeAPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.env")
	contents := []string{strings.Repeat("a", 1<<17), strings.Repeat("b", 1<<16), ""}
	write(t, path, "")
	var writers sync.WaitGroup
	for _, content := range contents {
		writers.Go(func() {
			for range 50 {
				if err := WriteFile(path, []byte(content)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { defer close(done); writers.Wait() }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); s != contents[0] && s != contents[1] && s != contents[2] {
			t.Fatalf("got %d bytes, want all of one writer's", len(got))
		}
	}
	checkNames(t, filepath.Dir(path), "secrets.env")
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path, link, victim := filepath.Join(dir, "a"), filepath.Join(dir, "link"), filepath.Join(dir, "victim")
	write(t, path, "")
	write(t, victim, "")
	symlink(t, victim, link)
	for _, p := range []string{path, path, link, filepath.Join(dir, "no", "such")} {
		if err := Remove(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	checkNames(t, dir, "victim")
	empty := t.TempDir()
	if err := Remove(empty); err == nil {
		t.Error("a directory: got no error")
	}
	if _, err := os.Stat(empty); errors.Is(err, fs.ErrNotExist) {
		t.Error("the directory was removed")
	}
}
