package queue

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"gridmq/store"
)

// ErrQuota refuses a message because the log holds as many bytes as its
// namespace may have. Nothing was stored.
var ErrQuota = errors.New("queue: the namespace's byte quota is used up")

// A Policy says what happens when the quota is used up.
type Policy string

const (
	// Refuse answers Publish with ErrQuota.
	Refuse Policy = "refuse"
	// DropOldest removes the oldest messages, whoever waits for them. Publish
	// is refused only while removing cannot keep up (a quarter above the quota).
	DropOldest Policy = "drop-oldest"
)

// Options bounds what the queues of one log may cost. The zero value is ready
// to use.
type Options struct {
	// SnapshotEntries and SnapshotBytes are how much may be appended to the log
	// before the next snapshot round; start-up replays about that much.
	// Defaults 200,000 entries and 64 MiB. A round waits longer when the one
	// before was costly: no more than about half of what is written is snapshots.
	SnapshotEntries int
	SnapshotBytes   int64
	// DoneEvery is how long a Done may stay in memory only. Default 100 ms.
	DoneEvery time.Duration
	// RangeSize is the number of positions, RangeBytes the size at which a range
	// of the log is closed; space is given back by whole ranges. Defaults 4,096
	// and 16 MiB (at most an eighth of the quota).
	RangeSize  int
	RangeBytes int64
	// CopyForwardBelow is the share of a range's entries, in percent, below
	// which what is left of it is copied forward. Default 5; negative: never.
	CopyForwardBelow int
	// CopyForwardAge is how many positions before the replay mark a range must
	// end to count as old. Default 16 ranges. The quota's pressure overrules it.
	CopyForwardAge int
	// QuotaBytes bounds the bytes of the ranges that hold messages somebody
	// waits for. Default 0: no quota.
	QuotaBytes int64
	// Quota says what happens at the quota. Default Refuse.
	Quota Policy
	// Progress is called now and then while Open takes longer than two
	// seconds. done and total count queues and entries. Default: not called.
	Progress func(done, total uint64)
	// Logger receives the room's events. Default: none.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.SnapshotEntries = cmp.Or(o.SnapshotEntries, 200_000)
	o.SnapshotBytes = cmp.Or(o.SnapshotBytes, 64<<20)
	o.DoneEvery = cmp.Or(o.DoneEvery, 100*time.Millisecond)
	o.RangeSize = cmp.Or(o.RangeSize, 4096)
	o.RangeBytes = cmp.Or(o.RangeBytes, 16<<20)
	if o.QuotaBytes > 0 {
		o.RangeBytes = min(o.RangeBytes, max(o.QuotaBytes/8, 1))
	}
	o.CopyForwardBelow = cmp.Or(o.CopyForwardBelow, 5)
	o.CopyForwardAge = cmp.Or(o.CopyForwardAge, 16*o.RangeSize)
	o.Quota = cmp.Or(o.Quota, Refuse)
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	return o
}

// Stats are counts since Open, and sizes now.
type Stats struct {
	Live      int64          // pointers that queues hold
	LogBytes  int64          // bytes of the ranges with live pointers: what the quota counts
	Ranges    int            // ranges of the log not given back yet
	Next      store.Position // of the next entry
	Mark      store.Position // start-up replays from here
	Dirty     int            // queues changed since their last snapshot
	DonesHeld int            // Done calls not written yet

	Replayed      uint64 // entries read by Open
	Rounds        uint64 // snapshot rounds finished
	Snapshots     uint64 // snapshots written
	SnapshotBytes uint64 // bytes of those
	Reclaimed     uint64 // positions given back
	CopiedForward uint64 // messages copied forward
	Dropped       uint64 // pointers dropped by the quota or because of damage
	Refused       uint64 // messages refused by the quota
	Damaged       uint64 // entries or snapshots that could not be read
	Unbalanced    uint64 // pointers ended that nobody had: a bug of the owner
	Lost          uint64 // Done calls not written because the store was full; a crash repeats these messages
}
