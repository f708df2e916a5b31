package main

import (
	"archive/zip"
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"runtime"
)

var layers = map[string]string{"amd64": "x86_64", "arm64": "arm64"} // by GOARCH

func (b *bench) layer(arch string) string { return b.path("layer/layer-" + arch + ".zip") }

// unpack takes the binary of this machine out of its layer: what is measured is
// what is published, to the last flag of its build. The report names what built it.
func (b *bench) unpack() error {
	r, err := zip.OpenReader(b.layer(layers[runtime.GOARCH]))
	if err != nil {
		return fmt.Errorf("the layer for %s: %w", runtime.GOARCH, err)
	}
	defer r.Close()
	binary, err := r.Open("extensions/" + extension)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(b.path(extension), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, binary); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(f.Name())
	if err != nil {
		return err
	}
	b.report.Go = info.GoVersion
	return nil
}

// sizes are those of the layer as it is published.
func (b *bench) sizes(context.Context) ([]figure, error) {
	var figures []figure
	for _, arch := range []string{"x86_64", "arm64"} {
		binary, err := unpackedSize(b.layer(arch))
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(b.layer(arch))
		if err != nil {
			return nil, err
		}
		figures = append(figures,
			figure{Name: "binary, " + arch, Unit: "MB", Got: float64(binary) / 1e6, Must: 8.5, Aim: 8},
			figure{Name: "layer zip, " + arch, Unit: "MB", Got: float64(info.Size()) / 1e6, Must: 3.6, Aim: 3.3})
	}
	return figures, nil
}

func unpackedSize(file string) (int64, error) {
	r, err := zip.OpenReader(file)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	binary, err := r.Open("extensions/" + extension)
	if err != nil {
		return 0, err
	}
	info, err := binary.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
