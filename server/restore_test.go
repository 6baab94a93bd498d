package server

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gridmq/control"
	plane "gridmq/control/client"
	"gridmq/server/backup"
	"gridmq/store/memory"
)

// saved is a backup of a server with something in it.
func saved(t *testing.T) []byte {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	n := run(t, Sources{Flags: flags(data)})
	write(t, filepath.Join(data, "elsewhere"), "no part of a backup")
	if err := os.MkdirAll(filepath.Join(data, deadLetterDirectory, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(data, deadLetterDirectory, "a", "letter"), "dead")
	ca, err := os.ReadFile(filepath.Join(data, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(data, TokenFile))
	if err != nil {
		t.Fatal(err)
	}
	c, err := plane.New(plane.Options{URL: n.Addresses()[managementName].URL, Token: strings.TrimSpace(string(token)), CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := c.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(b)
	if err := errors.Join(err, b.Close()); err != nil {
		t.Fatal(err)
	}
	n.end(t)
	if _, err := os.Stat(filepath.Join(data, checkpointDirectory)); err == nil {
		t.Error("the checkpoint is still there")
	}
	return out
}

func TestRestore(t *testing.T) {
	whole := saved(t)
	data := filepath.Join(t.TempDir(), "data")
	r, err := Restore(bytes.NewReader(whole), data, RestoreOptions{})
	if err != nil || r.Store.Documents == 0 || len(r.Store.Damaged) > 0 {
		t.Fatalf("restored %+v, %v", r, err)
	}
	list, _ := os.ReadDir(data)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "deadletter lock operator.token store tls" {
		t.Errorf("there is %s", got)
	}
	if b, err := os.ReadFile(filepath.Join(data, deadLetterDirectory, "a", "letter")); err != nil || string(b) != "dead" {
		t.Errorf("the dead letter is %q, %v", b, err)
	}
	if _, err := Restore(bytes.NewReader(whole), data, RestoreOptions{}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("restore into what is there: %v", err)
	}
	run(t, Sources{Flags: flags(data)})
}

// Of what is not whole nothing stays, and a restore that was killed is refused by a
// server and begun anew by another restore.
func TestRestoreIsWholeOrNothing(t *testing.T) {
	whole := saved(t)
	changed := bytes.Clone(whole)
	changed[bytes.Index(changed, []byte("dead"))]++ // of the letter's content or its name
	for name, b := range map[string][]byte{"cut": whole[:len(whole)/2], "without sums": whole[:len(whole)-6000], "changed": changed, "nothing": nil} {
		data := filepath.Join(t.TempDir(), "data")
		_, err := Restore(bytes.NewReader(b), data, RestoreOptions{})
		if bad := (*backup.FormatError)(nil); !errors.As(err, &bad) {
			t.Errorf("%s: %v, want a *backup.FormatError", name, err)
		}
		if err := wantEmpty(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(data, restoringDirectory)); err == nil {
			t.Errorf("%s: what was not whole is still there", name)
		}
	}
	data := filepath.Join(t.TempDir(), "data")
	write2 := filepath.Join(data, restoringDirectory, "store")
	if err := os.MkdirAll(write2, 0o700); err != nil {
		t.Fatal(err)
	}
	n := begin(t, Sources{Flags: flags(data)})
	if err := <-n.ended; err == nil || !strings.Contains(err.Error(), "gridmq restore") {
		t.Errorf("a server on half a restore: %v", err)
	}
	if _, err := Restore(bytes.NewReader(whole), data, RestoreOptions{Quick: true}); err != nil {
		t.Errorf("another restore: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, restoringDirectory)); err == nil {
		t.Error("the folder of the restore is still there")
	}
}

// A disk that fails while a file is restored is no fault of the backup.
func TestRestoreSource(t *testing.T) {
	broken := errors.New("tape")
	_, err := Restore(io.MultiReader(bytes.NewReader(saved(t)[:20_000]), brokenTape{broken}), filepath.Join(t.TempDir(), "x"), RestoreOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

type brokenTape struct{ err error }

func (f brokenTape) Read([]byte) (int, error) { return 0, f.err }

// A store in memory cannot be backed up.
func TestNoBackupOfMemory(t *testing.T) {
	st := memory.New(memory.Options{})
	defer st.Close()
	s := &Server{}
	if _, err := s.backuper(st).Backup(t.Context()); !errors.Is(err, control.ErrNoBackup) {
		t.Errorf("%v, want %v", err, control.ErrNoBackup)
	}
}

// What a backup has left behind goes with the next start.
func TestCheckpointIsCleared(t *testing.T) {
	data := t.TempDir()
	left := filepath.Join(data, checkpointDirectory)
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, Sources{Flags: flags(data)})
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
}
