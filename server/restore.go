package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gridmq/server/backup"
)

// RestoreOptions say how a backup is restored. The zero value is ready to use.
type RestoreOptions struct {
	// Begin is told what the backup says of itself. Default: nobody.
	Begin func(backup.Head)
	// Progress is told how much of it was read, in bytes, and what is done. It is called
	// often. Default: nobody.
	Progress func(read int64)
	// Quick leaves out reading every record of the store. The sums of the files are
	// compared all the same.
	Quick bool
}

// A Restored says what was restored.
type Restored struct {
	backup.Summary
	Store StoreReport // nothing is counted in a quick one
}

// Restore makes a data directory of a backup. The directory must be empty, or not be
// there. Nothing in it can be seen by a server before all is verified and on disk; what
// a restore leaves that is ended in the middle is refused by Run, and another Restore
// begins anew.
func Restore(r io.Reader, data string, o RestoreOptions) (done Restored, err error) {
	lock, err := lockData(data)
	if err != nil {
		return done, err
	}
	defer lock.release()
	if err := wantEmpty(data); err != nil {
		return done, err
	}
	x := &restore{data: data, dir: filepath.Join(data, restoringDirectory), o: o}
	if err := os.RemoveAll(x.dir); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil && !x.shown {
			err = errors.Join(err, os.RemoveAll(x.dir))
		}
	}()
	if err := os.Mkdir(x.dir, 0o700); err != nil {
		return done, fmt.Errorf("restore: %w", err)
	}
	if done.Summary, err = backup.Read(r, o.Begin, x.file); err != nil {
		return done, err
	}
	if err := x.check(&done.Store); err != nil {
		return done, err
	}
	return done, x.show()
}

// wantEmpty refuses a directory in which there is anything but what a volume begins
// with, and what a restore has left that did not come to show anything.
func wantEmpty(data string) error {
	list, err := os.ReadDir(data)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for _, e := range list {
		if !slices.Contains([]string{"lock", "lost+found", restoringDirectory}, e.Name()) {
			return fmt.Errorf("%s is not empty (there is %q): name a directory that is empty or not there", data, e.Name())
		}
	}
	return nil
}

// A restore is one that is under way.
type restore struct {
	data, dir string
	o         RestoreOptions
	read      int64
	shown     bool // something is where a server would look for it
}

// file writes one file and syncs it.
func (x *restore) file(name string, size int64, content io.Reader) (err error) {
	path := filepath.Join(x.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, &counted{content, x}); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	return f.Sync()
}

// counted tells how much of a backup was read.
type counted struct {
	io.Reader
	x *restore
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if c.x.read += int64(n); c.x.o.Progress != nil {
		c.x.o.Progress(c.x.read)
	}
	return n, err
}

// check opens the store, as a server would, and reads it.
func (x *restore) check(r *StoreReport) error {
	report, err := checkStore(filepath.Join(x.dir, storeDirectory), !x.o.Quick, false)
	if errors.Is(err, fs.ErrNotExist) {
		return &backup.FormatError{Reason: "there is no store in it"}
	}
	*r = report
	return err
}

// show moves everything to where it belongs, the store last: without it, and with the
// folder that is still there, no server starts.
func (x *restore) show() error {
	if err := syncTree(x.dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	list, err := os.ReadDir(x.dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	slices.SortStableFunc(list, func(a, b fs.DirEntry) int {
		switch {
		case a.Name() == storeDirectory:
			return 1
		case b.Name() == storeDirectory:
			return -1
		}
		return 0
	})
	x.shown = true
	for _, e := range list {
		if err := os.Rename(filepath.Join(x.dir, e.Name()), filepath.Join(x.data, e.Name())); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if err := syncDir(x.data); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Remove(x.dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncDir(x.data)
}

// syncTree makes the names in a folder durable, and in all below it.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
