//go:build helm

// With the real helm, which takes minutes to compile (go build helm.sh/helm/v3/cmd/helm;
// v3.22.0 was tried): HELM=/path/of/helm go test -tags helm -run TestChartAsHelm .

package packaging

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"gopkg.in/yaml.v3"
)

// TestChartAsHelm: the real helm renders the chart as we do.
func TestChartAsHelm(t *testing.T) {
	helm := os.Getenv("HELM")
	if helm == "" {
		t.Fatal("HELM does not name the helm to compare with")
	}
	if out, err := run(chartDir, nil, helm, "lint", "--strict", "."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for name, values := range chartCases {
		t.Run(name, func(t *testing.T) {
			text, err := toYAML(values)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			real := must(t, chartDir, nil, helm, "template", "plant", ".", "-n", "plant", "-f", file, "--kube-version", "1.31.0")
			ours, err := render(t, "plant", values)
			if err != nil {
				t.Fatal(err)
			}
			want, got := objects(t, real), objects(t, ours)
			if len(want) < 4 {
				t.Errorf("helm gives %d objects", len(want))
			}
			keys := maps.Clone(want)
			maps.Copy(keys, got)
			for key := range keys {
				if !reflect.DeepEqual(plainConfig(t, want[key]), plainConfig(t, got[key])) {
					t.Errorf("%s: helm gives\n%v\nand we\n%v", key, want[key], got[key])
				}
			}
		})
	}
}

// plainConfig reads the configuration in a ConfigMap, and leaves out the sum over its text: how
// YAML is laid out may differ.
func plainConfig(t *testing.T, o object) object {
	t.Helper()
	if content, ok := at(o, "data", "gridmq.yaml").(string); ok {
		var c object
		if err := yaml.Unmarshal([]byte(content), &c); err != nil {
			t.Fatal(err)
		}
		o["data"] = c
	}
	if a, ok := at(o, "spec", "template", "metadata", "annotations").(object); ok {
		delete(a, "checksum/config")
	}
	return o
}
