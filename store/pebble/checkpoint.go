package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"gridmq/store"
)

// Checkpoint makes dir, which must not exist, a store of its own: this one as it is
// at some instant after the call, with everything that was durable before. Tables are
// hard links where dir is on the same file system, and keep their space until dir is
// removed. Readers and the committer go on meanwhile.
//
// Errors: store.ErrFull, when the logs that are copied might not fit; store.ErrClosed.
func (s *Store) Checkpoint(dir string) error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.disk.reserve > 0 { // Pebble would wait for space, with files that it must not delete
		if logs := int64(s.db.Metrics().WAL.PhysicalSize); s.disk.look()-logs < s.disk.reserve {
			s.gate.leave()
			return store.ErrFull
		}
	}
	done := make(chan error, 1)
	go func() { // of its own, since logger.Fatalf may end it; it ends with the checkpoint
		defer s.gate.leave()
		defer close(done)
		// Flushed: with relaxed durability groups are not in the logs yet.
		done <- s.db.Checkpoint(dir, pebble.WithFlushedWAL())
	}()
	err, ended := <-done
	if !ended {
		return store.ErrClosed
	}
	if err != nil {
		return fmt.Errorf("checkpoint of the store in %q: %w", dir, err)
	}
	return nil
}

var _ interface{ Checkpoint(dir string) error } = (*Store)(nil)
