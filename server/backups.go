package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"gridmq/control"
	"gridmq/server/backup"
	"gridmq/store"
)

// Folders of the data directory that are not meant to stay.
const (
	checkpointDirectory = "checkpoint" // of a backup that is being made
	restoringDirectory  = "restoring"  // what a restore has not verified yet
)

// kept are the parts of a data directory that a backup holds beside the store: the keys
// and certificates that the server made for itself, so that its clients and operators
// need no others, and the dead letters, which are nowhere else.
var kept = []string{"tls", "acme", "quickstart", deadLetterDirectory, TokenFile}

// clearData removes what the last process has left behind.
func clearData(data string) error {
	removeReadyFile(data)
	if _, err := os.Lstat(filepath.Join(data, restoringDirectory)); err == nil {
		return fmt.Errorf("a restore into %s has not come to its end: run gridmq restore again, into a directory that is empty", data)
	}
	if _, err := os.Lstat(filepath.Join(data, storeDirectory)); err != nil {
		// A fresh store in its place would look as if all had been lost.
		if kept, _ := filepath.Glob(filepath.Join(data, storeDirectory+keptSuffix+"*")); len(kept) > 0 {
			last := kept[len(kept)-1]
			return fmt.Errorf("a repair of the store in %s has not come to its end, and the store is in %s: rename that to %s and repair again",
				data, last, filepath.Join(data, storeDirectory))
		}
	}
	if err := os.RemoveAll(filepath.Join(data, checkpointDirectory)); err != nil {
		return fmt.Errorf("remove what a backup has left behind: %w", err)
	}
	return nil
}

// A backuper makes backups of a server.
type backuper struct {
	s    *Server
	st   interface{ Checkpoint(dir string) error } // nil: it cannot
	full func() bool
}

func (s *Server) backuper(st store.Store) control.Backuper {
	b := &backuper{s: s, full: st.Full}
	b.st, _ = st.(interface{ Checkpoint(dir string) error })
	return b
}

// Backup is control.Backuper.Backup: one at a time.
func (b *backuper) Backup(context.Context) (control.Backup, error) {
	if b.st == nil {
		return nil, control.ErrNoBackup
	}
	t := &taken{data: b.s.cfg.Data, version: b.s.opts.Version, full: b.full, at: time.Now().UTC()}
	if err := b.st.Checkpoint(t.store()); err != nil {
		return nil, err
	}
	if err := t.list(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// A taken backup is a checkpoint of the store, and a list of files. They are listed
// after the checkpoint, so that a dead letter is not in neither of the two.
type taken struct {
	data, version string
	full          func() bool
	at            time.Time
	files         []takenFile
	bytes         int64
}

type takenFile struct {
	path, name string // on disk; in the backup
	size       int64
}

func (t *taken) store() string { return filepath.Join(t.data, checkpointDirectory) }

func (t *taken) list() error {
	if err := t.walk(t.store(), storeDirectory); err != nil {
		return err
	}
	for _, name := range kept {
		if err := t.walk(filepath.Join(t.data, name), name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// walk adds the plain files below a path, which has another name in the backup.
func (t *taken) walk(root, name string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		t.files = append(t.files, takenFile{path, filepath.ToSlash(filepath.Join(name, below)), info.Size()})
		t.bytes += info.Size()
		return nil
	})
}

// Stream is control.Backup.Stream.
func (t *taken) Stream(ctx context.Context, w io.Writer) error {
	out, err := backup.NewWriter(w, backup.Head{Created: t.at, Version: t.version, Files: len(t.files), Bytes: t.bytes})
	if err != nil {
		return err
	}
	for _, f := range t.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.full() { // what the checkpoint keeps from being removed is worth more to the broker
			return fmt.Errorf("the backup gives its space back: %w", store.ErrFull)
		}
		if err := t.add(out, f); err != nil {
			return err
		}
	}
	return out.Close()
}

func (t *taken) add(out *backup.Writer, f takenFile) error {
	in, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(f.path) != t.store() {
		return nil // somebody has removed it meanwhile, as a replayed dead letter
	}
	if err != nil {
		return err
	}
	defer in.Close()
	return out.Add(f.name, f.size, in)
}

// Close is control.Backup.Close: the space comes back.
func (t *taken) Close() error { return os.RemoveAll(t.store()) }
