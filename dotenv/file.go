package dotenv

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// WriteFile replaces the file at path by one with data and mode 0600, in one step:
// a reader finds the old content or the new one, never a part. A symbolic link at
// path is replaced and not followed, one to its directory is followed; a missing
// directory is made, with mode 0700. An error says what could not be done, and
// never has data.
//
// It does not sync. The file is made anew at every start and does not outlive the
// machine, so after a power cut there is nobody to read it.
func WriteFile(path string, data []byte) error {
	if err := replace(filepath.Clean(path), data); err != nil {
		return fmt.Errorf("write dotenv file %q: %w", path, err)
	}
	return nil
}

func replace(path string, data []byte) (err error) {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// From here on the directory is the one that was opened, whoever renames it or
	// puts a link in its place, and no name leads out of it.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	removeOrphans(root, name)

	temp := tempPrefix(name) + rand.Text() + tempSuffix
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(temp)
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

const tempSuffix = ".new"

func tempPrefix(name string) string { return "." + name + "." }

// orphaned is the age at which a temporary file has no writer any more.
const orphaned = time.Minute

// removeOrphans removes what a process left that was killed while it wrote: /tmp
// outlives the reset of a sandbox, and what is in there is secret. What cannot be
// removed hinders nobody.
func removeOrphans(root *os.Root, name string) {
	d, err := root.Open(".")
	if err != nil {
		return
	}
	defer d.Close()
	entries, _ := d.ReadDir(-1)
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), tempPrefix(name))
		middle, ok2 := strings.CutSuffix(middle, tempSuffix)
		if !ok || !ok2 || len(middle) != len(rand.Text()) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > orphaned {
			_ = root.Remove(e.Name())
		}
	}
}

// Remove removes the file at path; a symbolic link there is removed and not
// followed. That there is none is no error, that it is a directory is one.
func Remove(path string) error {
	info, err := os.Lstat(path)
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "remove", Path: path, Err: errors.New("is a directory")}
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove dotenv file: %w", err)
	}
	return nil
}
