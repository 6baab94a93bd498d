package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A block of resources and of the audit log that cannot be read keeps no broker from
// starting: it goes on with what is left, and says once what may be missing.
func TestStartOnDamagedResources(t *testing.T) {
	data := t.TempDir()
	sources := Sources{Flags: flags(data)}
	run(t, sources).end(t)
	if _, err := CheckStore(data, false); err != nil { // opening moves all to a table
		t.Fatal(err)
	}
	flipInLargest(t, filepath.Join(data, storeDirectory))
	n := run(t, sources)
	n.end(t)
	for _, part := range []string{"resources may be lost", "entries of the audit log may be lost"} {
		if said := n.log.String(); !strings.Contains(said, part) {
			t.Errorf("the log does not say that %s:\n%s", part, said)
		}
	}
	n = run(t, sources)
	n.end(t)
	if said := n.log.String(); strings.Contains(said, "may be lost") {
		t.Errorf("the next start says it again:\n%s", said)
	}
	if r, err := CheckStore(data, false); err != nil || len(r.Damaged) == 0 {
		t.Errorf("a check afterwards: %+v, %v; want the damage listed", r, err)
	}
}

// flipInLargest flips a bit in the first block of the largest table.
func flipInLargest(t *testing.T, dir string) {
	t.Helper()
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	var largest string
	var content []byte
	for _, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > len(content) {
			largest, content = name, b
		}
	}
	const inside = 100 // of the first block
	if len(content) <= inside {
		t.Fatalf("no table in %s has %d bytes", dir, inside)
	}
	content[inside] ^= 1
	if err := os.WriteFile(largest, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
