package delivery

import (
	"errors"
	"time"

	"gridmq/store"
)

// reclaimAfter is how long what was settled may lie in the log, in ms: many
// settlements are one truncation.
const reclaimAfter = 5000

// soon has tick look at s in a while.
func (s *Stream) soon() {
	if s.pending.CompareAndSwap(false, true) {
		s.plane.deadlines.advance(&s.deadline, millis(time.Now())+reclaimAfter)
	}
}

// tick gives back what nobody needs any more. It runs on the plane's goroutine.
func (s *Stream) tick() {
	s.pending.Store(false)
	err := s.reclaim()
	if s.journal.size() >= max(s.plane.options.Limits.JournalBytes, 2*s.snapshots) {
		err = errors.Join(err, s.checkpoint())
	} else {
		err = errors.Join(err, s.saveMarks())
	}
	if err != nil && !errors.Is(err, store.ErrClosed) {
		s.soon()
	}
}

// reclaim truncates the log up to the lowest position that a queue needs. The state
// that says so was submitted before, and truncation comes after it.
func (s *Stream) reclaim() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	last := store.Position(s.last.Load())
	s.mu.Unlock()
	low := last + 1 // a queue that is made meanwhile begins behind it
	for _, q := range *s.parts.Load() {
		q.mu.Lock()
		low = min(low, q.book.Low())
		q.mu.Unlock()
	}
	if low <= s.truncated {
		return nil
	}
	if err := s.plane.store.Truncate(s.log, max(s.truncated, 1), low); err != nil {
		return err
	}
	s.truncated = low
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks.cut(low, store.Position(s.last.Load()))
	return nil
}

// checkpoint writes snapshots and truncates the journal behind them.
func (s *Stream) checkpoint() error {
	_, last := s.plane.store.Bounds(s.journal.log)
	s.journal.mu.Lock()
	s.journal.bytes = 0
	s.journal.mu.Unlock()
	s.snapshots = 0
	for _, q := range *s.parts.Load() {
		n, err := q.saveIfChanged()
		if err != nil {
			return err
		}
		s.snapshots += n
	}
	if err := s.saveMarks(); err != nil {
		return err
	}
	if first, _ := s.plane.store.Bounds(s.journal.log); first > last {
		return nil
	}
	return s.plane.store.Truncate(s.journal.log, 1, last+1)
}

// saveIfChanged writes a snapshot if something has happened since the last one.
func (q *Queue) saveIfChanged() (bytes int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gone || q.unsaved == 0 && !q.moved {
		return 0, nil
	}
	bytes, _, err = q.save(nil)
	return bytes, err
}

// save writes the subscription's document with what b has already; nil: alone.
// q.mu is held: the snapshot has all that the journal has of q.
func (q *Queue) save(b *store.Batch) (bytes int, t store.Ticket, err error) {
	if b == nil {
		b = &store.Batch{Frees: true}
	}
	doc := q.document()
	b.Put(subscriptionKey(q.stream.namespace, q.stream.number, q.number), doc)
	if _, t, err = q.stream.plane.store.Submit(b); err != nil {
		return 0, 0, err
	}
	q.unsaved, q.moved = 0, false
	return len(doc), t, nil
}

// saveMarks writes the topic's document if much was appended since it was written.
func (s *Stream) saveMarks() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.marks.saved == s.marks.total {
		return nil
	}
	b := store.Batch{Frees: true}
	b.Put(topicKey(s.namespace, s.number), s.document())
	if _, _, err := s.plane.store.Submit(&b); err != nil {
		return err
	}
	s.marks.saved = s.marks.total
	return nil
}
