// Package azure lists the documented limits and refusals of an Event Grid namespace, row by
// row, with the tests that hold profile azure to them; it has nothing but that list and
// the check that it is true. Source: spec/limits-and-metrics.md (section "limits"),
// spec/mqtt-protocol.md ("mqtt"), spec/retain-and-http-publish.md ("retain"),
// spec/control-plane.md ("control"), spec/namespace-topics.md ("topics").
package azure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// A row whose test is gone or renamed is a row without a test.
func TestRowsHaveTests(t *testing.T) {
	for _, r := range append(limits, refusals...) {
		if r.section == "" || len(r.tests) == 0 {
			t.Errorf("%q has no section or no test", r.name)
		}
		for _, name := range r.tests {
			if !exists(t, name) {
				t.Errorf("%s, %q: there is no test %s", r.section, r.name, name)
			}
		}
	}
}

// exists looks in the source for folder.Test or folder.Test/case: a case is a text in the
// body of the test.
func exists(t *testing.T, name string) bool {
	t.Helper()
	folder, rest, _ := strings.Cut(name, ".")
	test, kase, _ := strings.Cut(rest, "/")
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, found := strings.Cut(string(text), "\nfunc "+test+"(")
		if !found {
			continue
		}
		body, _, _ = strings.Cut(body, "\n}\n")
		return kase == "" || strings.Contains(body, `"`+kase+`"`)
	}
	return false
}

// The page that users read has the same rows.
func TestRowsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "limits.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Row by row\n")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := map[string]bool{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) == 3 && strings.HasPrefix(line, "| ") && cells[0] != "|" {
			rows[strings.TrimPrefix(cells[0], "| ")] = true
		}
	}
	for _, r := range limits {
		if !rows[r.name] {
			t.Errorf("docs/limits.md has no row %q", r.name)
		}
		delete(rows, r.name)
	}
	delete(rows, "---")
	for name := range rows {
		t.Errorf("docs/limits.md has a row %q that is in no list", name)
	}
}
