// Package pebble is the store of one node: logs and documents in a Pebble
// database, one write-ahead log for all of them and one sync for all that wait.
//
// What a commit group brings to a log is one record: one key, whatever the
// number of entries. Every value carries a version and a CRC32C; what does not
// match is moved aside, listed and reported, never passed over in silence.
//
// Pebble may not meet a full disk: it panics or hangs. So durable work is
// refused while Options.Reserve is not free, a ballast file is given up when
// even less is left, and the file system below Pebble is guarded (guard.go).
//
// Units: sizes are bytes.
// Errors: those of package store. When Pebble itself fails (an I/O error), the
// store has failed for good: Failed is closed, everything returns ErrClosed and
// the process should end.
// Goroutines: the committer's, and Pebble's own; Close ends them. After a
// failure Pebble may hang and is left as it is.
// Source: design.md section 4; byte layouts in docs/formats/store-pebble.md.
package pebble

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"gridmq/store"
	"gridmq/store/internal/commit"
	"gridmq/store/internal/local"
)

// Durability says what Durable means.
type Durability string

const (
	// Synced groups survive a power cut. The default.
	Synced Durability = "synced"
	// Relaxed groups are not synced: a power cut loses what the kernel had not
	// written, and even kill -9 what Pebble's log writer had in hand.
	Relaxed Durability = "relaxed"
)

// Options tunes a store. The zero value is ready to use, but for Dir.
type Options struct {
	// Dir holds the database. It is made if need be.
	Dir string
	// Durability is Synced unless Relaxed is asked for.
	Durability Durability
	// Reserve is the free space in bytes below which durable work is refused.
	// Default the larger of 64 MiB and 1 % of the disk, at most a quarter of it.
	Reserve int64
	// CacheBytes bounds the records that ReadAt keeps: memory is taken when
	// backlogs are read, and given back when they are truncated. Sessions that
	// read the same backlog at paces of their own need it whole; what does not
	// fit is read again for each. Default 256 MiB.
	CacheBytes int64
	// BlockCacheBytes bounds Pebble's cache of table blocks. Default 16 MiB.
	BlockCacheBytes int64
	// MemTableBytes is the size of one of at most three memtables. Default
	// 32 MiB, less where Reserve is small.
	MemTableBytes int64
	// PendingBytes bounds what waits for the disk. Default 256 MiB.
	PendingBytes int64
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
	// FS replaces the disk, in tests.
	FS vfs.FS
}

func (o Options) withDefaults() Options {
	o.Durability = cmp.Or(o.Durability, Synced)
	o.CacheBytes = cmp.Or(o.CacheBytes, 256<<20)
	o.BlockCacheBytes = cmp.Or(o.BlockCacheBytes, 16<<20)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.FS = cmp.Or(o.FS, vfs.Default)
	return o
}

// A Store is a store in a Pebble database.
type Store struct {
	commit.Front
	commits atomic.Pointer[commit.Committer]
	options Options
	db      *pebble.DB
	disk    *disk
	cache   *cache
	damage  *damages
	leases  *local.Leases
	bus     local.Bus
	log     *slog.Logger
	gate    gate        // around the use of db
	ended   atomic.Bool // closed or failed
	broken  chan error  // capacity 1: the first failure
	batch   *pebble.Batch
	flight  flight
	loads   atomic.Uint64 // records read for the cache
	mends   mends
	starts  uint64      // this is the n-th
	flushed atomic.Bool // a flush is over

	// The committer's own.
	untold    []stretch // documents that were missing at the start (untell)
	unflushed int64     // bytes in logs that are not in tables yet
	squeezed  time.Time // when logs were last given up
}

var _ store.Store = (*Store)(nil)

// Open opens the store in o.Dir, or makes it.
func Open(o Options) (s *Store, err error) {
	o = o.withDefaults()
	if o.Durability != Synced && o.Durability != Relaxed {
		return nil, fmt.Errorf("store: unknown durability %q", o.Durability)
	}
	s = &Store{
		options: o, log: o.Logger, cache: newCache(o.CacheBytes), damage: newDamages(),
		broken: make(chan error, 1),
	}
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store %q: %w", o.Dir, err)
	}
	s.disk = newDisk(o)
	if err = checkEngine(o); err == nil {
		err = s.openDB()
	}
	if err != nil {
		return nil, fmt.Errorf("open store %q: %w", o.Dir, err)
	}
	var found commit.Options
	if found, s.starts, err = s.find(); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %q: %w", o.Dir, err), s.db.Close())
	}
	s.disk.opened.Store(true)
	s.flushed.Store(true) // to be asked for what there is
	s.leases = local.NewLeases(s.starts << 32)
	s.batch = s.db.NewBatch(pebble.WithMaxRetainedSizeBytes(keepBatch))
	c := commit.Start((*engine)(s), found)
	s.Front = c
	s.commits.Store(c)
	for path, x := range s.mends.begun() { // told by Pebble's background
		s.askMend(path, x)
	}
	if s.ended.Load() { // Pebble's background was faster
		c.Fail(<-s.broken)
	}
	return s, nil
}

