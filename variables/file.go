package variables

import (
	"fmt"
	"log/slog"
	"maps"

	"github.com/aws-secretsmanager/lambda-extension/dotenv"
)

// file is the dotenv file, as far as this process wrote it.
type file struct {
	path string
	log  *slog.Logger

	written  map[string]string // nil: nothing, or not for sure
	exists   bool              // by our doing
	failed   bool              // the last write
	warnings []string
}

// keep writes vars, unless the file has them already.
func (f *file) keep(vars map[string]string) error {
	if f.path == "" || f.written != nil && maps.Equal(f.written, vars) {
		return nil
	}
	data, report := dotenv.Encode(vars)
	f.warnings = nil
	if len(report.Refused) > 0 {
		f.warnings = append(f.warnings, fmt.Sprintf("%s leaves out %s: a dotenv file cannot hold it", f.path, list(report.Refused)))
	}
	if len(report.NotPortable) > 0 {
		f.warnings = append(f.warnings, fmt.Sprintf("not every dotenv reader reads %s from %s exactly: their values mix quotes with backslashes, dollars, backticks or carriage returns", list(report.NotPortable), f.path))
	}
	if err := dotenv.WriteFile(f.path, data); err != nil {
		f.written = nil
		if !f.failed {
			f.log.Error("dotenv file cannot be written, the next change tries again", "path", f.path, "error", err.Error())
		}
		f.failed = true
		return fmt.Errorf("write the dotenv file: %w", err)
	}
	if f.failed {
		f.log.Info("dotenv file is written again", "path", f.path)
	}
	f.written, f.exists, f.failed = vars, true, false
	return nil
}

func (f *file) remove() error {
	if !f.exists {
		return nil
	}
	if err := dotenv.Remove(f.path); err != nil {
		return fmt.Errorf("remove the dotenv file: %w", err)
	}
	f.written, f.exists = nil, false
	return nil
}
