package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "gridmq"

// TestRooms reads the imports of every file. Tests are free to use any room
// (a test of the broker runs on the memory store), their packages are not.
func TestRooms(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && skipped(path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") {
			files++
			checkFile(t, root, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Fatalf("read %d files: the walk does not see the module", files)
	}
}

// skipped leaves out hidden folders, test data, and nested modules.
func skipped(path, name string) bool {
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func checkFile(t *testing.T, root, path string) {
	rel, _ := filepath.Rel(root, path)
	rel = filepath.ToSlash(rel)
	folder := strings.TrimSuffix(rel, "/"+filepath.Base(path))
	if _, known := table[room(rel)]; !known {
		t.Errorf("%s: the room %q is not in the table", rel, room(rel))
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	for _, spec := range f.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if why := refusal(folder, imported); why != "" {
			t.Errorf("%s imports %s: %s", rel, imported, why)
		}
	}
}

func refusal(folder, imported string) string {
	if to, ours := strings.CutPrefix(imported, module+"/"); ours {
		if !mayImport(folder, to) {
			return "room " + room(folder) + " may import: " + table[room(folder)]
		}
		return ""
	}
	if pure[room(folder)] && strings.Contains(room(imported), ".") {
		return "this room uses the standard library only"
	}
	for engine, users := range engines {
		if strings.HasPrefix(imported, engine) && !within(folder, users) {
			return "only " + strings.Join(users, " and ") + " may"
		}
	}
	return ""
}

func within(folder string, parents []string) bool {
	for _, p := range parents {
		if folder == p || strings.HasPrefix(folder, p+"/") {
			return true
		}
	}
	return false
}

// TestRefusal: the test above can fail.
func TestRefusal(t *testing.T) {
	tests := map[string]struct {
		folder, imported string
		refused          bool
	}{
		"downwards":             {"broker", "gridmq/session", false},
		"upwards":               {"session", "gridmq/broker", true},
		"sideways":              {"mqtt", "gridmq/topic", true},
		"within a room":         {"store/pebble", "gridmq/store/queue", false},
		"from a folder beneath": {"store/queue", "gridmq/mqtt", true},
		"small tools":           {"broker", "gridmq/internal/settings", false},
		"tools stay small":      {"internal/settings", "gridmq/server", true},
		"server sees all":       {"server", "gridmq/broker", false},
		"cmd does not":          {"cmd/gridmq", "gridmq/broker", true},
		"a door":                {"cmd/gridmq", "gridmq/control/client", false},
		"beside the door":       {"cmd/gridmq", "gridmq/control/resource", true},
		"load generator":        {"bench/load", "gridmq/client", false},
		"engine at home":        {"store/pebble", "github.com/cockroachdb/pebble/v2", false},
		"engine elsewhere":      {"broker", "github.com/cockroachdb/pebble/v2/vfs", true},
		"pure room":             {"mqtt", "golang.org/x/sys/unix", true},
		"standard library":      {"mqtt", "encoding/binary", false},
		"unknown room":          {"util", "gridmq/mqtt", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if why := refusal(tt.folder, tt.imported); (why != "") != tt.refused {
				t.Errorf("%s importing %s: refused with %q, want refused %v", tt.folder, tt.imported, why, tt.refused)
			}
		})
	}
}