// openDB opens the database on a goroutine of its own, which logger.Fatalf may
// end.
func (s *Store) openDB() error {
	opened := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				opened <- fmt.Errorf("pebble panicked: %v", r)
			}
		}()
		var err error
		s.db, err = pebble.Open(s.options.Dir, s.pebbleOptions())
		opened <- err
	}()
	select {
	case err := <-opened:
		return err
	case err := <-s.broken:
		return err
	}
}

// pebbleOptions tunes Pebble for few, large, short-lived values, most of which
// are never read again.
func (s *Store) pebbleOptions() *pebble.Options {
	mem := uint64(cmp.Or(s.options.MemTableBytes, min(32<<20, max(256<<10, s.disk.reserve/24))))
	p := &pebble.Options{
		Comparer:                    exact(),
		FS:                          s.disk.guard(s.options.FS),
		Logger:                      &logger{s},
		EventListener:               s.listener(),
		FormatMajorVersion:          engineFormat,
		CacheSize:                   s.options.BlockCacheBytes,
		MemTableSize:                mem,
		MemTableStopWritesThreshold: 3,
		// Logs are moved down without a rewrite, so L0 may wait; a stop would
		// hang the committer for as long as the disk is full.
		L0CompactionThreshold:     4,
		L0CompactionFileThreshold: 200,
		L0StopWritesThreshold:     10_000,
		LBaseMaxBytes:             int64(min(64<<20, 6*mem)),
		WALBytesPerSync:           512 << 10,
		BytesPerSync:              1 << 20,
		FlushDelayDeleteRange:     2 * time.Second, // truncated space comes back
		MaxManifestFileSize:       int64(min(16<<20, mem)),
		MaxOpenFiles:              500,
	}
	p.TargetFileSizes[0] = int64(min(8<<20, mem))
	p.Levels[0].BlockSize = maxRecord // one record a block
	p.Levels[0].IndexBlockSize = 64 << 10
	p.Experimental.SpanPolicyFunc = s.spanPolicy
	p.Experimental.MultiLevelCompactionHeuristic = pebble.NoMultiLevel{}
	return p
}

// engineFormat is Pebble's own format. Pebble raises an older one when it opens it.
const engineFormat = pebble.FormatTableFormatV6

// checkEngine refuses a database in a format of Pebble that is newer. Pebble may know
// it, and not be able to write it as we want to.
func checkEngine(o Options) error {
	found, err := pebble.Peek(o.Dir, o.FS)
	if err != nil || !found.Exists { // openDB says more
		return nil
	}
	if found.FormatMajorVersion > engineFormat {
		return fmt.Errorf("%w: its files are in the engine's format %d, and this gridmq knows none above %d: use a newer gridmq",
			errFormat, found.FormatMajorVersion, engineFormat)
	}
	return nil
}

// exact is Pebble's order of keys, with the last key of a block as the mark of
// its end. A shorter mark, as is usual, would send every few seeks for a record
// into the block in front of it, in vain.
func exact() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Separator = func(dst, a, _ []byte) []byte { return append(dst, a...) }
	return &c
}

// Lease is store.Store.Lease.
func (s *Store) Lease() store.Lease { return s.leases }

// Bus is store.Store.Bus.
func (s *Store) Bus() store.Bus { return &s.bus }

// Damaged is store.Store.Damaged.
func (s *Store) Damaged() []store.Damage { return s.damage.list() }

// Stats is store.Store.Stats.
func (s *Store) Stats() store.Stats {
	st := s.commits.Load().Stats()
	st.Damaged = s.damage.count()
	st.FreeBytes = s.disk.free.Load()
	if s.enter() == nil {
		defer s.gate.leave()
		n, _ := s.db.EstimateDiskUsage([]byte{logSpace}, []byte{logSpace + 1})
		st.LogBytes = int64(n + s.db.Metrics().MemTable.Size)
	}
	return st
}

// Close is store.Store.Close: what was accepted is written first.
func (s *Store) Close() error {
	s.disk.stop()
	err := s.commits.Load().Close()
	s.ended.Store(true)
	if err != nil || !s.gate.close() {
		return err // Pebble cannot be trusted to end, or has ended
	}
	s.emptyLog()
	return errors.Join(s.batch.Close(), s.db.Close())
}

// enter begins a use of s.db; gate.leave ends it.
func (s *Store) enter() error {
	if s.ended.Load() || !s.gate.enter() {
		return store.ErrClosed
	}
	return nil
}

// fail ends the store for good.
func (s *Store) fail(err error) error {
	if !s.ended.Swap(true) {
		s.log.Error("store failed", "err", err)
		s.broken <- err
		if c := s.commits.Load(); c != nil {
			c.Fail(err)
		}
	}
	return fmt.Errorf("%w: %w", store.ErrClosed, err)
}
