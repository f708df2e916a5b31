package dotenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path by one with data and mode 0600, in one step:
// a reader finds the old content or the new one, never a part. A symbolic link at
// path is replaced and not followed; a missing directory is made, with mode 0700.
// An error says what could not be done, and never has data.
//
// It does not sync: the file does not outlive the sandbox, so there is no crash
// after which anybody reads it.
func WriteFile(path string, data []byte) (err error) {
	dir, name := filepath.Split(filepath.Clean(path))
	if err := os.MkdirAll(filepath.Clean(dir), 0o700); err != nil {
		return fmt.Errorf("dotenv file %s: %w", path, err)
	}
	// Within the root no name leads out of the directory, whoever swaps it meanwhile.
	root, err := os.OpenRoot(filepath.Clean(dir))
	if err != nil {
		return fmt.Errorf("dotenv file %s: %w", path, err)
	}
	defer root.Close()
	temp := "." + name + ".new"
	defer func() {
		if err != nil {
			_ = root.Remove(temp)
			err = fmt.Errorf("dotenv file %s: %w", path, err)
		}
	}()
	if err := writeNew(root, temp, data); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

// writeNew makes a file that was not there. What is there under this name was left
// by a process that was killed while it wrote, since /tmp outlives the reset of an
// environment, or was put there by somebody else.
func writeNew(root *os.Root, name string, data []byte) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// Remove removes the file at path; a symbolic link there is removed and not
// followed. That there is none is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dotenv file: %w", err)
	}
	return nil
}
