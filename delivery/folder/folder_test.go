package folder

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"gridmq/delivery"
	"gridmq/event"
)

func letter(namespace, topic, subscription string) delivery.DeadLetter {
	return delivery.DeadLetter{
		Namespace: namespace, Topic: topic, Subscription: subscription,
		To:      delivery.DeadLetters{ResourceID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acc", Container: "dead"},
		Letters: []delivery.Letter{{Reason: "r", Event: event.Event{ID: "a", Source: "/s", Type: "t"}}},
	}
}

// files are the paths below root.
func files(t *testing.T, root string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Section 13.3; the clock begins at 2000-01-01 00:00.
func TestWrite(t *testing.T) {
	root := filepath.Join(t.TempDir(), "made")
	synctest.Test(t, func(t *testing.T) {
		for range 2 {
			if err := (Sink{root}).Write(t.Context(), letter("plantns", "orders", "billing")); err != nil {
				t.Fatal(err)
			}
		}
	})
	list := files(t, root)
	want := regexp.MustCompile(`^acc/dead/plantns/orders/billing/2000/1/1/0/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json$`)
	if len(list) != 2 || !want.MatchString(list[0]) {
		t.Fatalf("files %v", list)
	}
	b, err := os.ReadFile(filepath.Join(root, list[0]))
	var letters []map[string]any
	if err != nil || json.Unmarshal(b, &letters) != nil || len(letters) != 1 {
		t.Errorf("content %s, %v", b, err)
	}
}

func TestHostileNames(t *testing.T) {
	parent := t.TempDir()
	root := filepath.Join(parent, "root")
	for _, name := range []string{"..", ".", "", "../../x", "/etc/passwd", `..\..\x`, "a\x00b", "CON ", "c:", strings.Repeat("x", 5000), "\xff\xfe", "ü"} {
		d := letter(name, name, name)
		d.To.ResourceID, d.To.Container = name, name
		if err := (Sink{root}).Write(t.Context(), d); err != nil {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for _, f := range files(t, parent) {
		if parts := strings.Split(f, "/"); len(parts) != 11 || parts[0] != "root" {
			t.Errorf("file %q has left its place", f)
		}
	}
}

// A link that somebody put there leads nowhere.
func TestNoWayOutByLinks(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root, "acc")); err != nil {
		t.Skip(err)
	}
	if err := (Sink{root}).Write(t.Context(), letter("n", "t", "s")); err == nil {
		t.Error("written through a link")
	}
	if list := files(t, outside); len(list) > 0 {
		t.Errorf("files outside: %v", list)
	}
}
