package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: plot OUTFOLDER FILE.json")
	}
	folder := args[0]
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, file := range args[1:] {
		if err := drawFile(folder, file); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
	}
	return errors.Join(errs...)
}

func drawFile(folder, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c, err := parse(data)
	if err != nil {
		return err
	}
	var svg bytes.Buffer
	if err := c.write(&svg); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(file), ".json") + ".svg"
	return os.WriteFile(filepath.Join(folder, name), svg.Bytes(), 0o644)
}
