package main

import (
	"bytes"
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
