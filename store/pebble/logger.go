package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// logger is Pebble's logger. What Pebble finds worth telling is Debug to us.
type logger struct{ store *Store }

func (l *logger) Infof(format string, args ...any) {
	if l.store.log.Enabled(context.Background(), slog.LevelDebug) {
		l.store.log.Debug("pebble", "event", fmt.Sprintf(format, args...))
	}
}

func (l *logger) Errorf(format string, args ...any) {
	l.store.log.Warn("pebble", "event", fmt.Sprintf(format, args...))
}

// Fatalf may not return: Pebble would go on, and report success. The store has
// failed; the goroutine, Pebble's or the committer's, ends here.
func (l *logger) Fatalf(format string, args ...any) {
	_ = l.store.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}

// listener learns what happens in Pebble's background.
func (s *Store) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: s.backgroundError,
		DataCorruption:  s.corrupt,
		WriteStallBegin: func(i pebble.WriteStallBeginInfo) { s.log.Info("pebble stalls", "why", i.Reason) },
		WriteStallEnd:   func() { s.log.Info("pebble goes on") },
		FlushEnd:        func(pebble.FlushInfo) { s.flushed.Store(true) },
	}
}

// backgroundError judges a failed flush or compaction. Pebble repeats it; that
// helps when space was missing, and a damaged table harms only its own records.
func (s *Store) backgroundError(err error) {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		s.log.Debug("pebble waits for space", "err", err)
	case errors.Is(err, pebble.ErrCancelledCompaction):
	case pebble.IsCorruptionError(err):
		s.log.Debug("pebble met a damaged table", "err", err) // told once, by corrupt
	default:
		_ = s.fail(err)
	}
}
