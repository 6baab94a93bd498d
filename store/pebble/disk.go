package pebble

import (
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// ballastName is the file that is given up when the disk is nearly full.
const ballastName = "BALLAST"

// disk watches the free space of the file system. Pebble needs room beyond what
// is submitted: logs and their successors, flushes, compactions. With memtables
// of reserve/24 these are at most 7 logs and 3 flushes (10.7/24), the tables of
// L0 and of the base level (10/24).
//
//	free space
//	reserve      above: durable work is accepted
//	  3/4        below: the ballast goes, and logs that are done with
//	  5/8        above: what makes room is accepted
//	  1/2        below: compactions are refused space
//	  1/4        below: flushes too; what is left is for logs and the manifest
//	  0          logs and the manifest wait
//
// Compactions go on below the slack, so that a slack that was used up for what
// was written many times over comes back.
type disk struct {
	fs      vfs.FS
	dir     string
	reserve int64 // 0: free space cannot be told
	ballast int64 // its size
	log     *slog.Logger

	free     atomic.Uint64
	opened   atomic.Bool // Open is over: from now on things wait for space
	stopped  atomic.Bool // Close: nothing waits for space any more
	mu       sync.Mutex
	has      bool // the ballast exists
	lowSince time.Time
}

func newDisk(o Options) *disk {
	d := &disk{fs: o.FS, dir: o.Dir, log: o.Logger, reserve: o.Reserve}
	u, err := d.fs.GetDiskUsage(d.dir)
	if err != nil {
		if !errors.Is(err, vfs.ErrUnsupported) {
			d.log.Warn("free space is unknown", "dir", d.dir, "err", err)
		}
		d.reserve = 0
		d.free.Store(math.MaxInt64)
		return d
	}
	d.free.Store(u.AvailBytes)
	total := int64(u.TotalBytes)
	if d.reserve == 0 {
		d.reserve = min(max(64<<20, total/100), total/4)
	}
	d.ballast = min(d.reserve/4, 64<<20)
	if info, err := d.fs.Stat(d.path()); err == nil {
		d.has = true
		if int64(u.AvailBytes) < d.low() {
			d.release() // start-up needs room as well
		} else if info.Size() == 0 {
			d.has = false
		}
	}
	return d
}

// edge is the free space below which nothing is accepted but truncations.
func (d *disk) edge() int64 { return d.reserve * 5 / 8 }

// low is the free space below which more is made of what the store itself holds.
func (d *disk) low() int64 { return d.reserve * 3 / 4 }

func (d *disk) path() string { return d.fs.PathJoin(d.dir, ballastName) }

// look asks the file system how much is free, for d.free and the caller.
func (d *disk) look() int64 {
	if d.reserve == 0 {
		return math.MaxInt64
	}
	u, err := d.fs.GetDiskUsage(d.dir)
	if err != nil {
		return int64(d.free.Load()) // the next time, perhaps
	}
	d.free.Store(u.AvailBytes)
	return int64(min(u.AvailBytes, math.MaxInt64))
}

// space is commit.Engine.Space. What is accepted is written to a log and again
// to a table before the log goes, hence the half; of unflushed bytes the second
// is still to come. If there were no room for that, Pebble would stall.
func (d *disk) space(unflushed int64) (n, slack int64) {
	if d.reserve == 0 {
		return math.MaxInt64 / 2, 0
	}
	free := d.look() - unflushed
	if free < d.low() && d.release() {
		free = d.look() - unflushed
	}
	if free > d.reserve+2*d.ballast {
		d.restore()
	}
	d.report(free < d.reserve)
	return (free - d.reserve) / 2, (d.reserve - d.edge()) / 2
}

// report logs the change between full and not full.
func (d *disk) report(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case full && d.lowSince.IsZero():
		d.lowSince = time.Now()
		d.log.Warn("store is full: durable work is refused", "free", d.free.Load(), "reserve", d.reserve)
	case !full && !d.lowSince.IsZero():
		d.log.Info("store has space again", "free", d.free.Load(), "after", time.Since(d.lowSince))
		d.lowSince = time.Time{}
	}
}

// release gives the ballast up. It returns false when there is none.
func (d *disk) release() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.has {
		return false
	}
	if err := d.fs.Remove(d.path()); err != nil {
		d.log.Error("ballast could not be removed", "err", err)
		return false
	}
	d.has = false
	d.log.Warn("ballast was given up: the disk is nearly full", "bytes", d.ballast)
	return true
}

// restore makes the ballast again, with blocks that are really its own.
func (d *disk) restore() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.has || d.ballast == 0 {
		return
	}
	f, err := d.fs.Create(d.path(), vfs.WriteCategoryUnspecified)
	if err == nil {
		err = f.Preallocate(0, d.ballast)
		if err == nil {
			_, err = f.Write([]byte("may be removed when the disk is full\n"))
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil { // some file systems cannot preallocate: live without
		d.log.Warn("no ballast", "err", err)
		_ = d.fs.Remove(d.path())
		d.ballast = 0
		return
	}
	d.has = true
}

// waits says whether it is worth while to wait for space.
func (d *disk) waits() bool { return d.opened.Load() && !d.stopped.Load() }

// stop ends all waiting for space.
func (d *disk) stop() { d.stopped.Store(true) }
