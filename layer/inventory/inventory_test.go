package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLicenses(t *testing.T) {
	const bsd2 = "Redistribution and use in source\nand binary forms, with or without\nmodification, are permitted provided that"
	for _, tc := range []struct {
		name, text string
		want       []string
		forLayer   bool
	}{
		{"apache", "   Apache License\n  Version 2.0, January 2004\n", []string{"Apache-2.0"}, true},
		{"two clauses", bsd2, []string{"BSD-2-Clause"}, true},
		{"three clauses", bsd2 + " … endorse or promote products\nderived from this", []string{"BSD-3-Clause"}, true},
		{"mozilla, which names others", `Mozilla Public License, version 2.0 … "GNU General Public License, Version 2.0"`, []string{"MPL-2.0"}, false},
		{"gpl", "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007", []string{"GPL"}, false},
		{"none that is known", "All rights reserved.", nil, false},
	} {
		m := &module{path: "example.test/m", version: "v1.0.0", texts: []text{{"LICENSE", tc.text}}}
		if diff := cmp.Diff(tc.want, m.licenses()); diff != "" {
			t.Errorf("%s: -want +got\n%s", tc.name, diff)
		}
		if err := allow([]*module{m}, inLayer); (err == nil) != tc.forLayer {
			t.Errorf("%s: in the layer: got error %v, want it allowed: %t", tc.name, err, tc.forLayer)
		}
	}
}

func TestEveryTextIsThereOnce(t *testing.T) {
	a := &module{path: "a", version: "v1", texts: []text{{"LICENSE", "shared terms"}, {"NOTICE", "notice of a"}}}
	b := &module{path: "b", version: "v2", texts: []text{{"LICENSE", "shared terms"}}}
	got := string(notices([]*module{a, b}))
	if strings.Count(got, "shared terms") != 1 || !strings.Contains(got, "a v1\nb v2\n\nshared terms") || !strings.Contains(got, "a v1\n\nnotice of a") {
		t.Errorf("got %s", got)
	}
}

// The page is made of the modules of the repository itself.
func TestPage(t *testing.T) {
	t.Chdir("../..")
	var b bytes.Buffer
	if err := page(&b); err != nil {
		t.Fatal(err)
	}
	layer, _, _ := strings.Cut(b.String(), "## In the operator's command")
	if !strings.Contains(layer, "| github.com/aws/smithy-go |") || strings.Contains(layer, "MPL") {
		t.Errorf("the part of the layer:\n%s", layer)
	}
}

// made is a binary of one module, and what the sources say of it.
func made() (*binary, []*module) {
	const sum = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" // of nothing
	b := &binary{data: []byte("program"), info: &debug.BuildInfo{
		GoVersion: "go1.26.0", Path: layerPackage, Deps: []*debug.Module{{Path: "example.test/m", Version: "v1.0.0", Sum: sum}},
		Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "arm64"}},
	}}
	mit := []text{{"LICENSE", "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"}}
	return b, []*module{{path: "example.test/m", version: "v1.0.0", sum: sum, texts: mit}, {path: standard, version: "go1.26.0", texts: mit}}
}

func TestSourcesAreTheBinarys(t *testing.T) {
	b, mods := made()
	if err := b.agrees(mods); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(){
		"another version":            func() { mods[0].version = "v1.0.1" },
		"other sources":              func() { mods[0].sum = "h1:" },
		"another compiler":           func() { mods[1].version = "go1.26.1" },
		"a module too few":           func() { mods = mods[1:] },
		"a module too many":          func() { b.info.Deps = nil },
		"a module that was replaced": func() { b.info.Deps[0].Replace = &debug.Module{Path: "../m"} },
	} {
		b, mods = made()
		change()
		if b.agrees(mods) == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// scripts/check-sbom holds it to the schema.
func TestBillOfMaterials(t *testing.T) {
	b, mods := made()
	data, err := b.sbom(mods)
	if err != nil {
		t.Fatal(err)
	}
	var got bom
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	const program, module, std = "pkg:golang/" + self + "#cmd/extension", "pkg:golang/example.test/m@v1.0.0", "pkg:golang/std@go1.26.0"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("program")))
	if diff := cmp.Diff([]hash{{"SHA-256", sum}}, got.Metadata.Component.Hashes); diff != "" {
		t.Errorf("the program: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]dependency{{Ref: program, DependsOn: []string{module, std}}}, got.Dependencies); diff != "" {
		t.Errorf("dependencies: -want +got\n%s", diff)
	}
	empty := fmt.Sprintf("%x", sha256.Sum256(nil))
	if diff := cmp.Diff([]component{
		{Ref: module, Type: "library", Name: "example.test/m", Version: "v1.0.0", PURL: module, Hashes: []hash{{"SHA-256", empty}}, Licenses: choices([]string{"MIT"})},
		{Ref: std, Type: "library", Name: standard, Version: "go1.26.0", PURL: std, Licenses: choices([]string{"MIT"})},
	}, got.Components); diff != "" {
		t.Errorf("components: -want +got\n%s", diff)
	}
	mods[0].sum = "h1:short"
	if _, err := b.sbom(mods); err == nil {
		t.Error("a sum that is none: got no error")
	}
}
