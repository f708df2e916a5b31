package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// bom is as much of CycloneDX 1.6 as says what is in a program. It has no serial
// number and no time, so that the same binary has the same one.
// https://cyclonedx.org/docs/1.6/json/
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Component  component  `json:"component"`
	Properties []property `json:"properties"`
}

type component struct {
	Ref      string          `json:"bom-ref"`
	Type     string          `json:"type"`
	Name     string          `json:"name"`
	Version  string          `json:"version,omitempty"`
	PURL     string          `json:"purl"`
	Hashes   []hash          `json:"hashes,omitempty"`
	Licenses []licenseChoice `json:"licenses,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licenseChoice struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

func (b *binary) sbom(mods []*module) ([]byte, error) {
	sum := sha256.Sum256(b.data)
	program := component{
		Type: "application", Name: layerPackage, PURL: "pkg:golang/" + self + "#cmd/extension",
		Hashes:   []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Licenses: choices([]string{"MIT"}),
	}
	program.Ref = program.PURL
	out := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{Component: program},
	}
	for _, key := range []string{"GOOS", "GOARCH", "CGO_ENABLED", "-tags"} {
		out.Metadata.Properties = append(out.Metadata.Properties, property{"build:" + strings.TrimPrefix(key, "-"), b.setting(key)})
	}
	all := dependency{Ref: program.Ref}
	for _, m := range mods {
		c, err := m.component()
		if err != nil {
			return nil, err
		}
		out.Components = append(out.Components, c)
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	out.Dependencies = []dependency{all}
	data, err := json.MarshalIndent(out, "", " ")
	return append(data, '\n'), err
}

func (m *module) component() (component, error) {
	c := component{
		Type: "library", Name: m.path, Version: m.version, PURL: "pkg:golang/" + m.path + "@" + m.version,
		Licenses: choices(m.licenses()),
	}
	c.Ref = c.PURL
	if m.sum == "" {
		return c, nil
	}
	// A module's sum is the SHA-256 of a list of its files: https://go.dev/ref/mod#go-sum-files
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.sum, "h1:"))
	if err != nil || len(sum) != sha256.Size {
		return c, fmt.Errorf("%s: got the sum %q, wanted h1 and a SHA-256", m.path, m.sum)
	}
	c.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum)}}
	return c, nil
}

func choices(ids []string) []licenseChoice {
	list := make([]licenseChoice, len(ids))
	for i, id := range ids {
		list[i].License.ID = id
	}
	return list
}
