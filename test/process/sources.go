package process

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// NoteSources opens every folder of sources below root: what a test opens is what go
// test takes it to depend on, and it knows nothing of the binaries that are built for
// it. Only a test is watched, and TestMain is none.
func NoteSources(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build") {
			return filepath.SkipDir
		}
		return err
	})
}
