package deadletters

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gridmq/delivery"
	"gridmq/delivery/folder"
	"gridmq/event"
)

const (
	record = `{"deadletterProperties":{"deadletterreason":"Event was rejected.","deliveryattempts":2,"deliveryresult":"r","publishutc":"2026-03-02T07:41:09Z"},
		"customDeliveryProperties":{"tenant":"t-17"},"event":` + good + `}`
	good = `{"specversion":"1.0","id":"1","source":"/s","type":"t"}`
	hour = "acc/dead/plant/orders/billing/2026/3/2/7"
)

func put(t *testing.T, root, path, content string) {
	t.Helper()
	full := filepath.Join(root, filepath.FromSlash(path))
	err := os.MkdirAll(filepath.Dir(full), 0o700)
	if err == nil {
		err = os.WriteFile(full, []byte(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// look lists paths, and what is skipped as "path: reason".
func look(t *testing.T, root string, only Place) (paths, skipped []string, files []File, f *Folder) {
	t.Helper()
	f, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	files, err = f.Files(t.Context(), only, func(s *Skipped) { skipped = append(skipped, s.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range files {
		paths = append(paths, one.Path)
	}
	return paths, skipped, files, f
}

// all are the letters of a file.
func all(t *testing.T, r Reader, file File) (letters []Letter, err error) {
	t.Helper()
	err = r(t.Context(), file, func(l Letter) error {
		letters = append(letters, l)
		return nil
	})
	return letters, err
}

// What delivery/folder writes is what is read here, names with escapes too.
func TestOfBroker(t *testing.T) {
	root := t.TempDir()
	d := delivery.DeadLetter{Namespace: "plant", Topic: "Orders", Subscription: "../bill%ing\n",
		To: delivery.DeadLetters{ResourceID: "/storageAccounts/acc", Container: "dead"},
		Letters: []delivery.Letter{{Reason: "why", Attempts: 3, Result: "how", Published: time.Unix(1e9, 0), Event: event.Event{ID: "a", Source: "/s", Type: "t"}},
			{Reason: "else", Event: event.Event{ID: "b", Source: "/s", Type: "t"}}}}
	if err := (folder.Sink{Root: root}).Write(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	_, skipped, files, f := look(t, root, Place{Namespace: "PLANT", Subscription: "../BILL%ing\n"})
	if len(files) != 1 || skipped != nil || files[0].Place != (Place{"acc", "dead", "plant", "Orders", "../bill%ing\n"}) {
		t.Fatalf("files %+v, skipped %v", files, skipped)
	}
	letters, err := all(t, f.Read, files[0])
	if err != nil || len(letters) != 2 || letters[0].Reason != "why" || letters[0].Attempts != 3 || letters[0].Result != "how" ||
		!strings.HasPrefix(letters[0].Published, "2001-09-09T01:46:40") || letters[0].LastAttempt != "" || !strings.Contains(string(letters[1].Event), `"id":"b"`) {
		t.Errorf("letters %+v, %v", letters, err)
	}
	if err := f.SetAside(t.Context(), files[0]); err != nil {
		t.Fatal(err)
	}
	if paths, skipped, _, _ := look(t, root, Place{}); paths != nil || skipped != nil {
		t.Errorf("set aside: files %v, skipped %v", paths, skipped)
	}
	if there, _ := filepath.Glob(filepath.Join(root, filepath.Dir(files[0].Path), "replayed", "*.json")); len(there) != 1 {
		t.Errorf("set aside: %v", there)
	}
	if err := f.SetAside(t.Context(), files[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("set aside again: %v", err)
	}
}

func TestFiles(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.json")
	put(t, filepath.Dir(outside), "secret.json", "["+record+"]")
	for _, path := range []string{hour + "/b.json", hour + "/.b.tmp", hour + "/replayed/c.json", "acc/dead/plant/orders/billing/2025/12/31/23/z.json",
		hour + "/b.txt", "acc/dead/plant/orders/billing/2026/2/30/7/a.json", "acc/dead/plant/orders/billing/2026/03/2/7/a.json",
		"acc/dead/plant/orders/%zz/2026/3/2/7/a.json", "acc/dead/plant/orders/b%ff/2026/3/2/7/a.json", "notes.txt", "acc/dead/other/orders/billing/2026/3/2/7/o.json"} {
		put(t, root, path, "[]")
	}
	for from, to := range map[string]string{hour + "/l.json": outside, "acc/dead/linked": filepath.Dir(outside)} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	paths, skipped, _, _ := look(t, root, Place{Namespace: "plant"})
	if diff := cmp.Diff([]string{"acc/dead/plant/orders/billing/2025/12/31/23/z.json", hour + "/b.json"}, paths); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	slices.Sort(skipped)
	want := []string{"acc/dead/linked: want a folder there",
		"acc/dead/plant/orders/%zz: a broker names no folder like that",
		"acc/dead/plant/orders/b%ff: a broker names no folder like that",
		"acc/dead/plant/orders/billing/2026/03: want a number: year, month, day and hour",
		"acc/dead/plant/orders/billing/2026/2/30/7/a.json: its folders are no date and hour",
		hour + "/b.txt: want a name that ends in .json",
		hour + "/l.json: not an ordinary file",
		"notes.txt: want a folder there"}
	if diff := cmp.Diff(want, skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestFilesEnd(t *testing.T) {
	root := t.TempDir()
	put(t, root, hour+"/b.json", "[]")
	f, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Files(ctx, Place{}, func(*Skipped) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("after an interrupt: %v", err)
	}
}

// A file that is exchanged for a link after it was listed leads nowhere outside.
func TestExchanged(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	put(t, root, hour+"/b.json", "["+record+"]")
	put(t, outside, "secret.json", "["+record+"]")
	_, _, files, f := look(t, root, Place{})
	name := filepath.Join(root, files[0].Path)
	if err := errors.Join(os.Remove(name), os.Symlink(filepath.Join(outside, "secret.json"), name)); err != nil {
		t.Fatal(err)
	}
	if letters, err := all(t, f.Read, files[0]); err == nil {
		t.Errorf("read %v", letters)
	}
	if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o700)); err != nil {
		t.Fatal(err)
	}
	if letters, err := all(t, f.Read, files[0]); err == nil {
		t.Errorf("read %v of a folder", letters)
	}
}

func FuzzUnescape(f *testing.F) {
	f.Add("a%2fb")
	f.Fuzz(func(t *testing.T, name string) {
		if got, ok := unescape(name); ok && len(got) > len(name) {
			t.Errorf("%q became %q", name, got)
		}
	})
}
