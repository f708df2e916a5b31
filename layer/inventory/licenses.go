package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// text is a licence or a notice, as a module has it.
type text struct {
	name    string
	content string
}

// read adds the licences and notices that hold for a package of m: those of its own
// folder and of all above it, to the module's.
func (m *module) read(dir, root string) error {
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !isText(e.Name()) || e.IsDir() {
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			t := text{e.Name(), strings.TrimSpace(string(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))))}
			if !slices.Contains(m.texts, t) {
				m.texts = append(m.texts, t)
			}
		}
		if dir == root || dir == filepath.Dir(dir) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

func isText(name string) bool {
	name = strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(name, ".txt"), ".md"))
	return name == "LICENSE" || name == "LICENCE" || name == "NOTICE" || name == "COPYING"
}

// signs are sentences that no other licence has, in one spelling of white space.
var signs = []struct{ license, sentence string }{
	{"Apache-2.0", "Apache License Version 2.0, January 2004"},
	{"Apache-2.0", "Licensed under the Apache License, Version 2.0"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"},
	{"MPL-2.0", "Mozilla Public License"},
	{"Unicode-DFS-2016", "Unicode Data Files include all data files under the directories"},
	{"GPL", "GNU GENERAL PUBLIC LICENSE Version"},
	{"LGPL", "GNU LESSER GENERAL PUBLIC LICENSE Version"},
	{"AGPL", "GNU AFFERO GENERAL PUBLIC LICENSE Version"},
}

const (
	bsd        = "Redistribution and use in source and binary forms, with or without modification, are permitted"
	bsdClause3 = "endorse or promote products derived from"
)

// licenses are the SPDX identifiers of what the texts of m grant, sorted: all of
// them hold. https://spdx.org/licenses/
func (m *module) licenses() (ids []string) {
	for _, t := range m.texts {
		words := strings.ToLower(strings.Join(strings.Fields(t.content), " "))
		has := func(sentence string) bool { return strings.Contains(words, strings.ToLower(sentence)) }
		for _, s := range signs {
			if has(s.sentence) {
				ids = append(ids, s.license)
			}
		}
		switch {
		case has(bsd) && has(bsdClause3):
			ids = append(ids, "BSD-3-Clause")
		case has(bsd):
			ids = append(ids, "BSD-2-Clause")
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// use is where a module is used, which decides what its licence may ask for.
type use int

const (
	inLayer  use = iota // in what every function gets
	inOthers            // in the operator's command, or in packages that others import
	inTests             // handed to nobody
)

var (
	permissive = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}
	// The Mozilla licence asks for the sources of its own files alone, which the
	// go command brings along unchanged.
	withSources = append(slices.Clone(permissive), "MPL-2.0", "Unicode-DFS-2016")

	allowed = map[use][]string{inLayer: permissive, inOthers: withSources, inTests: withSources}
)

// allow returns an error for each module whose licence is unknown, or none for u.
func allow(mods []*module, u use) error {
	var errs []error
	for _, m := range mods {
		ids := m.licenses()
		if len(ids) == 0 {
			errs = append(errs, fmt.Errorf("%s %s: no licence that is known here", m.path, m.version))
		}
		for _, id := range ids {
			if !slices.Contains(allowed[u], id) {
				errs = append(errs, fmt.Errorf("%s %s: got the licence %s, wanted one of %s", m.path, m.version, id, strings.Join(allowed[u], ", ")))
			}
		}
	}
	return errors.Join(errs...)
}

// notices is every text once, after the modules that it is of. The licences of what
// is linked want to go wherever the binary goes.
func notices(mods []*module) []byte {
	var order []string
	owners := map[string][]string{}
	for _, m := range mods {
		for _, t := range m.texts {
			if owners[t.content] == nil {
				order = append(order, t.content)
			}
			if name := m.path + " " + m.version; !slices.Contains(owners[t.content], name) {
				owners[t.content] = append(owners[t.content], name)
			}
		}
	}
	var b bytes.Buffer
	b.WriteString("The program aws-secretsmanager contains these modules, under these terms.\n")
	for _, content := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(owners[content], "\n"), content)
	}
	return b.Bytes()
}
