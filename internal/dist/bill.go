package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// A bill of materials in CycloneDX 1.6, JSON: what is linked into the binary of one
// platform and what uses what. Only the fields that we fill.
//
// Source: cyclonedx.org/docs/1.6/json; package URLs: the golang type of the purl specification.
type bill struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Licenses   []licence  `json:"licenses,omitempty"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type licence struct {
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

// purl is the package URL of a Go module; its path is in lower case there.
func purl(path, version string) string {
	parts := strings.Split(strings.ToLower(path), "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "pkg:golang/" + strings.Join(parts, "/") + "@" + url.QueryEscape(version)
}

func newBill(version string, at time.Time, t target, m *modules) bill {
	own := component{Type: "application", Ref: purl("gridmq", version), Name: "gridmq", Version: version, PURL: purl("gridmq", version),
		Licenses: make([]licence, 1), Properties: []property{{"gridmq:platform", t.os + "/" + t.arch}, {"gridmq:go", m.goVer}}}
	own.Licenses[0].License.ID = "Apache-2.0"
	std := purl("std", strings.TrimPrefix(m.goVer, "go"))
	b := bill{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata:   metadata{at.Format(time.RFC3339), own},
		Components: []component{{Type: "library", Ref: std, Name: "std", Version: strings.TrimPrefix(m.goVer, "go"), PURL: std}}}
	refs := map[string]string{"": own.Ref, "std": std}
	for _, one := range m.linked {
		ref := purl(one.Path, one.Version)
		refs[one.Path] = ref
		b.Components = append(b.Components, component{Type: "library", Ref: ref, Name: one.Path, Version: one.Version, PURL: ref,
			Properties: []property{{"gridmq:go.sum", one.Sum}}})
	}
	depend := func(module string) {
		d := dependency{Ref: refs[module]}
		for _, to := range m.uses[module] {
			if ref := refs[to]; ref != "" { // what the linker left out altogether is not in the binary
				d.DependsOn = append(d.DependsOn, ref)
			}
		}
		b.Dependencies = append(b.Dependencies, d)
	}
	depend("")
	for _, one := range m.linked {
		depend(one.Path)
	}
	// The number names this content: the same release has the same one.
	text, _ := json.Marshal(b) // strings and numbers only
	h := sha256.Sum256(text)
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // RFC 9562, section 5.8
	b.SerialNumber = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
	return b
}

func writeBill(path string, r *release, t target, m *modules) error {
	text, err := json.MarshalIndent(newBill(r.version, r.at, t, m), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
