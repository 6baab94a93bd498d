package pebble

import (
	"errors"
	"strings"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// guardStep is how many bytes a table may grow before the free space is
	// looked at again.
	guardStep = 256 << 10
	// guardPause paces Pebble, which repeats a refused flush at once.
	guardPause = 100 * time.Millisecond
)

// guardFS keeps Pebble away from the end of the disk. Tables are refused before
// it is reached: Pebble drops what it had begun and tries again. Everything else
// (logs, the manifest) Pebble cannot bear to be refused, so it waits for space.
type guardFS struct {
	vfs.FS
	disk *disk
}

func (d *disk) guard(fs vfs.FS) vfs.FS {
	if d.reserve == 0 {
		return fs
	}
	return &guardFS{fs, d}
}

// Unwrap is for vfs.Root.
func (g *guardFS) Unwrap() vfs.FS { return g.FS }

// floor is the free space that must be left after a write of this category.
func (g *guardFS) floor(name string, c vfs.DiskWriteCategory) int64 {
	if !strings.HasSuffix(name, ".sst") && !strings.HasSuffix(name, ".blob") {
		return 0
	}
	if c == "pebble-memtable-flush" {
		return g.disk.reserve / 4
	}
	return g.disk.reserve / 2
}

func (g *guardFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	floor := g.floor(name, c)
	var f vfs.File
	err := g.try(floor > 0, func() (err error) {
		f, err = g.FS.Create(name, c)
		return err
	})
	return g.wrap(f, floor, err)
}

// ReuseForWrite makes a new file when the disk is full: a log that is used again
// keeps the size of the largest group it ever had.
func (g *guardFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if g.disk.look() < g.disk.reserve {
		if err := g.FS.Remove(old); err != nil {
			return nil, err
		}
		return g.Create(name, c)
	}
	f, err := g.FS.ReuseForWrite(old, name, c)
	return g.wrap(f, g.floor(name, c), err)
}

func (g *guardFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := g.FS.OpenReadWrite(name, c, o...)
	return g.wrap(f, g.floor(name, c), err)
}

func (g *guardFS) Rename(old, name string) error {
	return g.try(false, func() error { return g.FS.Rename(old, name) })
}

func (g *guardFS) Link(old, name string) error {
	return g.try(false, func() error { return g.FS.Link(old, name) })
}

func (g *guardFS) wrap(f vfs.File, floor int64, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, guard: g, floor: floor}, nil
}

// try repeats what failed for want of space until there is some, unless it may
// fail or the store is closing.
func (g *guardFS) try(mayFail bool, do func() error) error {
	for {
		err := do()
		if err == nil || !errors.Is(err, syscall.ENOSPC) {
			return err
		}
		released := g.disk.release()
		if mayFail || !released && !g.disk.waits() {
			return err
		}
		if !released {
			g.disk.look()
			time.Sleep(guardPause)
		}
	}
}

// guardFile is a file that is written under the guard.
type guardFile struct {
	vfs.File
	guard *guardFS
	floor int64 // 0: must not fail
	left  int64 // may be written before the next look
}

func (f *guardFile) Write(p []byte) (n int, err error) {
	if f.floor > 0 {
		if f.left -= int64(len(p)); f.left < 0 {
			if err := f.ask(int64(len(p))); err != nil {
				return 0, err
			}
			f.left = guardStep
		}
		return f.File.Write(p)
	}
	err = f.guard.try(false, func() error {
		m, err := f.File.Write(p[n:])
		n += max(m, 0)
		return err
	})
	return n, err
}

// ask refuses a table that would go below its floor.
func (f *guardFile) ask(n int64) error {
	d := f.guard.disk
	if !d.opened.Load() { // Open fails without its flush: all there is may be used
		return nil
	}
	if d.look()-n-guardStep >= f.floor || d.release() && d.look()-n-guardStep >= f.floor {
		return nil
	}
	if d.waits() {
		time.Sleep(guardPause)
	}
	return errNoRoom
}

// errNoRoom is a full disk to Pebble.
var errNoRoom = &noRoom{}

type noRoom struct{}

func (*noRoom) Error() string { return "store: no room for a table" }
func (*noRoom) Unwrap() error { return syscall.ENOSPC }
