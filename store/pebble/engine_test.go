package pebble

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// A database that a newer engine has written is refused before anything in it is
// changed, and the user is told what to do.
func TestNewerEngineIsRefused(t *testing.T) {
	if engineFormat >= pebble.FormatNewest {
		t.Skip("there is no newer format to write")
	}
	o := Options{Dir: filepath.Join(t.TempDir(), "data")}
	db, err := pebble.Open(o.Dir, &pebble.Options{FormatMajorVersion: engineFormat + 1, Comparer: exact()})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "use a newer gridmq") {
		t.Errorf("Open: %v", err)
	}
}
