package packaging

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBill: the bill of materials names every module that the binary says is in it, by a
// name that others can look up, and nothing refers to what is not there.
func TestBill(t *testing.T) {
	dir := mustUnpack(t)
	out, err := released()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(out, "gridmq_"+version+"_"+here+".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		Format string `json:"bomFormat"`
		Spec   string `json:"specVersion"`
		Serial string `json:"serialNumber"`

		Metadata struct {
			Timestamp string
			Component struct {
				Ref     string `json:"bom-ref"`
				Version string
			}
		}
		Components []struct {
			Ref                       string `json:"bom-ref"`
			Type, Name, Version, PURL string
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatal(err)
	}
	if bill.Format != "CycloneDX" || bill.Spec != "1.6" || bill.Metadata.Component.Version != version || bill.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("the bill is %s %s of %s at %s", bill.Format, bill.Spec, bill.Metadata.Component.Version, bill.Metadata.Timestamp)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bill.Serial) {
		t.Errorf("the serial number is %q", bill.Serial)
	}
	refs, versions := map[string]bool{bill.Metadata.Component.Ref: true}, map[string]string{}
	for _, c := range bill.Components {
		if refs[c.Ref] {
			t.Errorf("%s is there twice", c.Ref)
		}
		if c.Type != "library" || !strings.HasPrefix(c.PURL, "pkg:golang/") {
			t.Errorf("%s is a %s with the package URL %q", c.Name, c.Type, c.PURL)
		}
		refs[c.Ref], versions[c.Name] = true, c.Version
	}
	info, err := buildinfo.ReadFile(filepath.Join(dir, "gridmq"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if versions[m.Path] != m.Version {
			t.Errorf("%s %s is linked, and the bill has %q", m.Path, m.Version, versions[m.Path])
		}
	}
	if len(bill.Components) != len(info.Deps)+1 { // and the standard library
		t.Errorf("the bill has %d components, and %d modules are linked", len(bill.Components), len(info.Deps))
	}
	edges := 0
	for _, d := range bill.Dependencies {
		for _, ref := range append(d.DependsOn, d.Ref) {
			edges++
			if !refs[ref] {
				t.Errorf("a dependency names %q, which is no component", ref)
			}
		}
	}
	if edges < len(info.Deps) {
		t.Errorf("the bill has %d dependencies for %d modules", edges, len(info.Deps))
	}
	notices, err := os.ReadFile(filepath.Join(dir, "THIRD-PARTY-NOTICES"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if !strings.Contains(string(notices), "\n"+m.Path+" "+m.Version+", ") {
			t.Errorf("the notices do not have the licence of %s", m.Path)
		}
	}
}
